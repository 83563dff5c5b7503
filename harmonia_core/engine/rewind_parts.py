"""Judge which maps and composites can be gone on from in part, and which have failed inside. Pure."""

from harmonia_core.model.graph import TaskNode
from harmonia_core.model.outcomes import ErrorInfo
from harmonia_core.model.state import TaskState
from harmonia_core.model.statuses import TaskStatus


def opens(node: TaskNode, task: TaskState) -> bool:
    """Tell whether what has been done inside a task can be gone on from, in part."""
    if task.items is not None and node.item is not None:
        return node.enough is None
    return task.inside is not None and node.scope is not None


def failed_inside(node: TaskNode, task: TaskState) -> bool:
    """Tell whether a task has failed because something inside it has, so that only that need run again."""
    error: ErrorInfo | None = task.error
    if task.items is not None:
        return error is not None and error.code == "item-failed" and task.items.failed > 0
    if task.inside is None:
        return False
    tasks = (one for page in task.inside.graph.pages for one in page)
    return any(one.status is TaskStatus.FAILED and one.error == error for one in tasks)
