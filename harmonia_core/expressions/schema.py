"""Check schemas and values by JSON Schema (2020-12 unless `$schema` says otherwise).

Nothing is ever fetched: a reference may only point into its own schema. Patterns are
matched in linear time, so a value cannot make a check run on; look-around is refused.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Any

from harmonia_core.errors import Problem
from harmonia_core.model.paths import JSON, Step, nearest, write_steps

if TYPE_CHECKING:
    import jsonschema_rs

MAX_PROBLEMS = 100
"""Problems that one check reports at most."""

_META = {"$ref": "https://json-schema.org/draft/2020-12/schema"}
_MESSAGE = 300


def check_schema(schema: JSON, pointer: str) -> list[Problem]:
    """Return what is wrong with a schema, code `schema-invalid`; empty if it can be used."""
    try:
        text = _text(schema)
        declared = isinstance(schema, Mapping) and "$schema" in schema
        problems = [] if declared else _problems(_validator(_text(_META)), schema, pointer, "schema-invalid")
        if not problems:
            _validator(text)
    except ValueError as error:
        problems = [_refusal(error, pointer)]
    return problems


def check_value(schema: JSON, value: JSON, pointer: str, code: str = "value-invalid") -> list[Problem]:
    """Return how a value departs from a schema that `check_schema` has passed.

    code: of the problems, such as `input-invalid`. A value that is no JSON is one problem.
    """
    validator = _validator(_text(schema))
    try:
        return _problems(validator, value, pointer, code, schema)
    except ValueError as error:
        return [Problem("not-json", pointer, f"no JSON value: {error}"[:_MESSAGE])]


def _text(schema: JSON) -> str:
    """Return the schema's JSON, its key in the cache; mappings of any kind are objects."""
    try:
        return json.dumps(schema, default=_as_dict, sort_keys=True)
    except (TypeError, RecursionError) as error:
        raise ValueError(f"the schema is no JSON: {error}") from None


def _as_dict(value: object) -> dict[str, Any]:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


@lru_cache(maxsize=512)
def _validator(schema: str) -> "jsonschema_rs.Validator":
    import jsonschema_rs

    return jsonschema_rs.validator_for(
        json.loads(schema), retriever=_deny, pattern_options=jsonschema_rs.RegexOptions()
    )


def _deny(uri: str) -> JSON:
    raise ValueError(f"{uri} is not part of the schema, and schemas are never fetched")


def _problems(
    validator: "jsonschema_rs.Validator", value: JSON, pointer: str, code: str, schema: JSON = None
) -> list[Problem]:
    errors: Iterable[jsonschema_rs.ValidationError] = islice(validator.iter_errors(value), MAX_PROBLEMS)
    found = (
        Problem(
            code,
            write_steps(pointer, error.instance_path),
            error.message[:_MESSAGE],
            suggestion=_suggestion(error, schema),
        )
        for error in errors
    )
    return list(dict.fromkeys(found))


def _suggestion(error: "jsonschema_rs.ValidationError", schema: JSON) -> str | None:
    """Name the property that was meant, for a key that the schema does not know."""
    if error.kind.name != "additionalProperties":
        return None
    known = _at(schema, error.schema_path[:-1])
    properties = known.get("properties", {}) if isinstance(known, Mapping) else {}
    near = nearest(error.kind.as_dict()["unexpected"][0], properties)
    return None if near is None else f"did you mean `{near}`?"


def _at(schema: JSON, steps: Sequence[Step]) -> JSON:
    for step in steps:
        try:
            schema = schema[step]
        except (LookupError, TypeError):  # the step passes through a reference
            return None
    return schema


def _refusal(error: ValueError, pointer: str) -> Problem:
    """Return the problem for a schema that cannot be built."""
    place = write_steps(pointer, getattr(error, "instance_path", ()))
    message = str(getattr(error, "message", error)).splitlines()[0][:_MESSAGE]
    hint = "patterns know no look-around and no back-references" if "is not a" in message else None
    if "retrieving it failed" in message:
        hint = "write what it holds under `$defs` and refer to `#/$defs/...`"
    return Problem("schema-invalid", place, message, suggestion=hint)
