"""What causes are in an execution that is paused: nothing begins, and time may stand still. Pure."""

from collections.abc import Iterable
from typing import Any

from harmonia_core.engine.control_folds import is_held
from harmonia_core.engine.explain_causes import Cause, command
from harmonia_core.model.control import Pause
from harmonia_core.model.state import ExecutionState

_TIMED = frozenset({"timer-running", "retry-backoff", "circuit-open", "approval-open", "event-awaited"})


def in_pause(state: ExecutionState, causes: Iterable[Cause]) -> list[Cause]:
    """Return the pause of an execution, and its causes as they are meanwhile."""
    pause = state.control.pause
    if pause is None:
        return list(causes)
    known = list(causes)
    held = tuple(path for one in known if one.code == "about-to-go-on" for path in one.paths)
    rest = [_still(state, pause, one) for one in known if one.code != "about-to-go-on"]
    return [_paused(state, pause)._replace(paths=held), *rest]


def _paused(state: ExecutionState, pause: Pause) -> Cause:
    blocking: dict[str, Any] = {
        "kind": "pause",
        "timers": pause.timers,
        "by": pause.by,
        "reason": pause.reason,
    }
    time = "time stands still" if pause.timers == "hold" else "what is due meanwhile acts then"
    said = f" ({pause.reason})" if pause.reason else ""
    parent = state.family.parent_id
    if pause.by == "parent" and parent is not None:
        text = f"It is paused with execution {parent}, whose task it carries out{said}; {time}."
        blocking["id"] = parent
        return Cause("paused-by-parent", "", text, blocking, pause.since, help=(command("resume", parent),))
    text = f"It is paused{said}: nothing begins until it is resumed; {time}."
    return Cause("paused", "", text, blocking, pause.since, help=(command("resume", state.execution_id),))


def _still(state: ExecutionState, pause: Pause, cause: Cause) -> Cause:
    """Return a cause with the time that it has left, if that stands still."""
    if pause.timers != "hold" or cause.until is None or cause.code not in _TIMED:
        return cause
    task = state.task(cause.path)
    if task is None or not is_held(task):
        return cause
    left = round(cause.until - pause.since, 6)
    return cause._replace(until=None, blocking={**cause.blocking, "held_for": left})
