"""End what is cancelled, stopped or out of time: what has begun inside first, then itself. Pure.

Attempts that run are interrupted by the shell and end by their own outcome; everything else that
has begun is ended here. Tasks that never began need no event. The last step of a sequence
(`finally`) is carried out all the same, as if nothing were being ended.
"""

from typing import TYPE_CHECKING

from harmonia_core.engine import children
from harmonia_core.engine.walks import inside_path, levels, positions
from harmonia_core.ids import item_path
from harmonia_core.model.addresses import undone_by
from harmonia_core.model.commands import CancelExecution, CancelTask, EnterStep, FailExecution
from harmonia_core.model.graph import Graph, Scope, TaskNode
from harmonia_core.model.outcomes import ErrorInfo
from harmonia_core.model.state import ExecutionState, GraphState, InsideState, TaskState
from harmonia_core.model.statuses import FINAL_TASK, TaskStatus

if TYPE_CHECKING:
    from harmonia_core.engine.turn import Turn

INTERRUPTED = ErrorInfo("cancelled", "interrupted", "Ended before its time.", retryable=False)
"""What a `finally` finds as the error, if what it belongs to is ended early."""


def wind_down(turn: "Turn", graph: Graph, state: ExecutionState) -> None:
    """End the begun tasks, or the execution when none is left."""
    if state.scope.active:
        wind_scope(turn, graph.root, state.scope, "")
    elif state.cancelling:
        turn.out.append(CancelExecution(state.reason))
    else:
        turn.out.append(FailExecution(execution_timeout(graph), state.failed))


def wind_scope(turn: "Turn", nodes: Scope, scope: GraphState, prefix: str) -> None:
    """End the begun tasks of a scope."""
    for position in positions(scope.active):
        node = nodes.tasks[position]
        wind(turn, node, prefix + node.id, scope.task(position))


def wind(turn: "Turn", node: TaskNode, path: str, task: TaskState) -> None:
    """End a begun task or item, or what has begun inside it."""
    if task.items is not None and task.items.flight and node.item is not None:
        for index, item in task.items.flight.items():
            wind(turn, node.item, item_path(path, index), item)
    elif task.inside is not None and node.scope is not None:
        if not wind_inside(turn, node.scope, path, task.inside):
            turn.out.append(CancelTask(path, task.attempt))
    elif node.child is not None:
        turn.out.extend(children.wind(node, path, task))
    elif task.status is not TaskStatus.RUNNING or task.items is not None:
        turn.out.append(CancelTask(path, task.attempt))


def wind_inside(turn: "Turn", nodes: Scope, path: str, inside: InsideState) -> bool:
    """End what has begun inside a composite and carry out its last step; tell whether that goes on."""
    within = f"{inside_path(path, nodes, inside)}/"
    if closes(nodes, inside):
        if inside.graph.task(inside.cursor).status in FINAL_TASK:
            return False
        turn.graph(nodes, inside.graph, within)
        return True
    if inside.graph.active:
        wind_scope(turn, nodes, inside.graph, within)
        return True
    last = None if nodes.order is None else nodes.order.last
    if last is None or inside.cursor < 0:
        return False
    turn.out.append(EnterStep(path, last, inside.iteration, INTERRUPTED, None, True))
    return True


def closes(nodes: Scope, inside: InsideState) -> bool:
    """Tell whether a sequence carries out its last step, which nothing ends early."""
    return nodes.order is not None and nodes.order.last is not None and inside.cursor == nodes.order.last


def winding(state: ExecutionState, path: str) -> bool:
    """Tell whether a task is being ended early, with the execution or with something that it lies in.

    What undoes is never: it would be ended by the very thing that makes it necessary.
    """
    if undone_by(path) is not None:
        return False
    ended = state.cancelling or state.timed_out
    if "/" not in path and "[" not in path:
        return ended
    for level in levels(state, path):
        inside = level.inside
        if inside is not None:
            ended = (ended or inside.stopped is not None) and not closes(level.nodes, inside)
        if level.position < 0:
            break
        task = level.graph.task(level.position)
        items = task.items if level.item is not None else None
        if items is not None:
            ended = ended or items.stopped or task.reason == "total-timeout"
            task = items.flight.get(level.item, TaskState())  # type: ignore[arg-type]
        if task.inside is not None:
            ended = ended or task.reason == "total-timeout"
    return ended


def execution_timeout(graph: Graph) -> ErrorInfo:
    """Return the error of an execution that has passed its deadline."""
    message = f"The execution did not end within its timeout of {graph.timeout} s."
    return ErrorInfo("timeout", "execution-timeout", message, retryable=False)
