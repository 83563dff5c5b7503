"""What each kind of request becomes: events, or nothing if there is nothing left for it to do. Pure."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from harmonia_core.engine.approvals import decided, delegated
from harmonia_core.engine.messages import receive
from harmonia_core.engine.outcomes import reported
from harmonia_core.engine.retry import judge
from harmonia_core.engine.walks import node_of
from harmonia_core.model import events as e
from harmonia_core.model.events import Event
from harmonia_core.model.outcomes import ErrorInfo
from harmonia_core.model.state import ExecutionState, TaskState
from harmonia_core.model.statuses import FINAL_EXECUTION, TaskStatus


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
    if not state.cancelling:
        yield e.CancelRequested(wish.body.get("reason"))


def _retry(state: ExecutionState, wish: Wish) -> Iterator[Event]:
    path, task = _named(state, wish)
    if task is None or task.status not in (TaskStatus.ATTENTION, TaskStatus.BACKOFF):
        return
    message = "The process running it is gone."
    error = task.error or ErrorInfo("infrastructure", task.reason or "lost", message)
    yield e.RetryScheduled(path, task.attempt, error, wish.now)


def _complete(state: ExecutionState, wish: Wish) -> Iterator[Event]:
    path, task = _named(state, wish)
    if task is None:
        return
    body, attempt = wish.body, int(wish.body["attempt"])
    deferred = task.status is TaskStatus.BLOCKED and task.reason == "deferred"
    if not deferred or task.attempt != attempt:
        yield e.LateResultRefused(path, attempt, "failed" if body.get("error") else "succeeded")
    elif body.get("error"):
        policy = node_of(state.graph, path).retry
        yield judge(policy, path, attempt, reported(body["error"]), wish.now, wish.draw)
    else:
        yield e.TaskSucceeded(path, attempt, body.get("output"))


def _named(state: ExecutionState, wish: Wish) -> tuple[str, TaskState | None]:
    """Return the path that a request names, and the task or item there, if there is one."""
    path = str(wish.body.get("path", ""))
    try:
        return path, state.task(path)
    except ValueError:  # brackets with no number between them
        return path, None


_KINDS: Mapping[str, Callable[[ExecutionState, Wish], Iterator[Event]]] = {
    "cancel": _cancel,
    "retry": _retry,
    "complete": _complete,
    "message": receive,
    "decide": decided,
    "delegate": delegated,
}
