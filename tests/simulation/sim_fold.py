"""One log, folded event by event: which transitions happen, and in which order things are undone."""

from typing import TYPE_CHECKING

from harmonia_core.contracts.rows import ExecutionRow
from harmonia_core.engine.walks import Level, levels, node_of
from harmonia_core.model.addresses import undone_by
from harmonia_core.model.events import CompensationBegun, Recorded, TaskScheduled, UndoRecorded
from harmonia_core.model.state import ExecutionState
from harmonia_core.model.statuses import EXECUTION_TRANSITIONS, TASK_TRANSITIONS

if TYPE_CHECKING:
    from sim_world import World


class Fold:
    """Watch one execution go from state to state."""

    def __init__(self, world: "World", row: ExecutionRow) -> None:
        self._ledger, self._seen = world.ledger, world.transitions
        self._name = world.ledger.alias(row.execution_id)
        self._recorded: dict[str, int] = {}
        self._begun: list[tuple[str, int, int]] = []

    def step(self, before: ExecutionState, recorded: Recorded, after: ExecutionState) -> None:
        """Take note of what one event did."""
        if before.seq:
            self._moved("execution", str(before.status), str(after.status), "")
        path = getattr(recorded.event, "path", None)
        if before.scope is not after.scope and before.seq:
            self._tasks(before, after, path or "")
        if before.undo is not after.undo:
            self._undos(before, after)
        self._order(recorded, after)

    def _moved(self, what: str, old: str, new: str, path: str) -> None:
        if old == new:
            return
        self._seen[what, old, new] += 1
        table = EXECUTION_TRANSITIONS if what == "execution" else TASK_TRANSITIONS
        allowed = table.get(old, frozenset())  # type: ignore[call-overload]
        if new not in allowed:
            self._ledger.wrong("transition", f"{self._name} {path}: {what} went from {old} to {new}")

    def _tasks(self, before: ExecutionState, after: ExecutionState, path: str) -> None:
        """Compare the tasks of each scope on the way to the one that the event is about."""
        if undone_by(path) is not None:
            return
        old = {level.owner: level for level in levels(before, path, into=True)}
        for level in levels(after, path, into=True):
            found = old.get(level.owner)
            if found is not None and _same_round(found, level):
                for node in level.nodes.tasks:
                    pair = found.graph.task(node.index).status, level.graph.task(node.index).status
                    self._moved("task", str(pair[0]), str(pair[1]), f"{level.owner}/{node.id}")
        if path.endswith("]"):
            item, was = after.task(path), before.task(path)
            if item is not None and was is not None:
                self._moved("task", str(was.status), str(item.status), path)

    def _undos(self, before: ExecutionState, after: ExecutionState) -> None:
        for number, entry in before.undo.entries():
            new = after.undo.entry(number)
            self._moved("task", str(entry.task.status), str(new.task.status), f"{entry.path}~undo")

    def _order(self, recorded: Recorded, after: ExecutionState) -> None:
        """Check that undos are numbered as their tasks ended, and begin with the last."""
        event = recorded.event
        if isinstance(event, UndoRecorded):
            if event.number != len(self._recorded) + 1 + self._inherited(event.number):
                self._ledger.wrong("undo-order", f"{self._name} {event.path}: number {event.number}")
            self._recorded[event.path] = event.number
        elif isinstance(event, CompensationBegun):
            self._begun = []
        elif isinstance(event, TaskScheduled) and event.first:
            path = undone_by(event.path)
            if path is not None:
                self._undo_begins(after, path)

    def _inherited(self, number: int) -> int:
        """Return how many undos a log that goes on from another one has from there."""
        if not self._recorded:
            self._base = number - 1
        return self._base

    def _undo_begins(self, state: ExecutionState, path: str) -> None:
        number = self._recorded.get(path, 0)
        for other, later, known in self._begun:
            if number and later < number <= known and not _of_one_map(state, path, other):
                self._ledger.wrong("undo-order", f"{self._name}: {path} is undone after {other}")
        if number:
            self._begun.append((path, number, state.undo.length))


def _same_round(old: Level, new: Level) -> bool:
    """Tell whether two looks at a scope are looks at the same round and item of it."""
    return old.item == new.item and (
        old.inside is None or new.inside is None or old.inside.iteration == new.inside.iteration
    )


def _of_one_map(state: ExecutionState, one: str, other: str) -> bool:
    """Tell whether two tasks lie in different items of one map, which are undone side by side."""
    for a, b in zip(one.split("/"), other.split("/"), strict=False):
        if a != b:
            name, same = a.partition("[")[0], a.partition("[")[0] == b.partition("[")[0]
            around = one[: one.index(a)] + name
            return same and "[" in a and node_of(state.graph, around).item is not None
    return False
