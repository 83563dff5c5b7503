"""What the events of sub-workflows do to the task that each names. Pure.

A task that waits for its child is `blocked`: `child`, or `child-cancelling` once the child is to end.
"""

from harmonia_core.model import events as e
from harmonia_core.model.events import Recorded
from harmonia_core.model.state import TaskState
from harmonia_core.model.statuses import TaskStatus

CHILD, CANCELLING, DETACHED = "child", "child-cancelling", "detached"


def requested(task: TaskState, event: e.ChildRequested, at: Recorded) -> TaskState:
    """Wait for the child; a detached one that is sure to begin is waited for no further."""
    if event.detached and not event.pinned:
        return task._replace(status=TaskStatus.READY, reason=DETACHED, child=event.child_id)
    return task._replace(status=TaskStatus.BLOCKED, reason=CHILD, child=event.child_id)


def cancel_requested(task: TaskState, event: e.ChildCancelRequested, at: Recorded) -> TaskState:
    """Wait for the end of a child that is to end early."""
    return task._replace(status=TaskStatus.BLOCKED, reason=CANCELLING)


def out_of_time(task: TaskState) -> bool:
    """Tell whether a task is out of its total time while its child is still at work.

    A task that was waiting for its next attempt has the error of the last one.
    """
    return task.child is not None and task.reason == "total-timeout" and task.error is None


def waits(task: TaskState, child_id: str) -> bool:
    """Tell whether a task waits for this child."""
    return task.child == child_id and (task.reason in (CHILD, CANCELLING) or out_of_time(task))
