"""Log what goes wrong in executions: one line for each, its parts beside it for structured handlers.

The history is the truth; this is for those who watch a process. Secrets are masked before anything
is recorded, so they cannot be here. Tracebacks and details stay in the history.
"""

import logging
from collections.abc import Sequence
from typing import Any

from harmonia_core.model import events as e
from harmonia_core.model.events import Recorded
from harmonia_core.model.outcomes import ErrorInfo

LOG = logging.getLogger("harmonia.executions")
# Where nobody has set up logging, failures of workflows are no business of stderr.
LOG.addHandler(logging.NullHandler())

LONGEST = 500
"""Characters of a message that stand in a line."""

_LEVELS: dict[type, tuple[int, str]] = {
    e.RetryScheduled: (logging.INFO, "failed and is tried again"),
    e.AttemptLost: (logging.WARNING, "lost the process that ran it"),
    e.TaskFailed: (logging.WARNING, "failed"),
    e.TaskAttention: (logging.WARNING, "needs a person"),
    e.LateResultRefused: (logging.INFO, "came too late with its result"),
    e.ExecutionFailed: (logging.ERROR, "failed"),
}


def log_errors(batch: Sequence[Recorded]) -> None:
    """Log the failures among events that have been recorded.

    `extra` of each line: event, execution, seq, and as far as they are there path, attempt, reason,
    category, code, retryable, due (epoch seconds).
    """
    for recorded in batch:
        found = _LEVELS.get(type(recorded.event))
        if found is not None and LOG.isEnabledFor(found[0]):
            level, what = found
            LOG.log(level, "%s", _line(recorded, what), extra=_parts(recorded))


def _line(recorded: Recorded, what: str) -> str:
    event = recorded.event
    path, attempt = getattr(event, "path", ""), getattr(event, "attempt", 0)
    subject = f"{recorded.execution_id} {path}".strip()
    count = f", attempt {attempt}" if attempt > 1 else ""
    return f"{subject} {what}{count}{_why(getattr(event, 'error', None), getattr(event, 'reason', None))}"


def _why(error: ErrorInfo | None, reason: str | None) -> str:
    if error is None:
        return f": {reason}" if reason else ""
    return f": {error.code} ({error.category}): {_one_line(error.message)}"


def _one_line(text: str) -> str:
    """Return a text as one printable line: a task says what it likes, and a log may be shown anywhere."""
    cut = text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in cut
    )


def _parts(recorded: Recorded) -> dict[str, Any]:
    event = recorded.event
    parts = {"event": type(event).__name__, "execution": recorded.execution_id, "seq": recorded.seq}
    for name in ("path", "attempt", "reason", "due"):
        if hasattr(event, name):
            parts[name] = getattr(event, name)
    error = getattr(event, "error", None)
    if error is not None:
        parts |= {name: getattr(error, name) for name in ("category", "code", "retryable")}
    return parts
