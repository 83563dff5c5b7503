"""JSON Schema: every problem with its place, nothing fetched, no endless pattern."""

from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from harmonia_core.expressions.schema import MAX_PROBLEMS, check_schema, check_value

PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "tags": {"type": "array", "items": {"type": "string"}}},
    "required": ["name"],
    "additionalProperties": False,
}


def test_all_departures_of_a_value_are_reported_with_their_places() -> None:
    problems = check_value(PERSON, {"tags": ["a", 1, 2], "nmae": "x"}, "input", "input-invalid")
    assert {problem.path for problem in problems} == {"input", "input.tags[1]", "input.tags[2]"}
    assert {problem.code for problem in problems} == {"input-invalid"}
    assert [p.suggestion for p in problems if p.suggestion] == ["did you mean `name`?"]


def test_a_value_that_fits_has_no_problem() -> None:
    assert check_value(PERSON, {"name": "x"}, "input") == []
    assert check_value(MappingProxyType(PERSON), {"name": "x"}, "input") == []


@pytest.mark.parametrize("value", [{1: 2}, {"name": object()}])
def test_a_value_that_is_no_json_is_a_problem(value: Any) -> None:
    [problem] = check_value(PERSON, value, "output")
    assert problem.code == "not-json"


def test_problems_are_bounded_in_number_and_length() -> None:
    problems = check_value({"items": {"type": "string"}}, list(range(1000)), "")
    assert len(problems) == MAX_PROBLEMS
    [problem] = check_value({"type": "integer"}, "x" * 100_000, "")
    assert len(problem.message) <= 300


def test_every_problem_of_a_schema_is_reported() -> None:
    wrong = {"properties": {"a": {"type": "wat"}, "b": {"minimum": "x"}}}
    paths = {problem.path for problem in check_schema(wrong, "input_schema")}
    assert paths == {"input_schema.properties.a.type", "input_schema.properties.b.minimum"}


@pytest.mark.parametrize(
    "schema",
    [[], "x", 1, {"type": "objct"}, {"pattern": "("}, {"$ref": "#/$defs/nope"}, {"x": object()}, {"x": {1}}],
)
def test_what_is_no_schema_is_refused(schema: Any) -> None:
    assert {problem.code for problem in check_schema(schema, "s")} == {"schema-invalid"}


def test_a_schema_nested_too_deeply_is_refused() -> None:
    schema: dict[str, Any] = {}
    for _ in range(5_000):
        schema = {"not": schema}
    assert check_schema(schema, "s")


def test_nothing_is_fetched(tmp_path: Path) -> None:
    (tmp_path / "s.json").write_text('{"type": "string"}', "utf-8")
    for uri in ((tmp_path / "s.json").as_uri(), "http://127.0.0.1:1/s.json"):
        [problem] = check_schema({"$ref": uri}, "s")
        assert "never fetched" in problem.message
        assert problem.suggestion is not None and "$defs" in problem.suggestion
    [problem] = check_schema({"$ref": "other.json"}, "s")
    assert "retrieving it failed" in problem.message


@pytest.mark.parametrize("dialect", ["http://json-schema.org/draft-07/schema#", "http://127.0.0.1:1/meta"])
def test_other_dialects_work_only_if_they_are_built_in(dialect: str) -> None:
    problems = check_schema({"$schema": dialect, "type": "string"}, "s")
    assert bool(problems) == ("127" in dialect)


def test_patterns_take_linear_time_and_have_no_look_around() -> None:
    assert check_value({"pattern": "^(a+)+$"}, "a" * 50_000 + "b", "")
    [problem] = check_schema({"pattern": "(?=a)b"}, "s")
    assert problem.suggestion is not None and "look-around" in problem.suggestion


def test_a_suggestion_is_left_out_where_none_is_known() -> None:
    through = {"$ref": "#/$defs/a", "$defs": {"a": {"additionalProperties": False}}}
    assert check_value(through, {"x": 1}, "")[0].suggestion is None
    closed = {"additionalProperties": False, "properties": {"quite": {}}}
    assert check_value(closed, {"zzz": 1}, "")[0].suggestion is None
    nested = {"allOf": [{"properties": {"count": {}}, "additionalProperties": False}]}
    assert check_value(nested, {"cuont": 1}, "")[0].suggestion == "did you mean `count`?"


def test_a_suggestion_is_left_out_where_the_place_belongs_to_another_resource() -> None:
    other = {"$id": "b", "properties": {"y": {"additionalProperties": False, "properties": {"count": {}}}}}
    schema = {"$id": "http://127.0.0.1:1/", "$defs": {"b": other}, "$ref": "b"}
    [problem] = check_value(schema, {"y": {"cuont": 1}}, "input")
    assert problem.suggestion is None and problem.path == "input.y"
