"""From where an ended execution is run again if nobody says so: what went wrong, as deep as can be. Pure."""

from collections.abc import Iterator

from harmonia_core.engine.walks import inside_path
from harmonia_core.ids import item_path
from harmonia_core.model.graph import Scope, TaskNode
from harmonia_core.model.state import MARK_CANCELLED, MARK_FAILED, PAGE, ExecutionState, GraphState, TaskState
from harmonia_core.model.statuses import FINAL_TASK, TaskStatus

_WRONG = frozenset({TaskStatus.FAILED, TaskStatus.CANCELLED})
_MARKED = frozenset({MARK_FAILED, MARK_CANCELLED})


def unsuccessful(state: ExecutionState) -> Iterator[str]:
    """Yield the paths of what failed, was cancelled or never ended; of a composite, of what did so inside."""
    yield from _in_scope(state.graph.root, state.scope, "")


def _in_scope(nodes: Scope, scope: GraphState, prefix: str) -> Iterator[str]:
    for node in nodes.tasks:
        task = scope.task(node.index)
        if task.status in _WRONG or (task.attempt and task.status not in FINAL_TASK):
            yield from list(_deepest(node, task, prefix + node.id)) or [prefix + node.id]
            if nodes.order is not None:
                return  # what followed in a sequence was there because of this one


def _deepest(node: TaskNode, task: TaskState, path: str) -> Iterator[str]:
    if task.items is not None:
        for number, page in enumerate(task.items.marks):
            for place, mark in enumerate(page):
                if mark in _MARKED:
                    yield item_path(path, number * PAGE + place)
        yield from (item_path(path, index) for index in sorted(task.items.flight))
    if task.inside is not None and node.scope is not None:
        yield from _in_scope(node.scope, task.inside.graph, f"{inside_path(path, node.scope, task.inside)}/")
