"""End an execution that is cancelled or out of time: what has begun first, then itself. Pure.

Attempts that run are interrupted by the shell and end by their own outcome;
everything else that has begun is ended here. Tasks that never began need no event.
"""

from harmonia_core.model.commands import CancelExecution, CancelTask, Command, FailExecution
from harmonia_core.model.graph import Graph
from harmonia_core.model.outcomes import ErrorInfo
from harmonia_core.model.state import ExecutionState, TaskState
from harmonia_core.model.statuses import TaskStatus


def wind_down(graph: Graph, state: ExecutionState) -> list[Command]:
    """Return what ends the begun tasks, or the execution when none is left."""
    commands: list[Command] = []
    mask = state.scope.active
    while mask:
        low = mask & -mask
        mask ^= low
        position = low.bit_length() - 1
        _wind(graph.root.tasks[position].id, state.scope.task(position), commands)
    if state.scope.active:
        return commands
    if state.cancelling:
        return [CancelExecution(state.reason)]
    return [FailExecution(execution_timeout(graph), state.failed)]


def _wind(path: str, task: TaskState, out: list[Command]) -> None:
    if task.items is not None and task.items.flight:
        for index, item in task.items.flight.items():
            _wind(f"{path}[{index}]", item, out)
    elif task.status is not TaskStatus.RUNNING or task.items is not None:
        out.append(CancelTask(path, task.attempt))


def execution_timeout(graph: Graph) -> ErrorInfo:
    """Return the error of an execution that has passed its deadline."""
    message = f"The execution did not end within its timeout of {graph.timeout} s."
    return ErrorInfo("timeout", "execution-timeout", message, retryable=False)
