"""What a test sees of a task: folded from the events of an execution. Pure, but for reading references."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from harmonia_core.model.outcomes import ErrorInfo


@dataclass(frozen=True, slots=True)
class Error:
    """Describe how a task or an execution failed. kind: class name of the exception, if there was one."""

    category: str
    code: str
    message: str
    retryable: bool = True
    details: Any = None
    kind: str | None = None

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


def error_of(info: ErrorInfo | None) -> Error | None:
    """Return an error as tests see it."""
    if info is None:
        return None
    return Error(info.category, info.code, info.message, info.retryable, info.details, info.kind)


@dataclass(slots=True)
class Task:
    """Hold a task, an item of a map, or an undo, as an execution left it.

    path: with those of the tasks around it, also across executions. id: what the path ends with, without
        numbers.
    status: as in the documents (`succeeded`, `failed`, `skipped`, `blocked`, ...). reason: why that.
    attempts: how many began. input: what the first was given; secrets stand in it as `${secrets.name}`.
    error: of the last attempt, or what it failed with; errors: of every attempt that failed.
    retry_delays: seconds of workflow time before each further attempt.
    waits_for: the messages, or the title of the approval, that it waits or waited for.
    decision: `approved` or `rejected`, and decided_by: whose it was, if it asked for one.
    condition: its `when`, if that is why it was skipped. leaf: it holds no other tasks. guards: it has a
        `catch` or `finally`, and what it carries out is at `<path>/body`.
    """

    path: str
    id: str
    type: str
    status: str = "waiting"
    reason: str | None = None
    attempts: int = 0
    input: Any = None
    output: Any = None
    error: Error | None = None
    errors: list[Error] = field(default_factory=list)
    retry_delays: list[float] = field(default_factory=list)
    waits_for: str | None = None
    decision: str | None = None
    decided_by: str | None = None
    condition: str | None = None
    leaf: bool = True
    guards: bool = False
    began: datetime | None = None
    ended: datetime | None = None

    @property
    def ran(self) -> bool:
        """Tell whether it began at all."""
        return self.began is not None

    @property
    def took(self) -> timedelta:
        """Return how much workflow time passed from its beginning to its end."""
        if self.began is None or self.ended is None:
            return timedelta()
        return self.ended - self.began

    def __repr__(self) -> str:
        return f"<Task {self.path} {self.status}>"


@dataclass(frozen=True, slots=True)
class Message:
    """Hold a message that a task was given. task: its path."""

    name: str
    data: Any
    correlation: Any
    task: str


def moment(seconds: float) -> datetime:
    """Return epoch seconds as a time in UTC."""
    return datetime.fromtimestamp(seconds, UTC)


def shown_input(value: Any, holes: Any) -> Any:
    """Return a recorded input with the names of its secrets in the places where they go."""
    for hole in holes:
        text = "".join(part if isinstance(part, str) else f"${{secrets.{part.name}}}" for part in hole.parts)
        value = _put(value, hole.pointer, text)
    return value


def _put(value: Any, pointer: tuple[Any, ...], text: str) -> Any:
    if not pointer:
        return text
    first, *rest = pointer
    if isinstance(value, Mapping):
        return {**value, first: _put(value[first], tuple(rest), text)}
    return [_put(one, tuple(rest), text) if n == first else one for n, one in enumerate(value)]
