"""What becomes of a result that comes after its attempt has ended otherwise. Pure."""

from collections.abc import Iterator
from typing import Any

from harmonia_core.engine.walks import node_of
from harmonia_core.model import events as e
from harmonia_core.model.events import Event
from harmonia_core.model.state import ExecutionState
from harmonia_core.model.statuses import FINAL_EXECUTION, FINAL_TASK, TaskStatus


def refused(state: ExecutionState, path: str, attempt: int, outcome: str, output: Any) -> Iterator[Event]:
    """Yield the refusal of a late result, and that what it tells of may have to be undone."""
    yield e.LateResultRefused(path, attempt, outcome)
    if outcome == "succeeded" and state.graph.undoes and _is_owed(state, path, attempt):
        yield e.UndoOwed(path, attempt, output)


def _is_owed(state: ExecutionState, path: str, attempt: int) -> bool:
    """Tell whether a task that can be undone has ended without success, though its last attempt had it."""
    try:
        undoable = node_of(state.graph, path).undo is not None
    except (KeyError, ValueError):
        return False
    undo, task = state.undo, state.task(path)
    if not undoable or state.status in FINAL_EXECUTION or undo.number(path) is not None:
        return False
    if any(owed.path == path for owed in undo.owed) or task is None:
        return False
    ended = task.status in FINAL_TASK and task.status is not TaskStatus.SUCCEEDED
    return ended and task.attempt == attempt
