"""CEL: what is handed over, what comes back, what is refused, and what bounds it."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path as FilePath
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harmonia_core.errors import ExpressionError, Problem
from harmonia_core.expressions import cel, cel_results
from harmonia_core.expressions.bindings import bind, explain
from harmonia_core.expressions.cel import CEL
from harmonia_core.expressions.cel_messages import compile_message, failure
from harmonia_core.expressions.evaluator import as_text, condition, evaluate_expression
from harmonia_core.expressions.growth import MAX_DEPTH, growth, weigh
from harmonia_core.expressions.paths import resolve
from harmonia_core.model.reads import scan
from harmonia_core.model.values import Expression, Path, parse_expression

DATA: Any = {
    "input": {"f": 1.5, "n": 2, "s": "x", "in": 1, "list": [{"p": 1}, {"p": 2}], "none": None, "a-b": 5},
    "tasks": {
        "fetch": {
            "output": {"count": 3, "rows": [[1, 2]]},
            "status": "succeeded",
            "error": None,
            "attempts": 1,
        },
        "text": {"output": [7, 8], "status": "succeeded", "error": None, "attempts": 1},
        "bad": {"output": None, "status": "failed", "error": {"code": "gone"}, "attempts": 3},
        "a-b": {"output": {"n": 1}, "status": "succeeded", "error": None, "attempts": 1},
    },
    "vars": {},
}


def read(path: Path) -> Any:
    return resolve(DATA, (path.root, *path.steps))


def parsed(source: str) -> Expression:
    problems: list[Problem] = []
    expression = parse_expression(source, "when", problems)
    assert expression is not None, problems
    cel.check(expression, "when", problems)
    assert problems == []
    return expression


def refused(source: str, boolean: bool = False) -> list[Problem]:
    problems: list[Problem] = []
    expression = parse_expression(source, "when", problems)
    if expression is not None:
        cel.check(expression, "when", problems, boolean=boolean)
    assert {problem.path for problem in problems} <= {"when"}
    return problems


def failed(source: str) -> ExpressionError:
    with pytest.raises(ExpressionError) as raised:
        evaluate_expression(parsed(source), read)
    return raised.value


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("tasks.fetch.output.count > 2", True),
        ("tasks.fetch.count + 1", 4),
        ("tasks.fetch['count'] + tasks['fetch'].count", 6),
        ("tasks.fetch.rows[0][1] * 2", 4),
        ("tasks.text[1] + 0", 8),
        ("size(tasks.text.output)", 2),
        ("tasks.bad.status == 'failed' && tasks.bad.error.code == 'gone'", True),
        ("tasks['a-b'].n + input['a-b']", 6),
        ("tasks.`a-b`.n - 1", 0),
        ("input['in'] + 1", 2),
        ("input.list.map(item, item.p * 2)", [2, 4]),
        ("input.list.filter(input, input.p > 1)", [{"p": 2}]),
        ("input.list.exists(x, x.p == input.n)", True),
        ("{'b': input.n, 'a': [input.f, null, true]}", {"a": [1.5, None, True], "b": 2}),
        ("input.s + 'input.x // no comment'", "xinput.x // no comment"),
        ("input.n + 1 // and input.x", 3),
        ("'%s-%d'.format([input.s, input.n])", "x-2"),
        ("input.none == null", True),
        ("math.greatest(input.n, 7)", 7),
        ("size(input) > 3", True),
    ],
)
def test_cel_gives_a_value(source: str, value: Any) -> None:
    assert evaluate_expression(parsed(source), read) == value


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("timestamp('2026-01-02T03:04:05+01:00')", "2026-01-02T02:04:05Z"),
        ("timestamp('2026-01-02T03:04:05.12Z')", "2026-01-02T03:04:05.120000Z"),
        ("duration('90s') + duration('500ms')", "90.5s"),
        ("duration('-90s') - duration('1us')", "-90.000001s"),
        ("[b'ab\\xff']", ["YWL/"]),
        ("[1u, 2.5]", [1, 2.5]),
        ("timestamp('2026-01-02T00:00:00Z') - timestamp('2026-01-01T00:00:00Z')", "86400s"),
    ],
)
def test_results_that_are_not_json_become_texts(source: str, value: Any) -> None:
    assert evaluate_expression(parsed(source), read) == value


def test_the_keys_of_a_result_are_in_a_fixed_order() -> None:
    keys = [f"k{n}" for n in range(30, 9, -1)]
    source = "{" + ", ".join(f"'{key}': 1" for key in keys) + "}"
    assert list(evaluate_expression(parsed(source), read)) == sorted(keys)


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("has(input.q) && input.q > 3", False),
        ("!has(tasks.bad.output.x)", True),
        ("tasks.bad.?output.?x.orValue(1)", 1),
        ("tasks.bad.output.?x.orValue(1)", 1),
        ("tasks.bad.?x.orValue(1)", 1),
        ("tasks.fetch.?count.orValue(1)", 3),
        ("tasks.fetch[?'nope'].orValue(4)", 4),
        ("tasks.bad.status == 'failed' ? 0 : tasks.bad.output.n", 0),
        ("tasks.bad.output != null && tasks.bad.output.n > 1", False),
        ("size(input.list) > 5 && input.list[5].p > 1", False),
        ("input.?none.hasValue()", True),
        ("has(input.none)", True),
    ],
)
def test_a_missing_place_counts_only_when_it_is_needed(source: str, value: Any) -> None:
    assert evaluate_expression(parsed(source), read) == value


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("input.q > 3", "input.q does not exist: input has no key 'q'"),
        ("tasks.bad.n > 3", "tasks.bad.output is null"),
        ("tasks.fetch.cuont > 3", "did you mean 'count'?"),
        ("input.list[5].p > 1", "Index error"),
        ("input.list.map(x, x.q)", 'Key not found in map : "q"'),
        ("item + 1", "item"),
    ],
)
def test_a_place_that_is_needed_and_missing_is_a_typed_error(source: str, message: str) -> None:
    error = failed(source)
    assert error.error_code == "path-missing" and message in str(error)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("input.n + input.f", "do not mix"),
        ("input.s > 1", "No matching overloads"),
        ("1 / (input.n - 2)", "divide by zero"),
        ("9223372036854775807 + input.n", "integer overflow"),
        ("1.0 / 0.0", "no number in JSON"),
        ("[type(1)]", "no JSON form"),
        ("{1: 2}", "no text"),
        ("[optional.of(1)]", "optional"),
        ("dyn(optional.of(1))", "optional"),
        ("input.s && true", "No matching overloads"),
    ],
)
def test_what_has_no_value_is_a_typed_error(source: str, message: str) -> None:
    error = failed(source)
    assert error.error_code == "not-evaluable" and message in str(error)


def test_a_condition_never_passes_because_it_could_not_be_evaluated() -> None:
    for source in ("input.q == 1 || !(input.q == 1)", "!(input.s > 1)", "input.q != 'x'"):
        with pytest.raises(ExpressionError):
            condition(parsed(source), read)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("1 +", "Syntax error"),
        ("foo.bar > 1", "`foo` is unknown"),
        ("inptu.n > 1", "did you mean `input`?"),
        ("{name: input.n}", "`name` is unknown"),
        ("secrets.x + 'y'", "a secret stands alone"),
        ("params.x > 1", "only inside templates"),
        ("tasks[input.s].n > 1", "needs the id of a task"),
        ("input.in > 1", 'write ["in"] instead of .in'),
        ("tasks.a-b.n > 1", 'tasks["a-b"]'),
        ("tasks.fetch.a-b-c > 1", 'tasks.fetch["a-b-c"]'),
        ("index-1 > 0", "index - 1"),
        ("input.s + 'abc", "does not end"),
        ("5 + 1.0", "do not mix"),
        ("now() > 1", "undeclared reference to 'now'"),
        ("optional.of(1)", "orValue"),
        ("input" + ".a" * 100 + " > 1", "32 levels"),
        ("'a'.foo(1) == 'b'", "undeclared reference to 'foo'"),
    ],
)
def test_a_faulty_source_is_refused_before_it_runs(source: str, message: str) -> None:
    problems = refused(source)
    assert problems and message in " ".join(map(str, problems))
    assert all("<input>" not in str(problem) and "INVALID" not in str(problem) for problem in problems)


def test_a_condition_that_can_never_be_true_or_false_is_refused() -> None:
    for source in ("'a' + 'b'", "[1]", "input.s.size()"):
        assert "never gives true or false" in refused(source, boolean=True)[0].message
    assert not refused("input.n", boolean=True) and not refused("input.n > 1", boolean=True)
    assert not refused("input.n == 1 ? input.s : 'x'", boolean=False)


@pytest.mark.parametrize(
    ("source", "reads", "optional"),
    [
        ("input.a.b > input.a.b + vars.x", ["input.a.b", "vars.x"], []),
        (
            "tasks.a.b[0].c + tasks.a.output.list[index].d",
            ["tasks.a.output.b", "tasks.a.output.list", "index"],
            [],
        ),
        ("has(input.a.b) && input.c", ["input.a.b", "input.c"], ["input.a.b"]),
        ("input.?a['b c'].d == 1", ['input.a["b c"].d'], ['input.a["b c"].d']),
        ("input.a == 1 && has(input.a)", ["input.a"], ["input.a"]),
        ("input.list.map(x, x.y + vars.z).size()", ["input.list", "vars.z"], []),
        ("input.a.map(item, item.b) + item.c", ["input.a", "item.c"], []),
        ("input['a\\x62'].c > 1", ["input"], []),
        ("input['''a'''].c > 1", ["input"], []),
        ("'input.a' + \"input.b\" + r'input.c' + '''input.d'''", [], []),
        ("input.size() > 1", ["input"], []),
        ("(.input.a) > 1", ["input.a"], []),
        ("1 in .input.a", ["input.a"], []),
        (".input.a == 1", ["input.a"], []),
        ("true ? tasks.a : tasks.b.status", ["tasks.a", "tasks.b.status"], []),
        ("type(input.a) == int", ["input.a"], []),
        ("input.all(1, 2)", ["input"], []),
    ],
)
def test_reads_are_found_without_evaluating(source: str, reads: list[str], optional: list[str]) -> None:
    found = scan(source)
    assert [str(path) for path in found.reads] == reads
    assert [str(path) for path in found.optional] == optional


def test_only_what_is_read_is_handed_over() -> None:
    asked: list[str] = []

    def note(path: Path) -> Any:
        asked.append(str(path))
        return read(path)

    expression = parsed("input.list.size() == 2 && input.list[0].p == 1 && tasks.bad.status != input.s")
    assert evaluate_expression(expression, note) is True
    assert asked == ["input.list", "tasks.bad.status", "input.s"]
    bindings, missing = bind((Path("input", ("a", "b")), Path("input", ("n",)), Path("item")), read)
    assert bindings == {"input": {"a": {}, "n": 2}} and set(missing) == {
        Path("input", ("a", "b")),
        Path("item"),
    }


def test_errors_of_the_reader_are_passed_on() -> None:
    def broken(path: Path) -> Any:
        raise ExpressionError("too-large", "not now")

    with pytest.raises(ExpressionError, match="not now"):
        evaluate_expression(parsed("input.n > 1"), broken)
    plain = ExpressionError("not-evaluable", "x")
    assert explain(plain, {Path("input", ("n",)): ExpressionError("path-missing", "y")}) is plain


def test_loops_are_bounded() -> None:
    many = {"input": {"list": list(range(300))}}
    expression = parsed("input.list.map(a, input.list.map(b, input.list.map(c, 1))).size() > 0")
    with pytest.raises(ExpressionError, match="10,000 steps") as raised:
        evaluate_expression(expression, lambda path: resolve(many, (path.root, *path.steps)))
    assert raised.value.error_code == "too-large"


@pytest.mark.parametrize(
    "source",
    [
        "['aaaaaaaaaa']" + ".map(a, a + a)" * 27,
        "'aaaaaaaaaa'" + ".replace('a', 'aaaaaaaaaa')" * 9,
        "[[1]]" + ".map(a, a + a)" * 27,
    ],
)
def test_a_source_that_grows_without_end_is_refused(source: str) -> None:
    assert "could grow" in str(refused(source)[0])


@pytest.mark.parametrize("source", ["input.t.replace('a', input.t)", "input.l.join(input.t)"])
def test_data_that_would_grow_without_end_is_a_typed_error(source: str) -> None:
    data = {"input": {"t": "a" * 100_000, "l": ["a"] * 1_000}}
    with pytest.raises(ExpressionError) as raised:
        evaluate_expression(parsed(source), lambda path: resolve(data, (path.root, *path.steps)))
    assert raised.value.error_code == "too-large" and len(str(raised.value)) < 300


def test_growth_of_a_source_that_does_not_end_is_estimated_as_well() -> None:
    assert growth("input.l.map(a, a + a").factor == 1


def test_growing_functions_work_on_ordinary_data() -> None:
    data = {"input": {"t": "a b " * 10_000, "l": [{"k": "x"}] * 1_000}}

    def of(source: str) -> Any:
        return evaluate_expression(parsed(source), lambda path: resolve(data, (path.root, *path.steps)))

    assert of("input.t.replace(' ', '--')").count("--") == 20_000
    assert len(of("input.l.map(o, {'a': o.k, 'b': o.k + o.k}).map(o, o.a + o.b)")) == 1_000
    assert of("input.l.map(o, o.k).join(', ').size() + [''].join().size()") == 2_998


def test_a_large_result_is_a_typed_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cel_results, "MAX_RESULT", 90)
    for source in ("[1, 2, 3, 4].map(a, input.list)", "['x'].map(a, 'b' + '" + "c" * 300 + "')"):
        assert failed(source).error_code == "too-large"
    keys = "{'" + "k" * 300 + "': input.n}"
    assert failed(keys).error_code == "too-large"


def test_data_of_endless_depth_does_not_reach_the_library() -> None:
    deep: Any = {}
    for _ in range(100_000):
        deep = {"a": deep}
    with pytest.raises(ExpressionError, match=f"{MAX_DEPTH} levels"):
        evaluate_expression(parsed("size(input.a) > 0"), lambda path: deep)
    assert weigh({"input": {"ab": ["xyz", 1, None]}}) == 8 + 2 + 8 + 3 + 8 + 8


def test_data_that_cel_cannot_take_is_a_typed_error() -> None:
    for value in (2**70, object(), "\ud800"):
        with pytest.raises(ExpressionError):
            evaluate_expression(parsed("input.n == 1"), lambda path, value=value: value)  # type: ignore[misc]


def test_running_out_of_memory_is_a_typed_error() -> None:
    assert failure("input.s", "std::bad_alloc").error_code == "too-large"


def test_a_compiler_message_of_another_shape_is_passed_on() -> None:
    assert compile_message("INTERNAL: broken [INTERNAL]\nmore") == "broken"


@pytest.fixture
def without_library(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def forget() -> None:
        cel._environment.cache_clear()
        cel._program.cache_clear()

    monkeypatch.setitem(sys.modules, "cel_expr_python", None)
    forget()
    yield
    forget()


@pytest.mark.usefixtures("without_library")
def test_without_the_library_paths_work_and_cel_says_what_to_install() -> None:
    assert evaluate_expression(parsed("input.n"), read) == 2
    assert "cel-expr-python" in refused("input.n + 1")[0].message
    with pytest.raises(ExpressionError, match="cel-expr-python"):
        CEL.evaluate("1 + 1", {})


PIECES = (
    "input .a .?b [0] ['k'] tasks .x-y ( ) [ ] { } .map( .join( has( .size() x , + - 1 ? : .in secrets ' "
    "\" ` // r' \\"
)
SOURCES = st.lists(st.sampled_from([*PIECES.split(), " ", "\n"]), max_size=20).map("".join)


@given(st.one_of(SOURCES, st.text(max_size=40)))
def test_any_text_is_parsed_checked_and_evaluated_or_refused(source: str) -> None:
    problems: list[Problem] = []
    expression = parse_expression(source, "when", problems)
    assert (expression is None) == bool(problems)
    if expression is not None:
        cel.check(expression, "when", problems)
    if expression is not None and not problems:
        try:
            evaluate_expression(expression, read)
        except ExpressionError as error:
            assert error.error_code in ("path-missing", "not-evaluable", "too-large")


def test_the_examples_of_the_page_are_true(root: FilePath) -> None:
    page = (root / "docs" / "expressions.md").read_text("utf-8")
    rows = re.findall(r"^\| `([^`]+)` \| `([^`]+)` \|$", page, re.MULTILINE)
    data = {"input": {"n": 2, "price": 1.5, "name": "Ada", "tags": ["x", "y"]}}
    for source, written in rows:
        value = evaluate_expression(parsed(source), lambda path: resolve(data, (path.root, *path.steps)))
        assert (source, as_text([value])) == (source, f"[{written}]")
    assert len(rows) == 16
