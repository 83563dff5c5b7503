"""Failures of called functions, made into exceptions that keep the name of the original's class.

What an author did not raise as a TaskError stays a plain exception, so that the
dispatcher gives it the same category, code and traceback as one raised in place.
"""

from collections.abc import Mapping
from typing import Any

from harmonia_core import TaskError

TRACEBACK_LIMIT = 20_000
CAUSES = 10


def from_base_exception(error: BaseException) -> Exception:
    """Return an exception for what is none (SystemExit, a group of them): it ends the task only."""
    return _named(type(error).__name__, Exception)(f"the function raised it: {text_of(error)}")


def from_child(shape: Mapping[str, Any], place: str = "In the child process") -> Exception:
    """Return the exception that the other side described, with its causes; its traceback becomes a note."""
    if shape["stated"]:
        error: Exception = _named(shape["kind"], TaskError)(shape["message"], **shape["stated"])
    else:
        error = _named(shape["kind"], Exception)(shape["message"])
    error.add_note(f"{place}:\n{shape['traceback']}")
    above = error
    for kind, message in shape["causes"]:
        above.__cause__ = _named(kind, Exception)(message)
        above = above.__cause__
    return error


def to_json(error: BaseException, trace: str) -> dict[str, Any]:
    """Describe an exception for the other side; an author's TaskError keeps what it says."""
    stated = None
    if isinstance(error, TaskError):
        stated = {"code": error.error_code, "category": error.category, "retryable": error.retryable}
        stated |= {"retry_after": error.retry_after, "details": error.data}
    return {
        "kind": type(error).__name__,
        "message": text_of(error),
        "stated": stated,
        "causes": _causes(error),
        "traceback": trace[-TRACEBACK_LIMIT:],
    }


def _causes(error: BaseException) -> list[tuple[str, str]]:
    """Return class name and text of the exceptions behind this one, the nearest first."""
    causes: list[tuple[str, str]] = []
    while len(causes) < CAUSES:
        above = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        if above is None:
            break
        causes.append((type(above).__name__, text_of(above)))
        error = above
    return causes


def text_of(error: BaseException) -> str:
    """Return the exception's text, whatever its `__str__` does."""
    try:
        return str(error)
    except BaseException as broken:
        return f"(its text cannot be read: {type(broken).__name__})"


def _named(kind: str, home: type[Exception]) -> type[Exception]:
    return type(kind, (home,), {})
