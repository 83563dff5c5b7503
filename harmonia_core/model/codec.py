"""Events as text and back: the only place that knows how the log is written. Pure.

A record is read by (type, v); when a shape changes, its old versions get an upcaster
(`upcasters`) and stay readable for ever. Values that were recorded as references carry
their field name with `@` behind it, so that data which merely looks like a reference
stays data.
"""

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

from pydantic_core import from_json, to_json

from harmonia_core.errors import StateCorrupt
from harmonia_core.model import events as e
from harmonia_core.model.events import Event
from harmonia_core.model.outcomes import ErrorInfo, error_from_json
from harmonia_core.model.refs import REFS, BlobRef, ItemsRef
from harmonia_core.model.upcasters import cast_up
from harmonia_core.model.values import Hole

EVENT_TYPES: Mapping[str, type[Event]] = {
    kind.__name__: kind
    for kind in vars(e).values()
    if isinstance(kind, type) and issubclass(kind, Event) and kind is not Event
}

STORED = frozenset({"input", "output", "value", "base"})
_PLAN = {
    kind: tuple((f.name, f.default, f.name in STORED) for f in fields(kind))  # type: ignore[arg-type]
    for kind in EVENT_TYPES.values()
}
_SHAPES: Mapping[str, Callable[[Any], Any]] = {
    "error": ErrorInfo.as_json,
    "holes": lambda holes: [hole.as_json() for hole in holes],
}


def canonical(value: Any) -> bytes:
    """Return JSON with sorted keys and no spaces: equal values give equal bytes."""
    return to_json(_sorted(value))


def _sorted(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _sorted(value[key]) for key in sorted(value)}
    if isinstance(value, list | tuple):
        return [_sorted(item) for item in value]
    return value


def encode(event: Event) -> bytes:
    """Return the data of an event as compact JSON; fields at their default are left out."""
    data: dict[str, Any] = {}
    for name, default, stored in _PLAN[type(event)]:
        value = getattr(event, name)
        if value is default:
            continue
        if stored:
            if type(value) in REFS:
                name, value = name + "@", value.as_json()
        elif name in _SHAPES:
            value = _SHAPES[name](value)
        data[name] = value
    return to_json(data)


def decode(kind: str, version: int, text: str | bytes) -> Event:
    """Return the event of a record; raise StateCorrupt, naming type and version, if it cannot be read."""
    event_type = EVENT_TYPES.get(kind)
    if event_type is None or version > event_type.V:
        known = "" if event_type is None else f" (it reads up to v{event_type.V})"
        raise StateCorrupt(
            f"{kind} v{version} is a record that this version does not know{known}: "
            "a newer Harmonia wrote it; upgrade Harmonia."
        )
    try:
        data = from_json(text)
        if version != event_type.V:
            data = cast_up(kind, version, event_type.V, data)
        return event_type(**dict(_field(name, value) for name, value in data.items()))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise StateCorrupt(f"{kind} v{version} cannot be read: {type(error).__name__}: {error}") from error


def _field(name: str, value: Any) -> tuple[str, Any]:
    if name[-1] == "@":
        return name[:-1], read_ref(value)
    if name == "error":
        return name, error_from_json(value)
    if name == "holes":
        return name, tuple(Hole.from_json(hole) for hole in value)
    if name == "failed_tasks":
        return name, tuple(value)
    return name, value


def read_ref(shape: Mapping[str, Any]) -> BlobRef | ItemsRef:
    """Return the reference that `as_json` gave."""
    if "$items" in shape:
        prior = read_prior(shape.get("prior"))
        return ItemsRef(shape["$items"], shape["count"], shape.get("execution"), prior=prior)
    return BlobRef(shape["$blob"], shape["size"])


def read_prior(shape: Any) -> BlobRef | tuple[()] | None:
    """Return what is known of outputs that were taken over."""
    if shape is None:
        return None
    return BlobRef(shape["$blob"], shape["size"]) if shape else ()
