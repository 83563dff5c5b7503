"""What an attempt's exception means, as an ErrorInfo. Pure, and total: anything may be raised.

Everything is bounded, because a message or a traceback can be of any size; text
is all that is kept, so nothing of the task stays referenced and nothing is pickled.
"""

import traceback
from collections.abc import Callable, Iterable
from math import isfinite
from types import TracebackType
from typing import Any, get_args

from pydantic import ValidationError

from harmonia_core.engine.output import NotJSON, TooLarge, encode
from harmonia_core.errors import StateBackendError, TaskError
from harmonia_core.model.outcomes import Category, ErrorInfo

MESSAGE_LIMIT = 4_000
TRACEBACK_LIMIT = 20_000
DETAILS_LIMIT = 64 * 1024
_CAUSES = 10
_PROBLEMS = 50
_CATEGORIES = frozenset(get_args(Category))
_OWN_FRAMES = ("harmonia_core.engine.", "anyio.")


Conceal = Callable[[str], str]
"""Return a text without what must not be recorded; asked before a text is cut, which could split a secret."""


class Refused(Exception):
    """End an attempt with an error that is already known; never leaves the dispatcher."""

    def __init__(self, info: ErrorInfo) -> None:
        super().__init__(info.code)
        self.info = info


def refused(code: str, message: str, category: Category = "validation", details: Any = None) -> Refused:
    """Return the end of an attempt that another try would not mend."""
    return Refused(
        ErrorInfo(category, code, bounded(message, MESSAGE_LIMIT), retryable=False, details=details)
    )


def describe(error: BaseException, conceal: Conceal = str) -> ErrorInfo:
    """Return the recorded shape of anything that a task may raise.

    conceal: for message, causes and traceback; the rest is cut nowhere, and left as it is.
    """
    if isinstance(error, Refused):
        return error.info
    error = sole(error)
    if isinstance(error, Refused):
        return error.info
    if isinstance(error, TaskError):
        return _authored(error, conceal)
    category, code = _known(error)
    return ErrorInfo(
        category,
        code,
        _message(error, conceal),
        details=_leaves(error, conceal),
        cause=_causes(error, conceal),
        traceback=_traceback(error, conceal),
        kind=type(error).__name__,
    )


def input_invalid(error: ValidationError) -> Refused:
    """Return the refusal of an input, with all problems and none of the values."""
    return _invalid("input-invalid", "The input does not fit the task type", error)


def output_invalid(error: ValidationError) -> Refused:
    """Return the refusal of an output, with all problems and none of the values."""
    return _invalid("output-invalid", "The output does not fit the task type's model", error)


def bounded(text: str, limit: int) -> str:
    """Return text of at most about `limit` characters: its beginning, and more of its end."""
    if len(text) <= limit:
        return text
    head, tail = limit // 4, limit - limit // 4
    return f"{text[:head]}\n… ({len(text) - limit:,} characters left out) …\n{text[-tail:]}"


def _invalid(code: str, what: str, error: ValidationError) -> Refused:
    found = error.errors(include_url=False, include_context=False, include_input=False)
    problems = [
        {"path": _place(one["loc"]), "code": one["type"], "message": bounded(one["msg"], 500)}
        for one in found[:_PROBLEMS]
    ]
    text = "; ".join(f"{one['path'] or 'the whole'}: {one['message']}" for one in problems)
    more = f"; and {len(found) - _PROBLEMS} more" if len(found) > _PROBLEMS else ""
    return refused(code, f"{what}: {text}{more}", details={"problems": problems})


def _place(steps: Iterable[int | str]) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps).removeprefix(".")


def sole(error: BaseException) -> BaseException:
    """Unwrap groups with one member: a task group around one failure says nothing new."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def _known(error: BaseException) -> tuple[Category, str]:
    if isinstance(error, StateBackendError):
        return "infrastructure", error.code
    return "task", "unhandled"


def _authored(error: TaskError, conceal: Conceal) -> ErrorInfo:
    """Take an author's error as it is, but for fields of the wrong type: a subclass may forget them."""
    code, category = getattr(error, "error_code", None), getattr(error, "category", None)
    return ErrorInfo(
        category if category in _CATEGORIES else "task",  # type: ignore[arg-type]
        bounded(code, 100) if isinstance(code, str) and code else "task-error",
        _message(error, conceal),
        retryable=bool(getattr(error, "retryable", True)),
        retry_after=_seconds(getattr(error, "retry_after", None)),
        details=_details(getattr(error, "data", None)),
        cause=_causes(error, conceal),
        kind=type(error).__name__,
    )


def _seconds(value: Any) -> float | None:
    if isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value) and value >= 0:
        return float(value)
    return None


def _details(value: Any) -> Any:
    if not value:
        return None
    try:
        return encode(value, DETAILS_LIMIT)[0]
    except (NotJSON, TooLarge) as error:
        return {"left_out": f"The details were not recorded: {error}."}


def _leaves(error: BaseException, conceal: Conceal) -> Any:
    if not isinstance(error, BaseExceptionGroup):
        return None
    leaves: list[BaseException] = []
    waiting: list[BaseException] = [error]
    while waiting and len(leaves) < _PROBLEMS:
        one = waiting.pop(0)
        if isinstance(one, BaseExceptionGroup):
            waiting.extend(one.exceptions)
        else:
            leaves.append(one)
    return {
        "errors": [
            {"kind": type(one).__name__, "message": bounded(_message(one, conceal), 500)} for one in leaves
        ]
    }


def _message(error: BaseException, conceal: Conceal) -> str:
    try:
        text = str(error)
    except BaseException:
        return f"({type(error).__name__}, whose message cannot be shown)"
    return bounded(conceal(text), MESSAGE_LIMIT) or type(error).__name__


def _causes(error: BaseException, conceal: Conceal) -> str | None:
    causes: list[str] = []
    seen = {id(error)}
    while len(causes) < _CAUSES:
        above = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        if above is None or id(above) in seen:
            break
        seen.add(id(above))
        causes.append(f"{type(above).__name__}: {bounded(_message(above, conceal), 500)}")
        error = above
    return " ← ".join(causes) or None


def _traceback(error: BaseException, conceal: Conceal) -> str | None:
    try:
        trace = _task_frames(error.__traceback__)
        lines = traceback.format_exception(type(error), error, trace)
        return bounded(conceal("".join(lines)), TRACEBACK_LIMIT)
    except BaseException:  # an exception may break whatever looks at it
        return None


def _task_frames(trace: TracebackType | None) -> TracebackType | None:
    """Skip the frames that led to the task's own function."""
    first = trace
    while trace is not None:
        if not str(trace.tb_frame.f_globals.get("__name__", "")).startswith(_OWN_FRAMES):
            return trace
        trace = trace.tb_next
    return first
