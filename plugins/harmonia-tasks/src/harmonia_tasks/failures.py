"""Failures of called functions, made into errors that keep the name of the exception's class."""

from collections.abc import Mapping
from typing import Any

from harmonia_core import TaskError

TRACEBACK_LIMIT = 20_000


def named_error(kind: str, message: str, **rest: Any) -> TaskError:
    """Return a TaskError whose class is called `kind`, so that `retry_on: [ValueError]` matches it."""
    error: TaskError = type(kind, (TaskError,), {})(message, **rest)
    return error


def from_base_exception(error: BaseException) -> TaskError:
    """Return the error for what is no Exception (SystemExit, a group of them): it ends the task only."""
    kind = type(error).__name__
    return named_error(kind, f"The function raised {kind}: {text_of(error)}", code="unhandled")


def from_child(shape: Mapping[str, Any]) -> TaskError:
    """Return the error that a child process described; its traceback becomes a note."""
    fields = {name: shape[name] for name in ("code", "category", "retryable", "retry_after", "details")}
    error = named_error(shape["kind"], shape["message"], **fields)
    error.add_note(f"In the child process:\n{shape['traceback']}")
    return error


def to_json(error: BaseException, trace: str) -> dict[str, Any]:
    """Describe an exception for the other side; an author's TaskError keeps what it says."""
    stated = error if isinstance(error, TaskError) else TaskError("", "unhandled")
    return {
        "kind": type(error).__name__,
        "message": text_of(error),
        "code": stated.error_code,
        "category": stated.category,
        "retryable": stated.retryable,
        "retry_after": stated.retry_after,
        "details": stated.data,
        "traceback": trace[-TRACEBACK_LIMIT:],
    }


def text_of(error: BaseException) -> str:
    """Return the exception's text, whatever its `__str__` does."""
    try:
        return str(error)
    except BaseException as broken:
        return f"(its text cannot be read: {type(broken).__name__})"
