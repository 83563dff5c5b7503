"""A definition as people compare it: ids as keys, in the model's order, one text for one content. Pure."""

from collections.abc import Iterator, Mapping
from difflib import unified_diff
from typing import Any

Data = Mapping[str, Any]

# Where ids name what a list holds; where blocks stand in a list; where one stands alone.
_NAMED, _LISTS, _ALONE = ("tasks", "steps", "branches"), ("cases", "catch"), ("task", "default", "finally")
FIRST = "1.0.0"
"""The version of a definition that says none."""
PLACES = frozenset((*_NAMED, *_LISTS, *_ALONE))
"""Keys under which tasks stand."""


def presented(data: Data) -> dict[str, Any]:
    """Return a definition's normal form with tasks, steps and branches by their ids, at every depth."""
    return {key: _presented(key, value) for key, value in data.items()}


def _presented(key: str, value: Any) -> Any:
    if key in _NAMED and isinstance(value, list):
        return {one["id"]: presented({k: v for k, v in one.items() if k != "id"}) for one in value}
    if key in _LISTS and isinstance(value, list):
        return [presented(one) for one in value]
    return presented(value) if key in _ALONE and isinstance(value, dict) else value


def parts(data: Data, at: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (place, own fields) of every task and block of a presented definition, each before its parts.

    The place is that of the text: `tasks.book.steps.pay`, `tasks.choose.cases[0]`.
    """
    for key, value in data.items():
        for place, one in _inside(key, value, f"{at}.{key}" if at else key):
            yield place, {name: field for name, field in one.items() if not _holds(name, field)}
            yield from parts(one, place)


def _inside(key: str, value: Any, place: str) -> Iterator[tuple[str, dict[str, Any]]]:
    if key in _NAMED and isinstance(value, dict):
        yield from ((f"{place}.{name}", one) for name, one in value.items())
    elif key in _LISTS and isinstance(value, list):
        yield from ((f"{place}[{number}]", one) for number, one in enumerate(value))
    elif key in _ALONE and isinstance(value, dict):
        yield place, value


def _holds(key: str, value: Any) -> bool:
    return key in PLACES and isinstance(value, dict | list)


def as_text(data: Data) -> str:
    """Return a definition's normal form as YAML: equal definitions give equal texts."""
    import yaml

    whole = {"name": data.get("name"), "version": data.get("version", FIRST), **presented(data)}
    text: str = yaml.safe_dump(whole, sort_keys=False, allow_unicode=True, width=100)
    return text


def plain_text(data: Any) -> str:
    """Return any data as YAML, in the order that it has: a draft may be wrong in every way."""
    import yaml

    text: str = yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=100)
    return text


def text_diff(old: Data, new: Data, names: tuple[str, str], context: int = 3) -> str:
    """Return a unified diff of two normal forms, empty if they are equal. names: for its head."""
    before, after = as_text(old).splitlines(), as_text(new).splitlines()
    return "\n".join(unified_diff(before, after, *names, lineterm="", n=context))
