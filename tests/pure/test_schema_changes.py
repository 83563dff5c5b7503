"""A schema that is said to take more does: whatever passed before passes still. Against the real checker."""

from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from harmonia_core.definitions.schema_changes import schema_changes
from harmonia_core.expressions.schema import check_value

NAMES = st.sampled_from("abc")
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 3), st.sampled_from([0.5, 1.5, -2.0]), st.text("xy", max_size=3)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)
TYPES = ("string", "number", "integer", "boolean", "null", "object", "array")
KEYS: dict[str, Any] = {
    "type": st.sampled_from(TYPES) | st.lists(st.sampled_from(TYPES), min_size=1, max_size=4, unique=True),
    "enum": st.lists(SCALARS, min_size=1, max_size=4, unique_by=repr),
    "const": SCALARS,
    "minimum": st.integers(-2, 2),
    "exclusiveMaximum": st.integers(-2, 2),
    "minLength": st.integers(0, 3),
    "maxLength": st.integers(0, 3),
    "maxItems": st.integers(0, 3),
    "uniqueItems": st.booleans(),
    "required": st.lists(NAMES, max_size=3, unique=True),
    "additionalProperties": st.booleans(),
    "title": st.text("t", max_size=2),
}
# Near each other, so that most pairs differ in one or two keys.
PLAIN = st.fixed_dictionaries({}, optional=KEYS)


def nested(inner: Any) -> Any:
    deeper = {
        "properties": st.dictionaries(NAMES, inner, max_size=3),
        "items": inner,
        "additionalProperties": inner | st.booleans(),
    }
    return st.fixed_dictionaries({}, optional={**KEYS, **deeper})


SCHEMAS = st.recursive(PLAIN, nested, max_leaves=4)


@st.composite
def pairs(draw: Any) -> tuple[Any, Any]:
    """Draw two schemas: unrelated ones, or the second changed in one key of the first."""
    old = draw(SCHEMAS)
    if draw(st.integers(0, 3)) == 0:
        return old, draw(SCHEMAS)
    key = draw(st.sampled_from([*KEYS]))
    new = {name: value for name, value in old.items() if name != key}
    if draw(st.booleans()):
        new[key] = draw(KEYS[key])
    if old.get("properties") and draw(st.booleans()):
        name = draw(st.sampled_from(sorted(old["properties"])))
        new = {**old, "properties": {**old["properties"], name: draw(PLAIN)}}
    return old, new


def accepted(schema: Any, value: Any) -> bool:
    return not check_value(schema, value, "input")


NARROWING, WIDENING = {"narrower", "unclear", "added", "removed"}, {"wider", "unclear", "added", "removed"}


@settings(max_examples=600, deadline=None)
@given(pairs(), st.lists(VALUES, min_size=4, max_size=8))
def test_what_is_no_narrower_takes_what_was_taken(both: tuple[Any, Any], values: list[Any]) -> None:
    old, new = both
    assume(old != new)
    effects = {change.effect for change in schema_changes(old, new, "input_schema")}
    for value in values:
        if not effects & NARROWING:
            assert accepted(new, value) or not accepted(old, value)
        if not effects & WIDENING:
            assert accepted(old, value) or not accepted(new, value)


def test_no_schema_takes_everything() -> None:
    [now] = schema_changes(None, {"type": "object"}, "input_schema")
    [then] = schema_changes({"type": "object"}, None, "input_schema")
    assert (now.effect, then.effect) == ("narrower", "wider")
    assert list(schema_changes(None, None, "x")) == []
    assert [one.effect for one in schema_changes(True, {"a": 1}, "x")] == ["unclear"]
