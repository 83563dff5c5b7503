"""Definitions and inputs that are wrong: refused before anything runs, with everything that is wrong."""

import json
from pathlib import Path
from typing import Any

import pytest
from programs import Place

# One document with a fault of most kinds; the code, line and column of each.
MANY = """\
name: many
version: 1.0.0
input_schema:
  type: object
  properties: {count: {type: integer}}
  additionalProperties: false
tasks:
  first:
    type: python
    input: {callable: "work:mark", args: {value: 1}}
    retry_polcy: {max_retries: 1}
  second:
    type: pyhton
    depends_on: [first]
  third:
    type: noop
    depends_on: [frist]
  fourth:
    type: noop
    when: ${tasks.first.output ==}
    depends_on: [first]
  fifth:
    type: transform
    input: {value: "${tasks.fourth.output}"}
  circle:
    type: noop
    depends_on: [again]
  again:
    type: noop
    depends_on: [circle]
  asks:
    type: transform
    input: {value: "${input.cuont}"}
"""
EXPECTED = [
    ("key-unknown", "tasks.first.retry_polcy", 11, "retry_policy"),
    ("task-type-unknown", "tasks.second.type", 13, "python"),
    ("dependency-unknown", "tasks.third.depends_on[0]", 17, "first"),
    ("expression-invalid", "tasks.fourth.when", 20, None),
    ("dependency-missing", "tasks.fifth.input.value", 24, None),
    ("dependency-cycle", None, None, None),
    ("path-unknown", "tasks.asks.input.value", 33, "count"),
]


def write(place: Place, text: str, name: str = "bad.yaml") -> Path:
    path = place.folder / name
    path.write_text(text)
    return path


def problems_of(place: Place, path: Path, command: str = "run", *more: str) -> list[dict[str, Any]]:
    """Return the problems of a file, the same as JSON and as lines; nothing has run."""
    before = sorted(place.folder.glob("store*"))
    told = place.ask(command, path, "--json", *more, db=command == "run")
    assert told.code == 2, told.stderr
    document = json.loads(told.stdout)
    assert list(document) == ["problems"]
    found: list[dict[str, Any]] = document["problems"]
    lines = place.ask(command, path, *more, db=command == "run")
    assert (lines.code, lines.stdout) == (2, "")
    assert "Traceback" not in told.stderr + lines.stderr
    for problem in found:
        assert set(problem) == {"code", "path", "line", "column", "message", "suggestion"}
        assert f"[{problem['code']}]" in lines.stderr and problem["message"] in lines.stderr
    assert f"{len(found)} problem" in lines.stderr
    assert place.marks() == []
    assert sorted(place.folder.glob("store*")) == before, "a refused definition leaves no store behind"
    return found


@pytest.mark.parametrize("command", ["validate", "run"])
def test_every_problem_is_in_one_answer(place: Place, command: str) -> None:
    found = problems_of(place, write(place, MANY), command)
    for code, path, line, word in EXPECTED:
        [problem] = [one for one in found if one["code"] == code]
        assert path is None or (problem["path"], problem["line"]) == (path, line)
        assert word is None or word in f"{problem['message']} {problem['suggestion']}"
    assert len(found) == len(EXPECTED), found


def test_validate_needs_no_store_and_run_makes_none(place: Place) -> None:
    place.environment["HARMONIA_DATA_DIR"] = str(place.folder / "data")
    path = write(place, MANY)
    assert place.call("validate", path, db=False).process.returncode == 2
    assert place.call("run", path, db=False).process.returncode == 2
    assert not list((place.folder / "data").glob("*.db*"))


@pytest.mark.parametrize(
    ("text", "code", "line"),
    [
        ("name: x\ntasks:\n  a: {type: noop}\n  a: {type: noop}\n", "duplicate-key", 4),
        ("name: x\ntasks: {a: {type: noop}\n", "yaml-syntax", 3),
        ("name: x\ntasks:\n  a: {type: noop}\n\tb: 1\n", "yaml-syntax", 4),
        ("", None, None),
        ("- a\n- b\n", None, None),
        ("name: x\ntasks: {}\n", None, None),
        ("name: 7\ntasks: {a: {type: noop}}\n", None, 1),
        ("name: x\ntasks:\n  a b: {type: noop}\n", None, 3),
        ("name: x\ntasks:\n  a: {type: noop, depends_on: [a]}\n", "dependency-cycle", 3),
        ("name: x\ntasks:\n  a: {type: noop, when: '${1 + 1}'}\n", None, 3),
        ("name: x\ntasks:\n  a: {type: noop, timeout: soon}\n", None, 3),
        ("name: x\ntasks:\n  a: {type: noop, compensate: {type: group}}\n", "not-supported", 3),
        ("name: x\ntasks:\n  a: {type: transform, input: {value: '${secrets.KEY + 1}'}}\n", None, 3),
        ("name: x\noutput: ${secrets.KEY}\ntasks:\n  a: {type: noop}\n", None, 2),
    ],
)
def test_one_fault_is_one_problem(place: Place, text: str, code: str | None, line: int | None) -> None:
    [problem] = problems_of(place, write(place, text))
    assert code is None or problem["code"] == code, problem
    assert line is None or problem["line"] == line, problem


def test_an_alias_bomb_is_refused_quickly(place: Place) -> None:
    rows = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    rows += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    bomb = "name: bomb\nmetadata:\n" + "".join(f"  {row}\n" for row in rows) + "tasks:\n  a: {type: noop}\n"
    found = problems_of(place, write(place, bomb))
    assert "alias-expansion" in [problem["code"] for problem in found]
    assert all(problem["line"] is not None for problem in found)


def test_an_endless_alias_is_refused(place: Place) -> None:
    loop = "name: loop\nmetadata: &m {again: *m}\ntasks:\n  a: {type: noop}\n"
    assert [one["code"] for one in problems_of(place, write(place, loop))] == ["alias-expansion"]


SCHEMA = """\
name: greets
input_schema:
  type: object
  required: [name, count]
  properties: {name: {type: string}, count: {type: integer}, kind: {enum: [a, b]}}
  additionalProperties: false
tasks:
  one: {type: python, input: {callable: "work:mark"}}
"""


def test_a_wrong_input_is_refused_with_everything_wrong(place: Place) -> None:
    path = write(place, SCHEMA)
    found = problems_of(place, path, "run", "--input", "count=many", "--input", "kind=c", "--input", "more=1")
    assert {problem["code"] for problem in found} == {"input-invalid"}
    text = json.dumps(found)
    assert all(word in text for word in ("input.count", "input.kind", "name", "more"))
    assert len(found) == 4


@pytest.mark.parametrize("more", [("--input", "name"), ("--input", "=x"), ("--input-file", "none.json")])
def test_a_malformed_input_is_refused(place: Place, more: tuple[str, str]) -> None:
    assert problems_of(place, write(place, SCHEMA), "run", *more)


@pytest.mark.parametrize("name", ["none.yaml", "strange.toml", "binary.yaml"])
def test_a_file_that_cannot_be_read_as_a_definition_is_refused(place: Place, name: str) -> None:
    path = place.folder / name
    if not name.startswith("none"):
        path.write_bytes(b"\xff\xfe\x00binary")
    for command in ("validate", "run"):
        assert len(problems_of(place, path, command)) == 1


def test_json_definitions_are_judged_alike(place: Place) -> None:
    text = '{"name": "x", "tasks": {"a": {"type": "noop", "dependson": []}, "a": {"type": "noop"}}}'
    found = problems_of(place, write(place, text, "bad.json"))
    assert "duplicate-key" in {problem["code"] for problem in found}, found
    text = '{"name": "x",\n "tasks": {"a": {"type": "noop", "depends_one": []}, "b": {"type": "nop"}}}'
    found = problems_of(place, write(place, text, "bad.json"))
    assert {problem["code"] for problem in found} == {"key-unknown", "task-type-unknown"}
