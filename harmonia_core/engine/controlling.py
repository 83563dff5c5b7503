"""What requests to steer an execution become: a pause, its end, new variables, a new priority. Pure."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from harmonia_core.engine.actions import refused
from harmonia_core.engine.clearing import cleared
from harmonia_core.engine.families import controlled, set_free
from harmonia_core.engine.walks import levels
from harmonia_core.errors import InputInvalid, Problem
from harmonia_core.model import events as e
from harmonia_core.model.control import HIGHEST_PRIORITY, LOWEST_PRIORITY, PausedBy
from harmonia_core.model.events import Event
from harmonia_core.model.refusal import Refusal
from harmonia_core.model.state import ExecutionState
from harmonia_core.model.statuses import FINAL_TASK

if TYPE_CHECKING:
    from harmonia_core.engine.request_kinds import Wish


def pause(state: ExecutionState, wish: "Wish") -> Iterator[Event]:
    """Yield what begins a pause; what its parent asks for adds nothing to one that there is."""
    body, before = wish.body, state.control.pause
    by: PausedBy = "parent" if body.get("by") == "parent" else "request"
    if refused(state, "pause") is not None or (before is not None and by == "parent"):
        return
    if before is not None:
        yield e.ExecutionPaused(before.timers, body.get("reason"), by)
        return
    timers = "hold" if body.get("timers") == "hold" else "run"
    yield e.ExecutionPaused(timers, body.get("reason"), by)  # type: ignore[arg-type]
    yield from controlled(state, "pause", timers)  # type: ignore[arg-type]


def resume(state: ExecutionState, wish: "Wish") -> Iterator[Event]:
    """Yield what ends a pause; the parent ends only its own."""
    before = state.control.pause
    by: PausedBy = "parent" if wish.body.get("by") == "parent" else "request"
    if before is None or (by == "parent" and before.by != "parent"):
        return
    yield e.ExecutionResumed(by)
    yield from controlled(state, "resume")


def terminate(state: ExecutionState, wish: "Wish") -> Iterator[Event]:
    """Yield the end of an execution that waits for nothing, and of all that has begun in it."""
    yield from controlled(state, "terminate")
    yield from set_free(state)
    yield from cleared(state)
    yield e.ExecutionTerminated(wish.body.get("reason"))


def set_variables(state: ExecutionState, wish: "Wish") -> Iterator[Event]:
    """Yield the new values of variables."""
    path, values = str(wish.body.get("path") or ""), wish.body.get("values")
    if isinstance(values, Mapping) and unsettable(state, path, values) is None:
        yield e.VariablesSet(path, values)


def unsettable(state: ExecutionState, path: str, values: Mapping[str, Any]) -> Refusal | None:
    """Return why these variables of the workflow (no path) or of an open composite cannot be set now."""
    found = refused(state, "update-variables")
    if found is not None:
        return found
    known = _variables(state, path)
    if known is None:
        return Refusal("scope-not-open", f"{path} is no composite that has begun and not ended")
    missing = [name for name in values if name not in known]
    if missing:
        listed = ", ".join(sorted(known)) or "none"
        return Refusal("variable-unknown", f"no variable {missing[0]!r} is declared there; known: {listed}")
    return None


def _variables(state: ExecutionState, path: str) -> Mapping[str, Any] | None:
    """Return the variables of a scope that is open; None if there is none."""
    if not path:
        return state.graph.vars
    try:
        task = state.task(path)
    except ValueError:  # brackets with no number between them
        return None
    if task is None or task.inside is None or task.status in FINAL_TASK:
        return None
    return levels(state, path, into=True)[-1].nodes.vars


def prioritise(state: ExecutionState, wish: "Wish") -> Iterator[Event]:
    """Yield the new priority, unless it is the old one."""
    priority = wish.body.get("priority")
    if isinstance(priority, int) and is_priority(priority) and priority != state.control.priority:
        yield e.ExecutionPrioritised(priority)


def is_priority(value: Any) -> bool:
    """Tell whether a value can be a priority."""
    return type(value) is int and LOWEST_PRIORITY <= value <= HIGHEST_PRIORITY


def check_priority(priority: Any) -> None:
    """Raise InputInvalid for what is no priority."""
    if not is_priority(priority):
        message = f"a priority is a whole number from {LOWEST_PRIORITY} to {HIGHEST_PRIORITY}"
        raise InputInvalid([Problem("priority-invalid", "priority", message)])
