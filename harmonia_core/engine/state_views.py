"""An execution as it stood at some point, as people and programs see it. Pure."""

from collections.abc import Mapping
from typing import Any

from harmonia_core.contracts.rows import ExecutionRow
from harmonia_core.engine.state_shapes import messages, scopes, timers, variables, when
from harmonia_core.engine.views import execution_view
from harmonia_core.model.checkpoints import Checkpoint
from harmonia_core.model.state import ExecutionState


def state_view(
    row: ExecutionRow, state: ExecutionState, at: float, alive: bool | None, named: str | None = None
) -> dict[str, Any]:
    """Return an execution as `execution_view` does, and what that leaves out, at the seq of a state.

    at: when the event of that seq happened. alive: None of a point that is past; nobody owns that. named:
    the checkpoint that was asked for.
    """
    view = execution_view(row, state, alive)
    if state.seq < row.seq:
        view["owner"] = None
    return {
        **view,
        "at": when(at),
        "checkpoint": named,
        "last_seq": row.seq,
        "variables": variables(state),
        "scopes": scopes(state),
        "timers": timers(state),
        "messages": messages(state),
    }


def checkpoint_view(point: Checkpoint) -> Mapping[str, Any]:
    """Return a checkpoint in its public JSON shape."""
    return {**point._asdict(), "at": when(point.at), "created_at": when(point.created_at)}
