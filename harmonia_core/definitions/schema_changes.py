"""Whether a JSON Schema takes more than another one, or less, key by key. Pure.

What cannot be judged by looking at one key alone (`anyOf`, `$ref` into changed `$defs`, a pattern)
is unclear, and counts as both.
"""

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

Effect = Literal["wider", "narrower", "added", "removed", "neutral", "unclear"]

_ANNOTATIONS = frozenset(
    ("title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly")
) | frozenset(("$comment", "$id", "$schema"))
_LOWER = frozenset(("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"))
_UPPER = frozenset(("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"))
_TYPES = frozenset(("string", "number", "integer", "boolean", "null", "object", "array"))
_WITHIN = ("items", "additionalProperties")


class SchemaChange(NamedTuple):
    """Say what differs at one place.

    effect: of the change on what is accepted; `added`, `removed`: a property that nobody has to give.
    """

    place: str
    effect: Effect
    message: str
    before: Any
    after: Any


def schema_changes(old: Any, new: Any, place: str) -> Iterator[SchemaChange]:
    """Yield what differs between two schemas; None accepts everything. place: of them in the definition."""
    if old == new:
        return
    if old is None or new is None:
        effect: Effect = "narrower" if old is None else "wider"
        yield SchemaChange(place, effect, "is checked now" if old is None else "is checked no more", old, new)
    elif not (isinstance(old, dict) and isinstance(new, dict)):
        yield SchemaChange(place, "unclear", "is another schema", old, new)
    else:
        for key in dict.fromkeys((*old, *new)):
            if old.get(key) != new.get(key) or (key in old) != (key in new):
                yield from _changed(key, old, new, place)


def _changed(key: str, old: dict[str, Any], new: dict[str, Any], place: str) -> Iterator[SchemaChange]:
    before, after = old.get(key), new.get(key)
    at = f"{place}.{key}"
    if key == "properties":
        yield from _properties(before or {}, after or {}, at)
    elif key == "required":
        yield from _required(before or [], after or [], place)
    elif key in _WITHIN and isinstance(before, dict) and isinstance(after, dict):
        yield from schema_changes(before, after, at)
    else:
        effect = _effect(key, before, after, key in old, key in new)
        yield SchemaChange(at, effect, f"{_shown(before, key in old)} became {_shown(after, key in new)}",
                           before, after)  # fmt: skip


def _properties(old: Any, new: Any, place: str) -> Iterator[SchemaChange]:
    for name in dict.fromkeys((*old, *new)):
        at = f"{place}.{name}"
        if name not in old:
            yield SchemaChange(at, "added", "is new", None, new[name])
        elif name not in new:
            yield SchemaChange(at, "removed", "is gone", old[name], None)
        else:
            yield from schema_changes(old[name], new[name], at)


def _required(old: Any, new: Any, place: str) -> Iterator[SchemaChange]:
    for name in sorted({*old} ^ {*new}):
        now = name in new
        message = "is required now" if now else "is required no more"
        effect: Effect = "narrower" if now else "wider"
        yield SchemaChange(f"{place}.properties.{name}", effect, message, not now, now)


def _effect(key: str, before: Any, after: Any, was: bool, stands: bool) -> Effect:
    if key in _ANNOTATIONS:
        return "neutral"
    if key in ("type", "enum"):
        return _of_sets(_values(key, before, was), _values(key, after, stands))
    if key == "additionalProperties" and isinstance(before, bool | None) and isinstance(after, bool | None):
        return "narrower" if after is False else "wider" if before is False else "neutral"
    if key in _LOWER | _UPPER and _numbers(before, was) and _numbers(after, stands):
        return _of_bounds(before, after, -1 if key in _UPPER else 1, was, stands)
    if key in ("pattern", "format", "const", "multipleOf") and was != stands:
        return "narrower" if stands else "wider"
    if key == "uniqueItems":
        return "narrower" if after is True else "wider"
    return "unclear"


def _values(key: str, value: Any, given: bool) -> frozenset[str] | None:
    """Return what a `type` or an `enum` lets pass, None for everything."""
    if not given:
        return _TYPES if key == "type" else None
    found = frozenset(repr(one) for one in value) if isinstance(value, list) else frozenset((repr(value),))
    if key == "enum":
        return found
    plain = frozenset(one.strip("'") for one in found)
    return plain | {"integer"} if "number" in plain else plain


def _of_sets(before: frozenset[str] | None, after: frozenset[str] | None) -> Effect:
    if before == after:
        return "neutral"
    if after is None or (before is not None and before < after):
        return "wider"
    return "narrower" if before is None or after < before else "unclear"


def _numbers(value: Any, given: bool) -> bool:
    return not given or (isinstance(value, int | float) and not isinstance(value, bool))


def _of_bounds(before: Any, after: Any, sign: int, was: bool, stands: bool) -> Effect:
    if not (was and stands):
        return "narrower" if stands else "wider"
    return "narrower" if (after - before) * sign > 0 else "wider"


def _shown(value: Any, given: bool) -> str:
    return f"{value!r:.60}" if given else "nothing"
