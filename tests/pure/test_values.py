"""Templates: slots, escapes, secrets as holes, and that data makes neither."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harmonia_core.errors import ExpressionError, Problem
from harmonia_core.expressions import evaluator
from harmonia_core.expressions.evaluator import as_text, condition, evaluate_expression, fill, fill_holes
from harmonia_core.expressions.paths import resolve
from harmonia_core.model.expression import MAX_SOURCE
from harmonia_core.model.values import (
    MAX_DEPTH,
    Expression,
    Hole,
    Path,
    SecretRef,
    Slot,
    Template,
    parse_expression,
    parse_template,
)

DATA: Any = {"input": {"n": 3, "s": "x", "list": [1, 2], "none": None, "é": "ü"}}


def read(path: Path) -> Any:
    return resolve(DATA, (path.root, *path.steps))


def parsed(value: Any, secrets_allowed: bool = True) -> Template:
    problems: list[Problem] = []
    template = parse_template(value, "tasks.a.input", secrets_allowed=secrets_allowed, problems=problems)
    assert problems == []
    return template


def refused(value: Any, secrets_allowed: bool = True) -> Problem:
    problems: list[Problem] = []
    parse_template(value, "tasks.a.input", secrets_allowed=secrets_allowed, problems=problems)
    [problem] = problems
    return problem


@pytest.mark.parametrize(
    ("value", "filled"),
    [
        ("${input.n}", 3),
        (" ${input.n}", " 3"),
        ("${input.list}", [1, 2]),
        ("n=${ input.n }, s=${input.s}", "n=3, s=x"),
        ("${input.list}${input.none}", "[1,2]null"),
        ('${input["é"]}!', "ü!"),
        ("$${input.n}", "${input.n}"),
        ("$$${input.n}", "$${input.n}"),
        ("a $${b} ${input.n}", "a ${b} 3"),
        ("$ {input.n} }", "$ {input.n} }"),
        ({"a": ["${input.n}", {"b": "${input.s}"}], "$${k}": 1}, {"a": [3, {"b": "x"}], "${k}": 1}),
        ("${ {'}': input.n}['}'] + 1 }", 4),
        ((1, 2.5, True, None), [1, 2.5, True, None]),
    ],
)
def test_a_template_is_filled(value: Any, filled: Any) -> None:
    result = fill(parsed(value), read)
    assert result.value == filled and type(result.value) is type(filled)
    assert result.holes == ()


def test_a_constant_is_known_and_filled_with_a_copy() -> None:
    template = parsed({"a": [1]})
    assert template.constant and not parsed("${input.n}").constant
    fill(template, read).value["a"].append(2)
    assert fill(template, read).value == {"a": [1]}


def test_a_template_says_what_it_reads() -> None:
    template = parsed({"a": "${tasks.fetch.count}", "b": "${tasks.fetch.count + input.n} ${secrets.t}"})
    assert [str(path) for path in template.reads] == ["tasks.fetch.output.count", "input.n"]
    assert template.secrets == ("t",)
    assert [(pointer, e.language) for pointer, e in template.expressions] == [
        (("a",), "path"),
        (("b",), "cel"),
    ]


def test_secrets_are_holes() -> None:
    template = parsed({"a": "${secrets.token}", "b": ["Bearer ${secrets.token} for $${x} ${input.s}"]})
    value, holes = fill(template, read)
    assert value == {"a": None, "b": [None]}
    assert holes == (
        Hole(("a",), (SecretRef("token"),)),
        Hole(("b", 0), ("Bearer ", SecretRef("token"), " for ${x} ", "x")),
    )
    assert [Hole.from_json(json.loads(json.dumps(hole.as_json()))) for hole in holes] == list(holes)
    assert fill_holes(value, holes, {"token": "T"}.__getitem__) == {"a": "T", "b": ["Bearer T for ${x} x"]}
    assert value == {"a": None, "b": [None]}
    assert fill_holes(value, (), str) is value
    assert fill_holes(None, (Hole((), (SecretRef("t"),)),), str.upper) == "T"


@pytest.mark.parametrize(
    ("value", "code", "path"),
    [
        ({"a": ["x", "${foo.bar}"]}, "unknown-root", "tasks.a.input.a[1]"),
        ({"a.b": "${}"}, "expression-invalid", 'tasks.a.input["a.b"]'),
        ("${input.n", "expression-invalid", "tasks.a.input"),
        ("${input.n + '}", "expression-invalid", "tasks.a.input"),
        ("${params.x}", "expression-invalid", "tasks.a.input"),
        ("${tasks}", "expression-invalid", "tasks.a.input"),
        ("${tasks[0].x}", "expression-invalid", "tasks.a.input"),
        ("${input.list[-1]}", "expression-invalid", "tasks.a.input"),
        ("${secrets}", "expression-invalid", "tasks.a.input"),
        ("${secrets.a.b}", "expression-invalid", "tasks.a.input"),
        ("${secrets[0]}", "expression-invalid", "tasks.a.input"),
        ('${secrets["a b"]}', "expression-invalid", "tasks.a.input"),
        ("${size(secrets.a)}", "secret-not-allowed", "tasks.a.input"),
        ({"${input.n}": 1}, "expression-invalid", "tasks.a.input"),
        ({1: 2}, "not-json", "tasks.a.input"),
        ({"a": float("nan")}, "not-json", "tasks.a.input.a"),
        ({"a": {1, 2}}, "not-json", "tasks.a.input.a"),
        (f"${{input.n + {'1' * MAX_SOURCE}}}", "expression-invalid", "tasks.a.input"),
    ],
)
def test_a_faulty_template_is_a_problem_with_its_place(value: Any, code: str, path: str) -> None:
    problem = refused(value)
    assert (problem.code, problem.path) == (code, path)


def test_all_problems_are_reported_at_once() -> None:
    problems: list[Problem] = []
    value = {"a": "${x.y} ${input.}", "b": "${inptu.n}"}
    parse_template(value, "", secrets_allowed=False, problems=problems)
    assert [problem.path for problem in problems] == ["a", "b"]
    assert problems[1].suggestion == "did you mean `input`?"


def test_secrets_are_refused_outside_of_inputs() -> None:
    assert refused("x ${secrets.t}", secrets_allowed=False).code == "secret-not-allowed"


def test_a_template_nested_too_deeply_is_refused() -> None:
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    assert refused(deep).code == "too-deep"
    fine: Any = "${input.n}"
    for _ in range(MAX_DEPTH):
        fine = [fine]
    assert not parsed(fine).constant


def test_a_bare_text_can_be_an_expression() -> None:
    problems: list[Problem] = []
    for value in ("input.list", "${input.list}"):
        template = parse_template(value, "", secrets_allowed=False, bare_expression=True, problems=problems)
        assert fill(template, read).value == [1, 2]
    listed = parse_template(["input.n"], "", secrets_allowed=False, bare_expression=True, problems=problems)
    assert listed.value == ["input.n"] and problems == []


@pytest.mark.parametrize("source", ["input.n > 2", "${input.n > 2}", " ${ input.n > 2 } ", True])
def test_a_condition_stands_with_or_without_braces(source: Any) -> None:
    expression = parse_expression(source, "when", [])
    assert expression is not None and condition(expression, read) is True


def test_a_condition_can_be_the_literal_false() -> None:
    expression = parse_expression(False, "when", [])
    assert expression is not None and condition(expression, read) is False


@pytest.mark.parametrize(
    "source", ["${input.n} > ${input.m}", "x ${input.n}", "${input.n", "", 7, None, "secrets.x"]
)
def test_what_is_not_one_expression_is_refused(source: Any) -> None:
    problems: list[Problem] = []
    assert parse_expression(source, "when", problems) is None
    assert [problem.path for problem in problems] == ["when"]


@pytest.mark.parametrize(("source", "kind"), [("input.none", "null"), ("input.n", "int"), ("input.s", "str")])
def test_a_condition_is_a_boolean_or_an_error(source: str, kind: str) -> None:
    expression = parse_expression(source, "when", [])
    assert expression is not None
    with pytest.raises(ExpressionError, match=f"gave {kind}") as raised:
        condition(expression, read)
    assert raised.value.error_code == "not-boolean"


def test_a_missing_path_is_an_error_and_no_null() -> None:
    with pytest.raises(ExpressionError, match="input has no key 'm'"):
        fill(parsed("${input.m}"), read)


def test_a_text_over_the_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluator, "MAX_RESULT", 10)
    with pytest.raises(ExpressionError) as raised:
        fill(parsed("12345 ${input.s} 12345"), read)
    assert raised.value.error_code == "too-large"


def test_other_languages_are_chosen_by_name() -> None:
    class Upper:
        name = "upper"

        def check(self, source: str) -> list[Problem]:
            return []

        def evaluate(self, source: str, bindings: Any) -> Any:
            return source.upper() + bindings["input"]["s"]

    expression = Expression("abc", "upper", None, (Path("input", ("s",)),))
    assert evaluate_expression(expression, read, {"upper": Upper()}) == "ABCx"
    template = Template(None, (Slot((), (expression,)),))
    assert fill(template, read, {"upper": Upper()}).value == "ABCx"


TEXTS = st.lists(
    st.sampled_from(["${", "$${", "}", "input.n", "secrets.t", "'", '"', " ", "{", "x", "\\"])
).map("".join)
ANY = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), TEXTS, st.text(), st.binary()),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.one_of(TEXTS, st.integers()), inner, max_size=4)
    ),
)


@given(ANY, st.booleans())
def test_parsing_never_raises_and_gives_what_it_promises(value: Any, secrets_allowed: bool) -> None:
    problems: list[Problem] = []
    template = parse_template(value, "p", secrets_allowed=secrets_allowed, problems=problems)
    parse_expression(value, "p", problems)
    assert not template.secrets or secrets_allowed
    assert all(slot.parts for slot in template.slots)


@given(TEXTS)
def test_data_is_never_looked_into(text: str) -> None:
    template = parsed({"whole": "${input.x}", "part": "<${input.x}>", "deep": "${input}"})
    filled = fill(template, lambda path: resolve({"x": text}, path.steps))
    assert filled.value == {"whole": text, "part": f"<{text}>", "deep": {"x": text}}
    assert filled.holes == ()


@given(st.text())
def test_an_escaped_text_is_itself(text: str) -> None:
    assert parsed(text.replace("$", "").replace("{", "$${")).constant


def test_texts_are_put_into_texts_as_they_are() -> None:
    assert [as_text(value) for value in ("é", None, True, 1.5, {"a": ["é"]})] == [
        "é",
        "null",
        "true",
        "1.5",
        '{"a":["é"]}',
    ]
