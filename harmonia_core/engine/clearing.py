"""End what has begun at once, without waiting for its attempts: their results come too late. Pure."""

from collections.abc import Iterator

from harmonia_core.engine.child_folds import CANCELLING
from harmonia_core.engine.families import set_free
from harmonia_core.engine.walks import begun, below, node_of
from harmonia_core.model import events as e
from harmonia_core.model.events import Event
from harmonia_core.model.graph import TaskNode
from harmonia_core.model.state import ExecutionState, TaskState
from harmonia_core.model.statuses import TaskStatus


def cleared(state: ExecutionState) -> Iterator[Event]:
    """Yield the end of all that has begun in an execution, what lies inside first."""
    for path, task in reversed(begun(state.graph, state)):
        yield e.TaskCancelled(path, task.attempt)


def cleared_inside(state: ExecutionState, path: str, task: TaskState) -> Iterator[Event]:
    """Yield the end of all that has begun inside a task, and of the executions that carry parts of it out."""
    node = node_of(state.graph, path)
    yield from _children(state, node, path, task)
    inside = list(below(node, task, path))
    for part, part_node, part_task in inside:
        yield from _children(state, part_node, part, part_task)
    for part, _, part_task in reversed(inside):
        yield e.TaskCancelled(part, part_task.attempt)


def _children(state: ExecutionState, node: TaskNode, path: str, task: TaskState) -> Iterator[Event]:
    """Yield what lets a child end whose task ends, or go on without it."""
    child = node.child
    if child is None or task.child is None or child.detach or task.reason == CANCELLING:
        return
    if child.abandon:
        yield from set_free(state, path)
    elif task.status is TaskStatus.BLOCKED:
        yield e.ChildCancelRequested(path, task.child)
