"""What a mocked task does instead of its work. Pure; `mocked_work` carries it out."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, NamedTuple, TypeAlias, get_args

from harmonia_core.errors import TaskError
from harmonia_core.model.outcomes import Category
from harmonia_core.model.policies import read_duration
from harmonia_core.testing.refusals import TargetInvalid

Span: TypeAlias = float | str | timedelta
"""A time span: seconds, ISO 8601 such as `PT90S` or `P3D`, or a timedelta."""


class Takes(NamedTuple):
    """Hold an answer that takes a while. seconds: of workflow time."""

    seconds: float
    then: Any


class Never(NamedTuple):
    """Stand for an attempt that never ends by itself."""


class InTurn:
    """Hold answers of which each call takes the next."""

    def __init__(self, answers: tuple[Any, ...]) -> None:
        self.answers = answers

    def at(self, call: int) -> Any:
        """Return the answer to a call, from 0; the last one stands for all behind it."""
        return self.answers[min(call, len(self.answers) - 1)]


def fails(
    code: str = "mocked",
    message: str = "",
    *,
    category: str = "task",
    retryable: bool = True,
    retry_after: float | None = None,
    details: Mapping[str, Any] | None = None,
) -> TaskError:
    """Answer with an error, as a task type raises it.

    code, category: `retry_on`, `no_retry_on` and `catch` match them. retry_after: seconds.
    """
    if category not in get_args(Category):
        known = ", ".join(get_args(Category))
        raise TargetInvalid(f"{category!r} is no category of errors; known are {known}.")
    return TaskError(message or f"Mocked: {code}.", code, category, retryable, retry_after, details)


def takes(span: Span, then: Any = None) -> Takes:
    """Answer after a span of workflow time; a `timeout` that is shorter ends the attempt as it would."""
    return Takes(seconds_of(span), then)


def never() -> Never:
    """Do not answer at all: only a timeout, a cancel or a race that somebody else wins ends the attempt."""
    return Never()


def in_turn(*answers: Any) -> InTurn:
    """Answer each call with the next of these, whichever task calls; the last one stands for all behind it.

    For what is asked again and again, such as a status in a loop: answers that are handed to `mock`
    itself are counted per task and attempt.
    """
    if not answers:
        raise TargetInvalid("in_turn() needs at least one answer.")
    return InTurn(answers)


def seconds_of(span: Span) -> float:
    """Return seconds; raise TargetInvalid for what is no time span."""
    if isinstance(span, timedelta):
        return span.total_seconds()
    try:
        return read_duration(span)
    except ValueError as error:
        raise TargetInvalid(f"{span!r} is no time span: {error}.") from None


Answer: TypeAlias = "Takes | Never | InTurn | BaseException | type[BaseException] | Callable[..., Any] | Any"
"""An output, what computes one, an error, or one of the answers of this module."""
