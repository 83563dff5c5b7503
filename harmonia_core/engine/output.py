"""What a task hands back, as strict JSON: a detached copy and its bytes. Pure.

Strict means: nothing is guessed and nothing is lost on the way. Text, numbers,
booleans, null, lists (tuples become lists) and objects with text keys are taken;
sets, dates, bytes, NaN and everything else are refused with their place.
"""

from math import isfinite
from typing import Any

from pydantic_core import from_json, to_json

from harmonia_core.errors import InputInvalid, Problem
from harmonia_core.model.values import MAX_DEPTH

_LARGEST = 10**4300
"""The first integer that JSON readers refuse; Python's own limit on digits is the same."""


class NotJSON(ValueError):
    """Say which value is not JSON. steps: from the outside in, filled while unwinding."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.steps: list[str | int] = []

    def __str__(self) -> str:
        place = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in self.steps)
        return f"{place.removeprefix('.') or 'the value itself'}: {self.reason}"


class TooLarge(ValueError):
    """Say that a value needs more bytes than it may. at_least: bytes known to be needed."""

    def __init__(self, at_least: int, limit: int) -> None:
        super().__init__(f"at least {at_least:,} bytes as JSON; {limit:,} are allowed")


class _Copy:
    """Copy a value while counting the least room it can need, so that what is too large ends early."""

    __slots__ = ("limit", "room")

    def __init__(self, limit: int) -> None:
        self.limit = self.room = limit

    def any(self, value: Any, depth: int) -> Any:
        kind = type(value)
        if kind is str:
            return self._text(value)
        if kind is int:
            return value if -_LARGEST < value < _LARGEST else self._refuse("an integer of over 4300 digits")
        if kind is bool or value is None:
            return value
        if kind is dict:
            return self._object(value, depth)
        if kind is list or kind is tuple:
            return self._list(value, depth)
        if kind is float:
            return value if isfinite(value) else self._refuse(f"{value} is not a JSON number")
        return self._subclass(value, depth)

    def _text(self, value: str) -> str:
        if (size := len(value)) > 64:
            self._take(size)
        return value

    def _list(self, value: list[Any] | tuple[Any, ...], depth: int) -> list[Any]:
        self._enter(2 * len(value), depth)
        copy: list[Any] = []
        try:
            for item in value:
                copy.append(self.any(item, depth + 1))
        except NotJSON as error:
            error.steps.insert(0, len(copy))
            raise
        return copy

    def _object(self, value: dict[Any, Any], depth: int) -> dict[str, Any]:
        self._enter(5 * len(value), depth)
        copy: dict[str, Any] = {}
        key: Any = None
        try:
            for key, item in value.items():
                name = key if type(key) is str else self._key(key)
                copy[name] = self.any(item, depth + 1)
        except NotJSON as error:
            error.steps.insert(0, key if isinstance(key, str) else repr(key)[:40])
            raise
        return copy

    def _key(self, key: Any) -> str:
        if isinstance(key, str):
            return str.__str__(key)
        raise NotJSON(f"a key must be text, not {type(key).__name__}")

    def _subclass(self, value: Any, depth: int) -> Any:
        if isinstance(value, str):
            return self.any(str.__str__(value), depth)
        if isinstance(value, int):
            return self.any(int.__int__(value), depth)
        if isinstance(value, float):
            return self.any(float.__float__(value), depth)
        if isinstance(value, dict):
            return self._object(value, depth)
        if isinstance(value, list | tuple):
            return self._list(value, depth)
        return self._refuse(f"{type(value).__name__} is not JSON")

    def _enter(self, least: int, depth: int) -> None:
        if depth >= MAX_DEPTH:
            raise NotJSON(f"nested more than {MAX_DEPTH} levels deep, or contains itself")
        self._take(least)

    def _take(self, least: int) -> None:
        self.room -= least
        if self.room < 0:
            raise TooLarge(self.limit - self.room, self.limit)

    def _refuse(self, reason: str) -> Any:
        raise NotJSON(reason)


def encode(value: Any, limit: int) -> tuple[Any, bytes]:
    """Return a detached copy of a JSON value and its compact UTF-8 bytes.

    limit: bytes. Raises NotJSON with the place of the first bad value, TooLarge
    (often before anything of that size was built).
    """
    copy = _Copy(limit).any(value, 0)
    try:
        encoded = to_json(copy)
    except ValueError as error:
        raise NotJSON("contains text with half a surrogate pair, which UTF-8 cannot carry") from error
    if len(encoded) > limit:
        raise TooLarge(len(encoded), limit)
    return copy, encoded


def detached(value: Any) -> Any:
    """Return a copy of what is known to be JSON, sharing nothing that can be changed."""
    return from_json(to_json(value))


def taken_in(input: Any, limit: int) -> Any:
    """Return an execution's input as a copy that is nobody else's.

    Raises InputInvalid if it is not JSON, or needs more than `limit` bytes.
    """
    try:
        return encode(input, limit)[0]
    except NotJSON as error:
        problem = Problem("not-json", "input", f"no JSON value: {error}")
    except TooLarge as error:
        problem = Problem("too-large", "input", str(error))
    raise InputInvalid([problem])
