"""Exit codes: one number for each way a command can end."""

from harmonia_core import HarmoniaError, StateBackendError
from harmonia_core.host import (
    CheckpointExists,
    ExecutionNotFound,
    Fenced,
    KeyReused,
    LimitInvalid,
    LimitNotFound,
    NotPublished,
    PluginNotFound,
    PluginsRefused,
    PointUnknown,
    ProblemsError,
    PublishRefused,
    RequestNotConsumed,
    TaskNotFound,
)

COMPLETED = 0
FAILED = 1
INVALID = 2
NOT_FOUND = 3
STORE = 4
NOT_ENDED = 5
BUG = 70
INTERRUPTED = 130

_BY_STATUS = {"completed": COMPLETED, "attention": NOT_ENDED, "paused": NOT_ENDED}
_BY_ERROR: tuple[tuple[type[HarmoniaError], int], ...] = (
    (ProblemsError, INVALID),
    (PluginsRefused, INVALID),
    (PublishRefused, INVALID),
    (KeyReused, INVALID),
    (CheckpointExists, INVALID),
    (LimitInvalid, INVALID),
    (LimitNotFound, NOT_FOUND),
    (ExecutionNotFound, NOT_FOUND),
    (TaskNotFound, NOT_FOUND),
    (NotPublished, NOT_FOUND),
    (PointUnknown, NOT_FOUND),
    (Fenced, NOT_ENDED),
    (RequestNotConsumed, NOT_ENDED),
    (StateBackendError, STORE),
)


def of_status(status: str) -> int:
    """Return the exit code of an execution that came to rest in a status."""
    return _BY_STATUS.get(status, FAILED)


def of_error(error: HarmoniaError) -> int:
    """Return the exit code of a command that an error ended."""
    if isinstance(error, PluginNotFound):
        return STORE if error.kind == "state backend" else NOT_FOUND
    return next((code for kind, code in _BY_ERROR if isinstance(error, kind)), FAILED)
