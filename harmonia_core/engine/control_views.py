"""How an execution is steered, as people and programs see it. Pure."""

from collections.abc import Iterable
from typing import Any

from harmonia_core.clock import rfc3339
from harmonia_core.model.control import FREE
from harmonia_core.model.state import ExecutionState


def control_view(state: ExecutionState) -> dict[str, Any]:
    """Return `paused` of an execution that is, `priority` of one that has one; else nothing."""
    if state.control == FREE:
        return {}
    pause, view = state.control.pause, {"priority": state.control.priority}
    if pause is None:
        return view
    return {**view, "paused": {"timers": pause.timers, "by": pause.by, "since": rfc3339(pause.since)}}


def with_held(state: ExecutionState, tasks: Iterable[dict[str, Any]]) -> None:
    """Say of tasks whose time stands still how many seconds they have left, instead of a time."""
    if not state.control.holds or state.control.pause is None:
        return
    for view in tasks:
        task = state.task(view["path"]) if view["next_at"] and view["reason"] != "deferred" else None
        if task is not None and task.due is not None:
            view |= {"next_at": None, "held_for": round(task.due - state.control.pause.since, 6)}
