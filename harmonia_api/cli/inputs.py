"""The input of an execution, from `--input key=value` or a file."""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from harmonia_api.cli.source import FORMATS, Refused, parse_data, read_data
from harmonia_core import Problem
from harmonia_core.host import Plugins, check_value

Schema = Mapping[str, Any]

_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "number": (int, float),
    "integer": int,
    "null": type(None),
}


def read_input(pairs: Sequence[str], file: Path | None, schema: Schema | None, plugins: Plugins) -> Any:
    """Return the input, checked against the schema; raise Refused with everything wrong with it."""
    if pairs and file is not None:
        raise Refused([Problem("input-twice", "input", "give --input or --input-file, not both")])
    if file is None:
        given = _from_pairs(pairs, schema or {})
    elif str(file) == "-":
        given = parse_data(sys.stdin.read(), "stdin", plugins.registry.get(FORMATS, "json"))
    else:
        given = read_data(file, plugins)
    problems = check_value(schema, given, "input", "input-invalid") if schema is not None else []
    if problems:
        raise Refused(problems)
    return given


def _from_pairs(pairs: Sequence[str], schema: Schema) -> dict[str, Any]:
    given: dict[str, Any] = {}
    problems: list[Problem] = []
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals or not key:
            problems.append(Problem("input-malformed", "input", f"{pair!r} is not of the form key=value"))
        elif key in given:
            problems.append(Problem("input-twice", f"input.{key}", "the key was given twice"))
        else:
            given[key] = _value(text, set(_types(schema, key)))
    if problems:
        raise Refused(problems)
    return given


def _value(text: str, types: set[str]) -> Any:
    """Return the text itself if only a text will do, otherwise its JSON where that may stand there."""
    if types == {"string"}:
        return text
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return text if "string" in types and not _fits(value, types) else value


def _fits(value: Any, types: set[str]) -> bool:
    if isinstance(value, bool):
        return "boolean" in types
    return any(isinstance(value, _TYPES.get(name, object)) for name in types)


def _types(schema: Schema, key: str) -> Iterator[str]:
    """Yield the types that a schema names for a property, through references into itself."""
    properties = schema.get("properties")
    found = properties.get(key) if isinstance(properties, Mapping) else None
    for _ in range(10):
        if not isinstance(found, Mapping) or "$ref" not in found:
            break
        found = _target(schema, str(found["$ref"]))
    named = found.get("type") if isinstance(found, Mapping) else None
    yield from [named] if isinstance(named, str) else named or ()


def _target(schema: Schema, reference: str) -> Any:
    found: Any = schema if reference.startswith("#/") else None
    for part in reference[2:].split("/"):
        found = found.get(part.replace("~1", "/").replace("~0", "~")) if isinstance(found, Mapping) else None
    return found
