"""How tasks that have begun before go on or end without an attempt's doing. Pure."""

from collections.abc import Iterator

from harmonia_core.engine import children
from harmonia_core.model.commands import Command, FailTask, HoldTask, ScheduleTask, SucceedTask
from harmonia_core.model.graph import TaskNode
from harmonia_core.model.outcomes import ErrorInfo
from harmonia_core.model.state import TaskState

MAX_LOSSES = 3


def again(node: TaskNode, path: str, task: TaskState) -> Iterator[Command]:
    """Decide on a task that has begun before and is ready once more."""
    if task.reason == "fired":
        yield SucceedTask(path, task.attempt, None)
    elif (handed_over := children.handed_over(path, task)) is not None:
        yield handed_over
    elif task.reason == "total-timeout":
        stopping = list(children.stop(node, path, task))
        yield from stopping or (FailTask(path, task.attempt, total_timeout(node)),)
    elif task.reason == "retry":
        yield ScheduleTask(path, node, task.attempt + 1, False, task.input, task.holes)
    elif not node.idempotent:
        yield HoldTask(path, "lost")
    elif task.losses >= MAX_LOSSES:
        yield HoldTask(path, "lost-repeatedly")
    else:
        yield ScheduleTask(path, node, task.attempt, False, task.input, task.holes)


def total_timeout(node: TaskNode) -> ErrorInfo:
    """Return the error of a task that ran out of its total time."""
    message = f"Not ended within its total_timeout of {node.total_timeout} s, retries and waits included."
    return ErrorInfo("timeout", "total-timeout", message, retryable=False)


def not_enough(wanted: int) -> ErrorInfo:
    """Return the error of a race or a map that has come to its end too early."""
    message = f"All have ended, and fewer than {wanted} succeeded."
    return ErrorInfo("task", "not-enough", message, retryable=False)
