"""What a person can decide about a task or an undo, and why not. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from harmonia_core.engine.clearing import cleared_inside
from harmonia_core.engine.walks import begun, levels, node_of
from harmonia_core.model import events as e
from harmonia_core.model.addresses import undone_by
from harmonia_core.model.events import Event
from harmonia_core.model.outcomes import ErrorInfo
from harmonia_core.model.refs import Stored
from harmonia_core.model.refusal import Refusal
from harmonia_core.model.state import ExecutionState, TaskState
from harmonia_core.model.statuses import FINAL_TASK, TaskStatus
from harmonia_core.model.undo import lies_in
from harmonia_core.model.undo_events import Resolution

RESOLVED = "resolved"
"""Why a task was skipped that a person has skipped."""

_STOPPED = frozenset({TaskStatus.ATTENTION, TaskStatus.BACKOFF})


class Given(NamedTuple):
    """Hold the output with which a person skips a task: it counts as succeeded then."""

    output: Stored


def resolve(
    state: ExecutionState,
    how: Resolution,
    path: str,
    comment: str | None,
    now: float,
    given: Given | None = None,
) -> Iterator[Event]:
    """Yield what follows from a decision; nothing if it does not apply any more. given: of a skip."""
    if refusal(state, path, how) is not None:
        return
    task = state.task(path)
    assert task is not None
    if how != "retry" or comment is not None:  # the retry says by itself who wants it
        yield e.TaskResolved(path, how, comment)
    if how == "skip":
        yield from cleared_inside(state, path, task)
        yield _skipped(path, task, given)
    elif how == "done":
        yield e.TaskSucceeded(path, task.attempt, None)
    elif how == "fail":
        yield e.TaskFailed(path, task.attempt, _error(task))
    else:
        yield e.RetryScheduled(path, task.attempt, _error(task), state.control.time(now))


def _skipped(path: str, task: TaskState, given: Given | None) -> Event:
    if given is None:
        return e.TaskSkipped(path, RESOLVED)
    return e.TaskSucceeded(path, task.attempt, given.output, given=True)


def given_in(body: Mapping[str, Any]) -> Given | None:
    """Return the output that a request to skip a task gives it, None if it gives none."""
    return Given(body["output"]) if "output" in body else None


def _error(task: TaskState) -> ErrorInfo:
    gone = "The process running it is gone."
    return task.error or ErrorInfo("infrastructure", task.reason or "lost", gone)


def refusal(state: ExecutionState, path: str, how: Resolution) -> Refusal | None:
    """Return why a person cannot decide this about a task or an undo; None if it is possible."""
    try:
        task, node = state.task(path), node_of(state.graph, path)
    except (KeyError, ValueError):
        return Refusal("task-unknown", "there is no such task")
    if task is None:
        return Refusal("task-not-there", "it has not begun, or has ended and is gone")
    if task.status in FINAL_TASK:
        return Refusal("task-finished", f"it has ended as {task.status.value}")
    if undone_by(path) is not None:
        return _of_undo(how, task)
    if how == "done":
        reason = "only an undo can be done by hand; a task can be retried, skipped or failed"
        return Refusal("not-an-undo", reason)
    if how == "skip":
        return _unskippable(state, path)
    if task.status not in _STOPPED:
        return _not_stopped(task)
    if how == "retry" and node.item is not None:
        return Refusal("map-not-repeatable", "a map does not begin anew; skip it or let it fail")
    return None


def _of_undo(how: Resolution, task: TaskState) -> Refusal | None:
    if how == "fail":
        reason = "an undo cannot be given up as failed; retry it, skip it, or say that it is done"
        return Refusal("undo-cannot-fail", reason)
    return None if task.status in _STOPPED else _not_stopped(task)


def _not_stopped(task: TaskState) -> Refusal:
    reason = f"it is {task.status.value}; only what is in attention or in backoff can be decided about"
    return Refusal("task-not-stopped", reason)


def _unskippable(state: ExecutionState, path: str) -> Refusal | None:
    if any(lies_in(one.path, path) or one.path == path for one in state.undo.open if one.path):
        return Refusal("compensating", "what it has done is being undone")
    level = levels(state, path)[-1]
    steps = level.nodes.order is not None and level.inside is not None and level.item is None
    if steps and level.inside is not None and level.position != level.inside.cursor:
        return Refusal("step-not-reached", "its sequence has not come to it")
    return None


def open_decisions(state: ExecutionState) -> Mapping[str, str]:
    """Return what waits for a person, with the reason."""
    found = begun(state.graph, state)
    return {path: task.reason or "" for path, task in found if task.status is TaskStatus.ATTENTION}
