"""What each kind of request becomes: events, or nothing if there is nothing left for it to do. Pure."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from harmonia_core.contracts.slots import SLOTS
from harmonia_core.engine import controlling
from harmonia_core.engine.actions import refused as refused_action
from harmonia_core.engine.approvals import decided, delegated
from harmonia_core.engine.child_requests import from_child
from harmonia_core.engine.families import set_free
from harmonia_core.engine.late import refused
from harmonia_core.engine.messages import receive
from harmonia_core.engine.outcomes import for_good, reported
from harmonia_core.engine.resolving import given_in, resolve
from harmonia_core.engine.retry import judge
from harmonia_core.engine.slot_requests import from_slots
from harmonia_core.engine.upgrading import upgraded
from harmonia_core.engine.walks import node_of
from harmonia_core.model import events as e
from harmonia_core.model.events import Event
from harmonia_core.model.state import ExecutionState, TaskState
from harmonia_core.model.statuses import FINAL_EXECUTION, TaskStatus
from harmonia_core.model.undo_events import Resolution


class Wish(NamedTuple):
    """Hold what a request asks for. draw: uniform in [-1, 1], for the jitter of a retry."""

    body: Mapping[str, Any]
    now: float
    draw: float = 0.0
    request_id: str = ""


def from_request(state: ExecutionState, kind: str, wish: Wish) -> Iterator[Event]:
    """Yield the events of a request; none if there is nothing left for it to do."""
    found = _KINDS.get(kind)
    if found is not None and state.status not in FINAL_EXECUTION:
        yield from found(state, wish)


def _cancel(state: ExecutionState, wish: Wish) -> Iterator[Event]:
    if refused_action(state, "cancel") is None:
        yield from set_free(state)
        yield e.CancelRequested(wish.body.get("reason"))


def _undo(state: ExecutionState, wish: Wish) -> Iterator[Event]:
    if refused_action(state, "undo") is None:
        yield from set_free(state)
        yield e.CancelRequested(wish.body.get("reason"), compensate=True)


def _resolved(how: Resolution) -> Callable[[ExecutionState, Wish], Iterator[Event]]:
    def resolved(state: ExecutionState, wish: Wish) -> Iterator[Event]:
        path, comment = str(wish.body.get("path", "")), wish.body.get("comment")
        return resolve(state, how, path, comment, wish.now, given_in(wish.body))

    return resolved


def _complete(state: ExecutionState, wish: Wish) -> Iterator[Event]:
    path, task = _named(state, wish)
    if task is None:
        return
    body, attempt = wish.body, int(wish.body["attempt"])
    deferred = task.status is TaskStatus.BLOCKED and task.reason == "deferred"
    if not deferred or task.attempt != attempt:
        outcome = "failed" if body.get("error") else "succeeded"
        yield from refused(state, path, attempt, outcome, body.get("output"))
    elif body.get("error"):
        node = node_of(state.graph, path)
        judged = judge(
            node.retry, path, attempt, reported(body["error"]), state.control.time(wish.now), wish.draw
        )
        yield for_good(state, node, judged)
    else:
        yield e.TaskSucceeded(path, attempt, body.get("output"), memo=task.memo)


def _named(state: ExecutionState, wish: Wish) -> tuple[str, TaskState | None]:
    """Return the path that a request names, and the task or item there, if there is one."""
    path = str(wish.body.get("path", ""))
    try:
        return path, state.task(path)
    except ValueError:  # brackets with no number between them
        return path, None


_KINDS: Mapping[str, Callable[[ExecutionState, Wish], Iterator[Event]]] = {
    "cancel": _cancel,
    "undo": _undo,
    "retry": _resolved("retry"),
    "skip": _resolved("skip"),
    "fail": _resolved("fail"),
    "done": _resolved("done"),
    "pause": controlling.pause,
    "resume": controlling.resume,
    "terminate": controlling.terminate,
    "upgrade": upgraded,
    "set": controlling.set_variables,
    "priority": controlling.prioritise,
    "complete": _complete,
    "child": from_child,
    "message": receive,
    "decide": decided,
    "delegate": delegated,
    SLOTS: from_slots,
}
