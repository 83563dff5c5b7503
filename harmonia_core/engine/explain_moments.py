"""When things came to stand where they do, read from the last events of a log. Pure."""

from collections.abc import Iterable, Mapping, Set

from harmonia_core.engine.explain_causes import Cause
from harmonia_core.engine.task_folds import OF_TASKS
from harmonia_core.model import events as e
from harmonia_core.model.events import Recorded

Key = tuple[str, str]
"""What a moment is of: `task`, `question`, `undo` or `cancel`, and a path."""

_KINDS = {
    **dict.fromkeys(
        (
            *("attention-lost", "attention-lost-repeatedly", "attention-failed", "undo-failed"),
            *("secret-missing", "attempt-deferred", "retry-backoff", "circuit-open", "child-open"),
        ),
        "task",
    ),
    "question-open": "question",
    "compensating": "undo",
    "cancelling": "cancel",
    "attempt-not-stopping": "cancel",
}
_MOVES = OF_TASKS - {e.VariablesSet, e.StepEntered}


def wanted(causes: Iterable[Cause]) -> set[Key]:
    """Return the moments that causes have to be dated by, which the state does not keep."""
    return {key for one in causes if (key := _key(one)) is not None}


def _key(cause: Cause) -> Key | None:
    kind = _KINDS.get(cause.code)
    if kind is None:
        return None
    return kind, "" if kind == "cancel" else cause.path


def moments(events: Iterable[Recorded], of: Set[Key]) -> dict[Key, float]:
    """Return the moments among these that events, given in order, say something about."""
    found: dict[Key, float] = {}
    for recorded in events:
        key = _of(recorded)
        if key in of:
            found[key] = recorded.at
    return found


def _of(recorded: Recorded) -> Key:
    event = recorded.event
    kind, path = type(event), getattr(event, "path", "")
    if kind is e.Asked:
        return "question", path
    if kind is e.CompensationBegun:
        return "undo", path
    if kind is e.CancelRequested or (kind is e.TimerFired and not path):
        return "cancel", ""
    return ("task" if kind in _MOVES else "", path)


def dated(causes: Iterable[Cause], found: Mapping[Key, float]) -> list[Cause]:
    """Return the causes with the moments that were found."""
    return [_dated(one, found) for one in causes]


def _dated(cause: Cause, found: Mapping[Key, float]) -> Cause:
    key = _key(cause)
    moment = None if key is None else found.get(key)
    return cause if moment is None else cause._replace(since=moment)
