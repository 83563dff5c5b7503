"""What a person can decide about a task or an undo, and why not. Pure."""

from collections.abc import Iterator, Mapping

from harmonia_core.engine.walks import begun, levels, node_of
from harmonia_core.model import events as e
from harmonia_core.model.addresses import undone_by
from harmonia_core.model.events import Event
from harmonia_core.model.graph import TaskNode
from harmonia_core.model.outcomes import ErrorInfo
from harmonia_core.model.state import ExecutionState, TaskState
from harmonia_core.model.statuses import FINAL_TASK, TaskStatus
from harmonia_core.model.undo_events import Resolution

RESOLVED = "resolved"
"""Why a task was skipped that a person has skipped."""

_STOPPED = frozenset({TaskStatus.ATTENTION, TaskStatus.BACKOFF})


def resolve(
    state: ExecutionState, how: Resolution, path: str, comment: str | None, now: float
) -> Iterator[Event]:
    """Yield what follows from a decision; nothing if it does not apply any more."""
    if refusal(state, how, path) is not None:
        return
    task = state.task(path)
    assert task is not None
    if how != "retry" or comment is not None:  # the retry says by itself who wants it
        yield e.TaskResolved(path, how, comment)
    if how == "skip":
        yield e.TaskSkipped(path, RESOLVED)
    elif how == "done":
        yield e.TaskSucceeded(path, task.attempt, None)
    elif how == "fail":
        yield e.TaskFailed(path, task.attempt, _error(task))
    else:
        yield e.RetryScheduled(path, task.attempt, _error(task), now)


def _error(task: TaskState) -> ErrorInfo:
    gone = "The process running it is gone."
    return task.error or ErrorInfo("infrastructure", task.reason or "lost", gone)


def refusal(state: ExecutionState, how: Resolution, path: str) -> str | None:
    """Return why a person cannot decide this about a task or an undo; None if it is possible."""
    try:
        task, node = state.task(path), node_of(state.graph, path)
    except (KeyError, ValueError):
        return "there is no such task"
    if task is None:
        return "it has not begun, or has ended and is gone"
    if task.status in FINAL_TASK:
        return f"it has ended as {task.status.value}"
    if undone_by(path) is not None:
        return _of_undo(how, task)
    if how == "done":
        return "only an undo can be done by hand; a task can be retried, skipped or failed"
    if how == "skip":
        return _unskippable(state, path, node, task)
    if task.status not in _STOPPED:
        return f"it is {task.status.value}; only what is in attention or in backoff can be decided about"
    if how == "retry" and node.item is not None:
        return "a map does not begin anew; skip it or let it fail"
    return None


def _of_undo(how: Resolution, task: TaskState) -> str | None:
    if how == "fail":
        return "an undo cannot be given up as failed; retry it, skip it, or say that it is done"
    if task.status not in _STOPPED:
        return f"it is {task.status.value}; only what is in attention or in backoff can be decided about"
    return None


def _unskippable(state: ExecutionState, path: str, node: TaskNode, task: TaskState) -> str | None:
    holds = node.scope is not None or node.item is not None
    if holds and task.status is TaskStatus.RUNNING:
        return "what lies inside it is at work; decide about that, or cancel the execution"
    level = levels(state, path)[-1]
    steps = level.nodes.order is not None and level.inside is not None and level.item is None
    if steps and level.inside is not None and level.position != level.inside.cursor:
        return "its sequence has not come to it"
    return None


def open_decisions(state: ExecutionState) -> Mapping[str, str]:
    """Return what waits for a person, with the reason."""
    found = begun(state.graph, state)
    return {path: task.reason or "" for path, task in found if task.status is TaskStatus.ATTENTION}
