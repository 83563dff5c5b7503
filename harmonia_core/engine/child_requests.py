"""What becomes of a task when the execution that carries it out has something to say. Pure."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from harmonia_core.engine.child_folds import CHILD, waits
from harmonia_core.engine.ends import total_timeout
from harmonia_core.engine.outcomes import for_good, reported
from harmonia_core.engine.retry import judge
from harmonia_core.engine.walks import node_of
from harmonia_core.engine.winding import winding
from harmonia_core.model import events as e
from harmonia_core.model.codec import read_ref
from harmonia_core.model.events import Event
from harmonia_core.model.outcomes import ErrorInfo
from harmonia_core.model.refs import Stored
from harmonia_core.model.state import ExecutionState, TaskState

if TYPE_CHECKING:
    from harmonia_core.engine.request_kinds import Wish


def from_child(state: ExecutionState, wish: "Wish") -> Iterator[Event]:
    """Yield the event with which a task takes what its child reports."""
    body = wish.body
    path, attempt, status = str(body["path"]), int(body["attempt"]), str(body["status"])
    task = state.task(path)
    if task is None or not waits(task, str(body["child_id"])):
        if status != "started":
            yield e.LateResultRefused(path, attempt, status)
    elif status == "started":
        yield e.TaskSucceeded(path, attempt, {"execution": body["child_id"]})
    elif status == "completed":
        yield e.TaskSucceeded(path, attempt, handed_on(body, "output"))
    else:
        yield _failed(state, task, wish)


def handed_on(body: Mapping[str, Any], name: str) -> Stored:
    """Return a value of a request, which may be a reference."""
    return read_ref(body[f"{name}@"]) if f"{name}@" in body else body.get(name)


def _failed(state: ExecutionState, task: TaskState, wish: "Wish") -> Event:
    """End a task whose child did not complete, or let it have another attempt."""
    body = wish.body
    path, node = str(body["path"]), node_of(state.graph, str(body["path"]))
    ending = winding(state, path)
    if task.reason != CHILD and not ending:
        return e.TaskFailed(path, task.attempt, total_timeout(node))
    if ending and body.get("error") is None:
        return e.TaskCancelled(path, task.attempt)
    policy = None if ending else node.retry
    return for_good(
        state,
        node,
        judge(policy, path, task.attempt, error_of(body), state.control.time(wish.now), wish.draw),
    )


def error_of(body: Mapping[str, Any]) -> ErrorInfo:
    """Return the error of a task whose child did not complete.

    It is the child's own, as the error of what stands inside a composite is the composite's: what
    `catch` and `retry_on` name is the same on both sides. details: the execution, and its error whole.
    """
    child, shape = body["child_id"], body.get("error")
    if shape is None:
        message = f"Execution {child}, which carried out the task, has ended as {body['status']}"
        reason = f": {body['reason']}." if body.get("reason") else "."
        ended = body["status"]
        code = "execution-terminated" if ended == "terminated" else f"child-{ended}"
        details = {"execution": child}
        return ErrorInfo("cancelled", code, message + reason, retryable=False, details=details)
    error = reported(shape)
    return ErrorInfo(
        error.category,
        error.code,
        error.message,
        retryable=error.retryable,
        details={"execution": child, "error": shape},
        cause=error.cause,
        kind=error.kind,
    )
