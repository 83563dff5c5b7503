"""What an adopter finds and says: attempts whose process is gone, and the report of a recovery."""

from dataclasses import dataclass, field

from harmonia_core.contracts.rows import RequestRow
from harmonia_core.engine.live import Live
from harmonia_core.engine.walks import begun
from harmonia_core.model.events import AttemptLost
from harmonia_core.model.state import ExecutionState
from harmonia_core.model.statuses import ExecutionStatus, TaskStatus

HELD_UP = frozenset({ExecutionStatus.ATTENTION, ExecutionStatus.PAUSED})
"""Where an execution stands that only a person can help on."""
OF_LOSS = frozenset({"lost", "lost-repeatedly"})
"""Why a task needs a person whose attempt was lost."""


@dataclass(slots=True)
class Recovery:
    """Report what `recover` found: ids adopted, owned by the living, and not adoptable with the reason.

    attention, paused: ids left as they are, because only a person can go on with them.
    """

    adopted: list[str] = field(default_factory=list)
    living: dict[str, str] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    attention: list[str] = field(default_factory=list)
    paused: list[str] = field(default_factory=list)

    def left(self, status: str) -> list[str] | None:
        """Return the list of those that are left as they are in a status, None if they are adopted."""
        return {"attention": self.attention, "paused": self.paused}.get(status)


def lost(state: ExecutionState) -> list[AttemptLost]:
    """Return what an adopter records of attempts whose process is gone; deferred ones go on.

    A process that got something done accuses none of the attempts that it took with it: one that kills its
    process is there until nothing else is left to be done, and is found then.
    """
    counted = state.ends <= state.ends_before
    return [
        AttemptLost(path, task.attempt, counted)
        for path, task in begun(state.graph, state)
        if task.status is TaskStatus.RUNNING and task.items is None and task.inside is None
    ]


def retry_request(live: Live, path: str) -> RequestRow:
    """Return the request to try a lost attempt again, on behalf of who recovers."""
    body = f'{{"path": "{path}"}}'
    actor = '{"kind": "person", "id": "recover"}'
    return RequestRow(
        f"retry:{live.execution_id}:{path}", live.execution_id, live.namespace, "retry", body, actor, 0.0
    )
