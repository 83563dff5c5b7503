"""Turn a CEL value into JSON: times as RFC 3339, durations in seconds, bytes as base64. Pure.

Containers are opened step by step and counted, because a small CEL value can name the
same large list many times over.
"""

import base64
import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from harmonia_core.errors import ExpressionError
from harmonia_core.expressions import cel_messages
from harmonia_core.model.paths import JSON

if TYPE_CHECKING:
    from cel_expr_python import cel

MAX_RESULT = 16 * 1024 * 1024
"""Size of a result at most, in characters of its JSON, estimated."""

_PLAIN = frozenset(("BOOL", "INT", "UINT", "NULL"))


def to_json(source: str, value: "cel.Value") -> JSON:
    """Return the value as JSON; raises ExpressionError if it has none or is too large."""
    if value.type().name() in _PLAIN:
        return value.value()
    return _Opening(source).open(value)


def time_text(value: datetime) -> str:
    """Return RFC 3339 in UTC; a fraction only if there is one, in microseconds."""
    return value.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


def duration_text(value: timedelta) -> str:
    """Return seconds with `s`, as CEL's `duration()` reads them."""
    total = value // timedelta(microseconds=1)
    sign, total = ("-", -total) if total < 0 else ("", total)
    fraction = f".{total % 1_000_000:06}".rstrip("0") if total % 1_000_000 else ""
    return f"{sign}{total // 1_000_000}{fraction}s"


def _number(value: float) -> float:
    if not math.isfinite(value):
        raise ExpressionError("not-evaluable", f"the result {value} is no number in JSON")
    return value


_TEXTS: dict[str, Callable[[Any], JSON]] = {
    "DOUBLE": _number,
    "TIMESTAMP": time_text,
    "DURATION": duration_text,
    "BYTES": lambda value: base64.b64encode(value).decode(),
}


class _Opening:
    """Open one result and count what comes out."""

    def __init__(self, source: str) -> None:
        self._source, self._room = cel_messages.brief(source), MAX_RESULT

    def open(self, value: "cel.Value") -> JSON:
        kind = value.type().name()
        if kind in _PLAIN:
            self._take(5)
            return value.value()
        if kind == "STRING":
            text = value.value()
            self._take(len(text) + 2)
            return text
        if kind in _TEXTS:
            self._take(20)
            return _TEXTS[kind](value.value())
        return self._open_container(kind, value)

    def _open_container(self, kind: str, value: "cel.Value") -> JSON:
        self._take(2)
        if kind.startswith("LIST"):
            return [self.open(item) for item in value.value()]
        if kind.startswith("MAP"):
            found = value.value()
            return {self._key(key): self.open(found[key]) for key in sorted(found, key=str)}
        if kind == "ERROR":
            raise cel_messages.failure(self._source, str(value.value()))
        raise ExpressionError("not-evaluable", f"{self._source}: the result ({kind}) has no JSON form")

    def _key(self, key: object) -> str:
        if not isinstance(key, str):
            message = f"{self._source}: the key {key!r} of the result is no text"
            raise ExpressionError("not-evaluable", message)
        self._take(len(key) + 4)
        return key

    def _take(self, size: int) -> None:
        self._room -= size
        if self._room < 0:
            message = f"{self._source}: the result is over the limit of {MAX_RESULT:,} characters"
            raise ExpressionError("too-large", message)
