"""Values that stand in definitions: names, versions, JSON, inputs, conditions. Pure.

A rule that is broken raises PydanticCustomError, whose type is the code of the problem.
"""

import re
from collections.abc import Iterator
from math import isfinite
from typing import Annotated, Any

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from harmonia_core.ids import is_name
from harmonia_core.model.pointer import Pointer, path_text

_VERSION = re.compile(r"\d+(\.\d+){0,2}(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?", re.ASCII)


def _name(text: str) -> str:
    if not is_name(text):
        raise PydanticCustomError(
            "name-invalid",
            "{text} is no name; use letters, digits, '_' and '-', not beginning with a digit, at most 64",
            {"text": repr(text[:80])},
        )
    return text


def _version(text: str) -> str:
    if _VERSION.fullmatch(text) is None or len(text) > 64:
        message = "{text} is no version; write numbers such as '1.4.0', perhaps with '-rc.1' behind"
        raise PydanticCustomError("version-invalid", message, {"text": repr(text[:80])})
    return text


def one_or_many(value: Any) -> Any:
    """Return a text as a list of one; anything else as it is."""
    return (value,) if isinstance(value, str) else value


def _json(value: Any) -> Any:
    for pointer, fault in _not_json(value, ()):
        place = f" at {path_text(pointer)}" if pointer else ""
        raise PydanticCustomError(
            "not-json", "{reason}", {"reason": f"{fault!r:.80}{place} is no JSON value"}
        )
    return value


def _not_json(value: Any, pointer: Pointer) -> Iterator[tuple[Pointer, Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if isinstance(key, str):
                yield from _not_json(inner, (*pointer, key))
            else:
                yield pointer, key
    elif isinstance(value, list | tuple):
        for position, inner in enumerate(value):
            yield from _not_json(inner, (*pointer, position))
    elif not (
        value is None or isinstance(value, str | int) or (isinstance(value, float) and isfinite(value))
    ):
        yield pointer, value


def _input(value: Any) -> Any:
    if not isinstance(value, dict | str):
        raise PydanticCustomError(
            "type-wrong", "an input is an object, or one expression for the whole of it"
        )
    return value


def _when(value: Any) -> Any:
    if not isinstance(value, str | bool):
        raise PydanticCustomError("type-wrong", "'when' is one expression, or true or false")
    return value


Name = Annotated[str, AfterValidator(_name)]
Version = Annotated[str, AfterValidator(_version)]
Json = Annotated[Any, AfterValidator(_json)]
JsonObject = Annotated[dict[str, Any], AfterValidator(_json)]
# Checked by functions, because a union of types answers a fault with one complaint per member.
Input = Annotated[Any, AfterValidator(_input)]
When = Annotated[Any, AfterValidator(_when)]
