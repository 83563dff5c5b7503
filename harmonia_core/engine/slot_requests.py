"""What an execution makes of the news about its waiting for slots. Pure."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from harmonia_core.engine.gating import asked_again
from harmonia_core.engine.outcomes import for_good
from harmonia_core.engine.walks import node_of
from harmonia_core.model import events as e
from harmonia_core.model.events import Event
from harmonia_core.model.outcomes import ErrorInfo
from harmonia_core.model.state import ExecutionState
from harmonia_core.model.statuses import ExecutionStatus

if TYPE_CHECKING:
    from harmonia_core.engine.request_kinds import Wish

SKIPPED = "skipped: concurrency"
"""Why an execution was cancelled that was not to wait for others of its workflow."""


def from_slots(state: ExecutionState, wish: "Wish") -> Iterator[Event]:
    """Yield what follows; nothing if what waited has ended, or waits for something else by now."""
    path = str(wish.body.get("path", ""))
    claim = state.slots.claims.get(path)
    if claim is None or claim.granted or claim.seq != wish.body.get("seq"):
        return
    if wish.body.get("granted"):
        if state.status is ExecutionStatus.PAUSED:
            yield asked_again(path, claim, state.task(path) if path else None)
        else:
            yield e.SlotsGranted(path, claim.attempt)
    elif wish.body.get("skip"):
        yield e.CancelRequested(SKIPPED)
    else:
        task = state.task(path)
        if task is not None:
            error = _unknown(str(wish.body.get("unknown", "")))
            yield for_good(state, node_of(state.graph, path), e.TaskFailed(path, task.attempt, error))


def _unknown(key: str) -> ErrorInfo:
    name = key.partition(":")[2]
    message = f"Nobody has said how much of {name!r} there is: harmonia limits set resource {name} --max N."
    return ErrorInfo("validation", "limit-unknown", message, retryable=False)
