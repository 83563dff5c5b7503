"""Give what goes on in another execution its own time. Pure; the time is handed in."""

from harmonia_core.engine.walks import positions
from harmonia_core.model.graph import Scope, TaskNode
from harmonia_core.model.state import PAGE_BITS, PAGE_MASK, ExecutionState, GraphState, TaskState


def timed(state: ExecutionState, now: float) -> ExecutionState:
    """Return the state in which every map and composite under way has its whole `total_timeout` from now.

    state: as an execution begins with it, in which nothing has a deadline yet.
    """
    return state._replace(scope=_scope(state.graph.root, state.scope, now))


def _scope(nodes: Scope, scope: GraphState, now: float) -> GraphState:
    pages: dict[int, list[TaskState]] = {}
    for position in positions(scope.active):
        number, slot = position >> PAGE_BITS, position & PAGE_MASK
        page = pages.setdefault(number, list(scope.pages[number]))
        page[slot] = _task(nodes.tasks[position], page[slot], now)
    whole = (tuple(pages.get(number, page)) for number, page in enumerate(scope.pages))
    return scope._replace(pages=tuple(whole))


def _task(node: TaskNode, task: TaskState, now: float) -> TaskState:
    items, inside = task.items, task.inside
    if items is None and inside is None:
        return task
    if node.total_timeout is not None:
        task = task._replace(total_deadline=now + node.total_timeout)
    if items is not None and node.item is not None:
        flight = {index: _task(node.item, item, now) for index, item in items.flight.items()}
        task = task._replace(items=items._replace(flight=flight))
    if inside is not None and node.scope is not None:
        task = task._replace(inside=inside._replace(graph=_scope(node.scope, inside.graph, now)))
    return task
