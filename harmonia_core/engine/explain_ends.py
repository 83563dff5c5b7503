"""How what does not go on has ended: nothing is wrong with it, or it leads to what failed. Pure."""

from collections.abc import Iterator

from harmonia_core.engine.explain_causes import FEW, Cause, Step, command
from harmonia_core.engine.explain_ways import step
from harmonia_core.model.state import (
    MARK_CANCELLED,
    MARK_FAILED,
    MARK_SUCCEEDED,
    PAGE,
    ExecutionState,
    MapState,
    TaskState,
)
from harmonia_core.model.statuses import TaskStatus


def ended(state: ExecutionState) -> Cause:
    """Return how an execution has ended."""
    error = state.error
    blocking = {
        "kind": "execution",
        "id": state.execution_id,
        "status": state.status.value,
        "error": None if error is None else {"code": error.code, "message": error.message},
        "failed_tasks": list(state.failed[:FEW]),
    }
    said = "" if error is None else f": {error.code}: {error.message}"
    text = f"It has ended as {state.status.value}{said}"
    help = (command("show", state.execution_id),)
    return Cause("ended", "", text if text.endswith(".") else f"{text}.", blocking, state.ended_at, help=help)


def task_ended(state: ExecutionState, path: str, task: TaskState) -> Cause:
    """Return how a task has ended; one that could not be reached leads to what failed."""
    error, reason = task.error, task.reason
    said = f": {error.code}: {error.message}" if error is not None else f" ({reason})" if reason else ""
    if task.status is TaskStatus.UNREACHABLE:
        said = f", because {reason} did not succeed" + _why(state, reason or "")
    blocking = {"kind": "task", "path": reason if task.status is TaskStatus.UNREACHABLE else path}
    text = f"The task has ended as {task.status.value}{said}"
    chain = tuple(_down(state, path)) if task.status is TaskStatus.UNREACHABLE else ()
    text = text if text.endswith(".") else f"{text}."
    return Cause("ended", path, text, blocking, task.ended_at, chain=chain, paths=(path,))


_MARKS = {MARK_SUCCEEDED: "succeeded", MARK_FAILED: "failed", MARK_CANCELLED: "cancelled"}


def item_ended(items: MapState, index: int, path: str) -> Cause:
    """Return how an item has ended."""
    mark = items.marks[index // PAGE][index % PAGE]
    text = f"Item {index} has ended as {_MARKS.get(mark, 'cancelled')}."
    return Cause("ended", path, text, {"kind": "task", "path": path}, paths=(path,))


def _down(state: ExecutionState, path: str) -> Iterator[Step]:
    """Yield the way from an unreachable task to the one whose end made it so."""
    seen: set[str] = set()
    task = state.task(path)
    while task is not None and path not in seen:
        seen.add(path)
        yield step(state, path, task.status.value)
        path = task.reason or "" if task.status is TaskStatus.UNREACHABLE else path
        task = state.task(path)


def _why(state: ExecutionState, path: str) -> str:
    *_, last = (*_down(state, path), step(state, path, ""))[:-1] or (step(state, path, ""),)
    root = state.task(last.path) if last.path else None
    if root is None or root.error is None:
        return ""
    return f"; {last.path} {root.status.value}: {root.error.code}: {root.error.message}"
