"""The projections that a whole log demands: what the batches wrote, derived again from its events. Pure.

What a batch writes is `task_rows` and `timer_rows`; what they add up to over a log follows
from its fold, but for items that have ended, whose rows are given as they end.
"""

from collections.abc import Iterator, Sequence

from pydantic_core import to_json

from harmonia_core.contracts.rows import ExecutionRow, SlotRow, TaskRow, TimerRow
from harmonia_core.engine.evolve import evolve
from harmonia_core.engine.projections import (
    final_error,
    inherited,
    open_timers,
    row_of,
    task_rows,
    touched_path,
)
from harmonia_core.engine.slot_rows import slot_rows
from harmonia_core.engine.walks import below, undoing
from harmonia_core.model.codec import canonical
from harmonia_core.model.events import Beginning, Recorded
from harmonia_core.model.graph import Graph
from harmonia_core.model.state import ExecutionState, begin
from harmonia_core.model.statuses import FINAL_TASK, ExecutionStatus


class Derivation:
    """Fold a log event by event. state: after the last one taken. since: what it goes on from, if it does."""

    __slots__ = ("_first", "_touched", "state")

    def __init__(self, graph: Graph, execution_id: str, since: ExecutionState | None = None) -> None:
        self.state: ExecutionState = begin(graph, execution_id) if since is None else since
        # Bits: positions of the root's tasks that have a row.
        self._touched = sum(
            1 << graph.root.index[path] for path in inherited(self.state) if path in graph.root.index
        )
        self._first: Recorded | None = None

    def take(self, recorded: Recorded) -> TaskRow | None:
        """Fold one event; return the row of the item, or of the task inside a composite, that it ended."""
        if self._first is None:
            self._first = recorded
        before, path = self.state, touched_path(recorded)
        self.state = evolve(before, recorded)
        if not path:
            return None
        position = self.state.graph.root.index.get(path)
        if position is not None:
            self._touched |= 1 << position
            return None
        task = self.state.task(path)
        ended = task is None or task.status in FINAL_TASK
        return task_rows(before, self.state, [recorded])[0] if ended else None

    def tasks(self) -> Iterator[TaskRow]:
        """Yield the rows of the workflow's own tasks that have one, and of all that has begun inside them."""
        state = self.state
        for node in state.graph.root.tasks:
            if self._touched >> node.index & 1:
                task = state.scope.task(node.index)
                yield row_of(state, node.id, task)
                if task.status not in FINAL_TASK:
                    for path, _, within in below(node, task, node.id):
                        yield row_of(state, path, within)
        for path, task in undoing(state):
            yield row_of(state, path, task)

    def timers(self) -> list[TimerRow]:
        """Return the open timers."""
        return open_timers(self.state)

    def slots(self, stood: Sequence[SlotRow], namespace: str) -> list[SlotRow]:
        """Return the rows of what holds slots or waits for them, given those that stand there.

        What goes on in another log has its rows until that begins, and none from then on.
        """
        handed_on = self.state.status is ExecutionStatus.CONTINUED and not stood
        return [] if handed_on else slot_rows(self.state, namespace)

    def head(self, stood: ExecutionRow) -> ExecutionRow:
        """Return a head with its projected fields as the log has them; the others are left as they stood."""
        state, first = self.state, self._first
        started = first.event if first is not None else None
        if first is None or not isinstance(started, Beginning):
            return stood
        return stood._replace(
            workflow=started.workflow,
            version=started.version,
            definition_hash=started.definition_hash,
            status=str(state.status),
            reason=state.reason,
            created_at=first.at,
            started_at=state.started_at,
            ended_at=state.ended_at,
            root_id=state.root_id,
            labels=canonical(state.labels).decode(),
            error=final_error(state),
            actor=None if first.actor is None else to_json(first.actor).decode(),
        )
