"""How an attempt ended, as data: the error shape, and the outcome a dispatcher delivers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from harmonia_core.model.values import Hole

Category = Literal[
    "timeout",
    "heartbeat",
    "connection",
    "server",
    "client",
    "validation",
    "expression",
    "cancelled",
    "infrastructure",
    "task",
]


@dataclass(frozen=True, slots=True)
class ErrorInfo:
    """Describe a failure as it is recorded, shown and matched.

    kind: class name of the exception, if there was one; policies match it beside
        category and code. retry_after: seconds. traceback: text, never an object.
    """

    category: Category
    code: str
    message: str
    retryable: bool = True
    retry_after: float | None = None
    details: Any = None
    cause: str | None = None
    traceback: str | None = None
    kind: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the public JSON shape; absent parts are left out."""
        shape: dict[str, Any] = {
            "category": self.category,
            "code": self.code,
            "message": self.message,
            "retryable": self.retryable,
        }
        for name in ("retry_after", "details", "cause", "traceback", "kind"):
            value = getattr(self, name)
            if value is not None:
                shape[name] = value
        return shape


def error_from_json(shape: Mapping[str, Any]) -> ErrorInfo:
    """Return the error that `as_json` gave."""
    return ErrorInfo(**shape)


class AttemptKey(NamedTuple):
    """Name one attempt of one task of one execution."""

    execution_id: str
    path: str
    attempt: int


@dataclass(frozen=True, slots=True)
class ArtifactBlob:
    """Describe a sealed artifact, whose chunks are uploaded; its row is committed with the outcome.

    address: `sha256:<hex>` over the bytes. size: bytes. upload_id: under which its chunks wait.
    """

    address: str
    size: int
    media_type: str
    upload_id: str


class Outcome(NamedTuple):
    """Say how an attempt ended; a dispatcher delivers exactly one for each it began.

    output: JSON, detached from whatever the task still holds. encoded: the same as
        compact JSON bytes, so that nobody encodes it twice. token_hash: for `deferred`.
    abandoned: the attempt did not answer its cancellation and may still be running.
    artifacts: sealed by the attempt, also by one that failed or was deferred.
    """

    key: AttemptKey
    kind: Literal["succeeded", "failed", "cancelled", "deferred"]
    output: Any = None
    encoded: bytes = b"null"
    error: ErrorInfo | None = None
    token_hash: str | None = None
    abandoned: bool = False
    artifacts: tuple[ArtifactBlob, ...] = ()


class Job(NamedTuple):
    """Hold what a dispatcher needs to run one attempt.

    input: resolved, with null at the holes. stable_key: the same over all attempts.
    timeout, heartbeat_timeout: seconds. deadline: of the execution, epoch seconds.
    """

    key: AttemptKey
    namespace: str
    type: str
    input: Any
    holes: tuple[Hole, ...]
    stable_key: str
    timeout: float | None = None
    heartbeat_timeout: float | None = None
    deadline: float | None = None
