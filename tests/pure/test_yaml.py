"""Reading definitions: YAML by the rules of 1.2, strict JSON, places, and texts that mean harm."""

import json
import math
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from harmonia_core.builtin import yaml_compose
from harmonia_core.builtin.documents import DEFINITION_FORMATS
from harmonia_core.builtin.json_reader import read_json
from harmonia_core.builtin.yaml_nodes import MAX_DEPTH, MAX_NODES
from harmonia_core.builtin.yaml_reader import MAX_TEXT, read_yaml
from harmonia_core.contracts.definition_format import ParsedDocument

BOMB = "\n".join(
    [
        "name: bomb",
        "a: &a [x, x, x, x, x, x, x, x, x, x]",
        *(
            f"{new}: &{new} [{', '.join(['*' + old] * 10)}]"
            for old, new in zip("abcdefgh", "bcdefghi", strict=True)
        ),
        "after: still read",
    ]
)


def loaded(text: str) -> Any:
    document = read_yaml(text, "test")
    assert document.problems == ()
    return document.data


def faults(document: ParsedDocument) -> list[tuple[str, str, int | None, int | None]]:
    return [(problem.code, problem.path, problem.line, problem.column) for problem in document.problems]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("on", "on"),
        ("yes", "yes"),
        ("No", "No"),
        ("012", 12),
        ("0o14", 12),
        ("0x1F", 31),
        ("1:30", "1:30"),
        ("1_000", "1_000"),
        ("2026-01-01", "2026-01-01"),
        ("+7", 7),
        ("-0", 0),
        ("0b1", "0b1"),
        ("~", None),
        ("null", None),
        ("NULL", None),
        ("nUll", "nUll"),
        ("", None),
        ("true", True),
        ("TRUE", True),
        ("tRue", "tRue"),
        ("1.5", 1.5),
        (".5", 0.5),
        ("5.", 5.0),
        ("1e3", 1000.0),
        (".", "."),
        ("-a", "-a"),
        ("+", "+"),
        ("1.2.3", "1.2.3"),
        ("'12'", "12"),
        ('"null"', "null"),
        ("|\n  12\n", "12\n"),
        ("${input.x}", "${input.x}"),
    ],
)
def test_plain_words_follow_the_core_schema(text: str, value: Any) -> None:
    found = loaded(f"key: {text}")["key"]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize("text", [".inf", "-.INF", ".nan", "1e999", "9" * 1001])
def test_numbers_that_json_lacks_are_refused(text: str) -> None:
    document = read_yaml(f"a: 1\nb: {text}", "test")
    assert faults(document) == [("number-not-json", "b", 2, 4)]
    assert document.data == {"a": 1, "b": None}


def test_faults_that_leave_the_rest_readable_come_together() -> None:
    text = "a: 1\na: 2\n3: x\n? [c]\n: y\n<<: {d: 1}\ne: !!str 5\ntrue: z\nf: fine"
    document = read_yaml(text, "test")
    assert faults(document) == [
        ("duplicate-key", "a", 2, 1),
        ("key-not-text", '["3"]', 3, 1),
        ("key-not-text", "", 4, 3),
        ("merge-key", "", 6, 1),
        ("yaml-tag", "e", 7, 4),
        ("key-not-text", "true", 8, 1),
    ]
    assert document.data == {"a": 1, "3": "x", "e": "5", "true": "z", "f": "fine"}


@pytest.mark.parametrize(
    ("text", "code", "line", "column"),
    [
        ("a: [1", "yaml-syntax", 2, 1),
        ("a: b: c", "yaml-syntax", 1, 5),
        ("a: *nobody", "yaml-syntax", 1, 4),
        ("a: 1\n\tb: 2", "yaml-syntax", 2, 1),
        ("a: 1\nä: \x07", "yaml-syntax", 2, 4),
        ("a: 1\n---\nb: 2", "multiple-documents", 2, 1),
        ("", "document-empty", None, None),
        ("# nothing", "document-empty", None, None),
        ("a: \ud800", "text-not-unicode", 1, 4),
        ("[" * 200_000, "too-deep", None, None),
        ("x" * (MAX_TEXT + 1), "text-too-large", None, None),
    ],
)
def test_text_that_cannot_be_read_says_where(
    text: str, code: str, line: int | None, column: int | None
) -> None:
    document = read_yaml(text, "test")
    assert document.data is None
    assert faults(document) == [(code, "", line, column)]


def test_the_parser_in_python_agrees(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(yaml, "CSafeLoader")
    monkeypatch.setattr(yaml_compose, "_loader", yaml_compose._loader.__wrapped__)
    document = read_yaml("on: 012\non: 2\nb: [*x]", "test")
    assert faults(document) == [("yaml-syntax", "", 3, 5)]
    document = read_yaml("on: 012\non: 2\nb: !x {c: ~}", "test")
    assert (document.data, len(document.problems)) == ({"on": 12, "b": {"c": None}}, 2)
    assert faults(read_yaml("a: \x07", "test"))[0][0] == "yaml-syntax"


def test_aliases_are_copied() -> None:
    data = loaded("a: &x {k: [1]}\nb: *x")
    assert data == {"a": {"k": [1]}, "b": {"k": [1]}}
    assert data["a"]["k"] is not data["b"]["k"]


def test_an_alias_bomb_is_refused_once() -> None:
    document = read_yaml(BOMB, "test")
    assert faults(document) == [("alias-expansion", "e[7]", 6, 4)]
    assert document.data["after"] == "still read"


def test_an_alias_within_itself_is_refused() -> None:
    document = read_yaml("a: &a [1, *a]\nb: 2", "test")
    assert faults(document) == [("alias-expansion", "a[1]", 1, 4)]
    assert document.data == {"a": [1, None], "b": 2}
    assert len(document.positions) < MAX_NODES


def test_aliases_cannot_nest_deeper_than_text_may() -> None:
    chain = "\n".join(f"  - &a{n} [*a{n - 1}]" for n in range(1, MAX_DEPTH + 20))
    document = read_yaml(f"chain:\n  - &a0 []\n{chain}", "test")
    assert {problem.code for problem in document.problems} == {"too-deep"}


def test_every_key_and_item_has_its_place() -> None:
    text = 'name: x\ntasks:\n  a: {type: noop}\n  "b c":\n    - one\n    - two: [1, 2]\n'
    positions = read_yaml(text, "test").positions
    assert dict(positions) == {
        (): (1, 1),
        ("name",): (1, 1),
        ("tasks",): (2, 1),
        ("tasks", "a"): (3, 3),
        ("tasks", "a", "type"): (3, 7),
        ("tasks", "b c"): (4, 3),
        ("tasks", "b c", 0): (5, 7),
        ("tasks", "b c", 1): (6, 7),
        ("tasks", "b c", 1, "two"): (6, 7),
        ("tasks", "b c", 1, "two", 0): (6, 13),
        ("tasks", "b c", 1, "two", 1): (6, 16),
    }
    assert positions
    assert positions._known, "a tree of nodes is there without being walked"  # type: ignore[attr-defined]
    for missing in [("nothing",), ("name", "below"), ("tasks", 0), ("tasks", "b c", 2)]:
        assert missing not in positions


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(JSON_VALUES)
def test_json_is_yaml(value: Any) -> None:
    text = json.dumps(value)
    assert read_json(text, "test").data == value
    as_yaml = read_yaml(text, "test")
    if not as_yaml.problems:  # a key such as "" or a character that YAML refuses
        assert as_yaml.data == value


@given(st.text(max_size=200))
def test_no_text_makes_a_reader_raise(text: str) -> None:
    for read in (read_yaml, read_json):
        document = read(text, "test")
        assert document.problems or json.loads(json.dumps(document.data)) == document.data


def test_json_is_strict() -> None:
    text = '{"a": 1e999,\n "b": NaN, "c": -Infinity,\n "d": {"e": 1, "e": 2},\n "a": 3}'
    document = read_json(text, "test")
    assert faults(document) == [
        ("number-not-json", "", None, None),
        ("number-not-json", "", None, None),
        ("number-not-json", "", None, None),
        ("duplicate-key", "d.e", 3, 16),
        ("duplicate-key", "a", 4, 2),
    ]
    assert document.data == {"a": None, "b": None, "c": None, "d": {"e": 1}}


def test_json_places_and_syntax() -> None:
    assert faults(read_json('{"a": 1,\n "b": }', "test")) == [("json-syntax", "", 2, 7)]
    assert faults(read_json("[" * 100_000, "test")) == [("too-deep", "", None, None)]
    assert faults(read_json("[" * (MAX_TEXT + 1), "test")) == [("text-too-large", "", None, None)]
    assert faults(read_json("[" + "9" * 1001 + "]", "test")) == [("number-not-json", "", None, None)]
    assert faults(read_json('[{"a": 1, "a": 2}]', "test")) == [("duplicate-key", "[0].a", 1, 11)]
    positions = read_json('{"a": [1,\n {"b": 2}]}', "test").positions
    assert positions["a", 1, "b"] == (2, 3)
    assert len(positions) == len(list(positions)) == 5


def test_json_that_yaml_cannot_read_has_no_places() -> None:
    deep = "[" * 150 + "]" * 150
    document = read_json(deep, "test")
    assert (document.problems, len(document.positions)) == ((), 0)
    duplicated = read_json('{"a": 1, "a": ' + deep + "}", "test")
    assert faults(duplicated) == [("duplicate-key", "", None, None)]


def test_formats_are_found_by_suffix() -> None:
    suffixes = {suffix: found.name for found in DEFINITION_FORMATS for suffix in found.suffixes}
    assert suffixes == {".yaml": "yaml", ".yml": "yaml", ".json": "json"}
    assert not math.isnan(loaded("a: 1.0")["a"])
