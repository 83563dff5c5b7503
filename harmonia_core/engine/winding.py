"""End what is cancelled, stopped or out of time: what has begun inside first, then itself. Pure.

Attempts that run are interrupted by the shell and end by their own outcome;
everything else that has begun is ended here. Tasks that never began need no event.
"""

from harmonia_core.engine import children
from harmonia_core.engine.walks import inside_path, positions
from harmonia_core.ids import item_path
from harmonia_core.model.commands import CancelExecution, CancelTask, Command, FailExecution
from harmonia_core.model.graph import Graph, Scope, TaskNode
from harmonia_core.model.outcomes import ErrorInfo
from harmonia_core.model.state import ExecutionState, GraphState, TaskState
from harmonia_core.model.statuses import TaskStatus


def wind_down(graph: Graph, state: ExecutionState) -> list[Command]:
    """Return what ends the begun tasks, or the execution when none is left."""
    commands: list[Command] = []
    wind_scope(graph.root, state.scope, "", commands)
    if state.scope.active:
        return commands
    if state.cancelling:
        return [CancelExecution(state.reason)]
    return [FailExecution(execution_timeout(graph), state.failed)]


def wind_scope(nodes: Scope, scope: GraphState, prefix: str, out: list[Command]) -> None:
    """Add what ends the begun tasks of a scope."""
    for position in positions(scope.active):
        node = nodes.tasks[position]
        wind(node, prefix + node.id, scope.task(position), out)


def wind(node: TaskNode, path: str, task: TaskState, out: list[Command]) -> None:
    """Add what ends a begun task or item, or what has begun inside it."""
    if task.items is not None and task.items.flight and node.item is not None:
        for index, item in task.items.flight.items():
            wind(node.item, item_path(path, index), item, out)
    elif task.inside is not None and node.scope is not None and task.inside.graph.active:
        wind_scope(node.scope, task.inside.graph, f"{inside_path(path, node.scope, task.inside)}/", out)
    elif node.child is not None:
        out.extend(children.wind(node, path, task))
    elif task.status is not TaskStatus.RUNNING or task.items is not None or task.inside is not None:
        out.append(CancelTask(path, task.attempt))


def execution_timeout(graph: Graph) -> ErrorInfo:
    """Return the error of an execution that has passed its deadline."""
    message = f"The execution did not end within its timeout of {graph.timeout} s."
    return ErrorInfo("timeout", "execution-timeout", message, retryable=False)
