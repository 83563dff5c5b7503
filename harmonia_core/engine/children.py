"""Begin, repeat and end tasks that are executions of their own. Pure.

The events say what is wanted; the rows that carry it to the child are made in `child_rows`.
"""

from collections.abc import Iterator

from harmonia_core.engine.child_folds import CANCELLING, DETACHED, out_of_time
from harmonia_core.model.commands import (
    Answer,
    CancelChild,
    CancelTask,
    Command,
    FailTask,
    RequestChild,
    ScheduleTask,
    SucceedTask,
)
from harmonia_core.model.graph import TaskNode
from harmonia_core.model.outcomes import ErrorInfo
from harmonia_core.model.state import ExecutionState, TaskState
from harmonia_core.model.statuses import TaskStatus

MAX_DEPTH = 20
"""Executions one above the other. A recursion without an end meets it before it fills the store."""


def begin(node: TaskNode, path: str, answer: Answer, state: ExecutionState) -> list[Command]:
    """Return the commands with which a child is asked for."""
    schedule = ScheduleTask(path, node, 1, True, answer.value, answer.holes)
    if state.family.depth + 1 >= MAX_DEPTH:
        return [schedule, FailTask(path, 1, _too_deep())]
    return [schedule, request(node, path, 1, state)]


def begin_named(
    node: TaskNode, path: str, attempt: int, input: Answer, found: Answer, state: ExecutionState
) -> list[Command]:
    """Return the commands with which a child is asked for whose workflow is named, once that is looked up."""
    schedule = ScheduleTask(path, node, attempt, attempt == 1, input.value, input.holes)
    if found.error is not None:
        return [schedule, FailTask(path, attempt, found.error, node.retry)]
    if state.family.depth + 1 >= MAX_DEPTH:
        return [schedule, FailTask(path, attempt, _too_deep())]
    child = node.child
    assert child is not None
    return [schedule, RequestChild(state.execution_id, path, attempt, str(found.value), child.detach, True)]


def request(node: TaskNode, path: str, attempt: int, state: ExecutionState) -> RequestChild:
    """Return what asks for the child of an attempt."""
    child = node.child
    assert child is not None
    address = child.definition_hash or state.graph.definition_hash
    return RequestChild(state.execution_id, path, attempt, address, child.detach, child.pinned)


def handed_over(path: str, task: TaskState) -> Command | None:
    """Return the end of a task whose detached child is on its way; None for any other task."""
    if task.reason != DETACHED:
        return None
    return SucceedTask(path, task.attempt, {"execution": task.child})


def stop(node: TaskNode, path: str, task: TaskState) -> Iterator[Command]:
    """Let the child of a task end that is out of its total time; nothing if it has none at work."""
    child = node.child
    if not out_of_time(task) or child is None or child.abandon or child.detach:
        return
    yield CancelChild(path, task.child or "")


def wind(node: TaskNode, path: str, task: TaskState) -> Iterator[Command]:
    """End a task early: its child first, unless that goes on without it."""
    child = node.child
    if task.status is TaskStatus.BLOCKED and task.reason == CANCELLING:
        return
    at_work = task.status is TaskStatus.BLOCKED or out_of_time(task)
    if child is None or child.abandon or child.detach or not at_work:
        yield CancelTask(path, task.attempt)
    else:
        yield CancelChild(path, task.child or "")


def _too_deep() -> ErrorInfo:
    message = f"Executions are started by executions at most {MAX_DEPTH} deep."
    return ErrorInfo("validation", "too-deep", message, retryable=False)
