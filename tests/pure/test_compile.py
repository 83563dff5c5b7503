"""Compiling: everything that is wrong in one answer, and the graph of what is right."""

import time
from collections.abc import Iterable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import AliasChoices, AliasPath, BaseModel, ConfigDict, Field, RootModel, computed_field

from harmonia_core import Problem, TaskContext, TaskType, task_type
from harmonia_core.builtin.control import TASK_TYPES
from harmonia_core.builtin.documents import JSON, YAML
from harmonia_core.definitions.load import (
    check_loaded,
    compile_loaded,
    definition_from_data,
    load_data,
    load_text,
)
from harmonia_core.engine.compile import compile_definition
from harmonia_core.engine.suggestions import Names
from harmonia_core.errors import DefinitionInvalid
from harmonia_core.model.graph import DEFAULT_JOIN, Graph, Join, RetryPolicy
from harmonia_core.model.values import SecretRef


class HttpInput(BaseModel):
    url: str
    tries: int = 1
    tags: list[int] = []
    either: int | list[int] = 0


class HttpOutput(BaseModel):
    status: int
    body: str

    @computed_field
    def size(self) -> int:
        return len(self.body)


def no_ftp(constants: Mapping[str, Any]) -> Iterable[str | Problem]:
    if str(constants.get("url", "")).startswith("ftp:"):
        yield "ftp is not spoken"
        yield Problem("scheme-unknown", "url", "use http", suggestion="http:")


@task_type("http", input=HttpInput, output=HttpOutput, check=no_ftp)
def http(ctx: TaskContext, input: HttpInput) -> HttpOutput:
    return HttpOutput(status=200, body=input.url)


@task_type(
    "pay",
    idempotent=False,
    timeout=30,
    heartbeat_timeout=5,
    retry_policy={"max_retries": 1, "initial_delay": "PT2S"},
)
def pay(ctx: TaskContext, input: Any) -> Any:
    return input


TYPES: dict[str, TaskType] = {found.name: found for found in (*TASK_TYPES, http, pay)}


def problems(data: Any, types: Mapping[str, TaskType] = TYPES, **options: Any) -> list[Problem]:
    return list(check_loaded(load_data(data), types, **options).problems)


def faults(tasks: dict[str, Any], **keys: Any) -> list[tuple[str, str]]:
    return [(problem.code, problem.path) for problem in problems({"name": "flow", "tasks": tasks, **keys})]


def graph(tasks: Any, types: Mapping[str, TaskType] = TYPES, **keys: Any) -> Graph:
    return compile_loaded(load_data({"name": "flow", "tasks": tasks, **keys}), types)


def noop(*depends_on: str, **keys: Any) -> dict[str, Any]:
    return {"type": "noop", "depends_on": list(depends_on), **keys}


EVERYTHING_WRONG = """\
name: flow
input_schema:
  type: object
  properties: {url: {type: string}}
  additionalProperties: false
vars: {limit: 3}
labels:
  - &a [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]
  - &b [*a, *a, *a, *a, *a, *a, *a, *a, *a, *a]
  - &c [*b, *b, *b, *b, *b, *b, *b, *b, *b, *b]
  - &d [*c, *c, *c, *c, *c, *c, *c, *c, *c, *c]
  - &e [*d, *d, *d, *d, *d, *d, *d, *d, *d, *d]
  - &f [*e, *e, *e, *e, *e, *e, *e, *e, *e, *e]
  - &g [*f, *f, *f, *f, *f, *f, *f, *f, *f, *f]
tasks:
  ring: {type: noop, depends_on: back}
  back: {type: noop, depends_on: ring}
  lost: {type: noop, depends_on: [rign]}
  type: {type: htpp}
  key: {type: noop, timeuot: 3}
  expression: {type: noop, input: {x: "${1 + }"}}
  twice: {type: noop}
  twice: {type: noop}
  input: {type: http, input: {url: 7}}
"""


def test_everything_that_is_wrong_comes_in_one_answer() -> None:
    found = check_loaded(load_text(EVERYTHING_WRONG, "test", YAML), TYPES)
    assert found.graph is None
    assert [(p.code, p.path, p.line, p.column, p.suggestion) for p in found.problems] == [
        ("type-wrong", "labels", 7, 1, None),
        ("alias-expansion", "labels[4][7]", 12, 5, None),
        ("dependency-cycle", "tasks.ring.depends_on", 16, 22, "remove one of these dependencies"),
        ("dependency-unknown", "tasks.lost.depends_on[0]", 18, 35, "did you mean 'ring'?"),
        ("task-type-unknown", "tasks.type.type", 19, 10, "did you mean 'http'?"),
        ("key-unknown", "tasks.key.timeuot", 20, 21, "did you mean 'timeout'?"),
        ("expression-invalid", "tasks.expression.input.x", 21, 36, None),
        ("duplicate-key", "tasks.twice", 23, 3, None),
        ("input-invalid", "tasks.input.input.url", 24, 31, None),
    ]


def test_the_error_holds_every_problem() -> None:
    loaded = load_text("name: x\ntasks:\n  a: {type: nop}\n  b: {type: noop, depends_on: c}\n", "test", YAML)
    with pytest.raises(DefinitionInvalid) as raised:
        compile_loaded(loaded, TYPES)
    assert [problem.line for problem in raised.value.problems] == [3, 4]
    assert loaded.definition is not None
    with pytest.raises(DefinitionInvalid) as again:
        compile_definition(loaded.definition, TYPES, positions=loaded.positions)
    assert again.value.problems == raised.value.problems


def test_text_without_a_definition_gives_its_problems_only() -> None:
    assert [p.code for p in check_loaded(load_text("[1", "test", YAML), TYPES).problems] == ["yaml-syntax"]
    data = {"name": "x", "tasks": {"a": {"type": "nop"}}}
    (problem,) = check_loaded(load_data(data, {}), TYPES).problems
    assert (problem.line, problem.column) == (None, None)


def test_a_definition_compiles_without_its_text() -> None:
    definition, _ = definition_from_data({"name": "x", "tasks": {"a": noop()}})
    assert definition is not None
    assert compile_definition(definition, TYPES, graph_window=7).root.window == 7


def test_a_list_is_reported_as_a_list() -> None:
    text = '{"name": "x", "tasks": [{"id": "a", "type": "noop"},\n {"id": "b", "type": "nop"}]}'
    (problem,) = check_loaded(load_text(text, "test", JSON), TYPES).problems
    assert (problem.path, problem.line, problem.column) == ("tasks[1].type", 2, 14)


# Dependencies


def test_positions_of_dependencies_and_dependents() -> None:
    compiled = graph({"d": noop("b", "c"), "b": noop("a"), "c": noop("a"), "a": noop()})
    found = [(node.id, node.depends_on, node.dependents) for node in compiled.root.tasks]
    assert found == [("d", (1, 2), ()), ("b", (3,), (0,)), ("c", (3,), (0,)), ("a", (), (1, 2))]
    assert dict(compiled.root.index) == {"d": 0, "b": 1, "c": 2, "a": 3}


@pytest.mark.parametrize(
    ("tasks", "named"),
    [
        ({"a": noop("a")}, ["a → a"]),
        ({"a": noop("c"), "b": noop("a"), "c": noop("b")}, ["a → b → c → a"]),
        ({"x": noop(), "a": noop("x", "b"), "b": noop("a"), "y": noop("b")}, ["a → b → a"]),
        ({"a": noop("b"), "b": noop("a"), "c": noop("d"), "d": noop("c")}, ["a → b → a", "c → d → c"]),
        ({"a": noop("b"), "b": noop("c"), "c": noop("b")}, ["b → c → b"]),
    ],
)
def test_cycles_are_named(tasks: dict[str, Any], named: list[str]) -> None:
    found = problems({"name": "x", "tasks": tasks})
    assert {problem.code for problem in found} == {"dependency-cycle"}
    assert [problem.message.partition(": ")[2] for problem in found] == named


def test_a_long_cycle_is_named_in_short() -> None:
    tasks = {f"t{n}": noop(f"t{(n + 99) % 100}") for n in range(100)}
    (problem,) = problems({"name": "x", "tasks": tasks})
    assert problem.message.startswith("100 tasks wait for each other: t0 → t1 → ")
    assert problem.message.endswith(" → … → t0")


EDGES = st.lists(st.sets(st.integers(0, 11), max_size=3), min_size=1, max_size=12)


@given(EDGES)
def test_a_definition_compiles_exactly_if_it_can_be_put_in_order(edges: list[set[int]]) -> None:
    names = [f"t{n}" for n in range(len(edges))]
    tasks = {
        names[n]: noop(*(names[m] for m in sorted(before) if m < len(edges)))
        for n, before in enumerate(edges)
    }
    done: set[str] = set()
    for _ in names:
        done |= {name for name, spec in tasks.items() if set(spec["depends_on"]) <= done}
    codes = {code for code, _ in faults(tasks)}
    assert codes == (set() if done == set(names) else {"dependency-cycle"})


@given(EDGES, st.integers(0, 11), st.integers(0, 11))
def test_a_result_may_be_read_exactly_by_what_waits_for_it(
    edges: list[set[int]], reader: int, read: int
) -> None:
    reader, read = reader % len(edges), read % len(edges)
    below = {n: {m for m in before if m < n} for n, before in enumerate(edges)}
    ancestors = set(below[reader])
    for n in range(reader, -1, -1):
        ancestors |= below[n] if n in ancestors else set()
    tasks = {f"t{n}": noop(*(f"t{m}" for m in sorted(before))) for n, before in below.items()}
    tasks[f"t{reader}"]["when"] = f"tasks.t{read}.status == 'succeeded'"
    assert faults(tasks) == ([] if read in ancestors else [("dependency-missing", f"tasks.t{reader}.when")])


def test_a_reading_without_waiting_says_what_to_add() -> None:
    tasks = {"a": noop(), "b": noop(input={"x": ["${tasks.a.output}"]}), "c": noop(when="tasks.c.output")}
    first, second = problems({"name": "x", "tasks": tasks})
    assert (first.path, first.suggestion) == ("tasks.b.input.x[0]", "add 'a' to depends_on of 'b'")
    assert (second.path, second.message) == ("tasks.c.when", "'c' reads its own result")


def test_misspelt_dependencies_do_not_hide_readings() -> None:
    """The reading through the misspelt name is let pass, the one past it is not."""
    tasks = {
        "fetch": noop(),
        "other": noop(),
        "parse": noop("fecth", input={"x": "${tasks.fetch.output}"}),
        "show": noop("parse", input={"x": "${tasks.fetch.output}", "y": "${tasks.other.output}"}),
        "wild": noop("zzzzz", "show", "show"),
    }
    assert faults(tasks) == [
        ("dependency-unknown", "tasks.parse.depends_on[0]"),
        ("dependency-unknown", "tasks.wild.depends_on[0]"),
        ("dependency-repeated", "tasks.wild.depends_on[2]"),
        ("dependency-missing", "tasks.show.input.y"),
    ]


def test_a_task_that_is_no_object_may_still_be_waited_for() -> None:
    assert faults({"a": None, "b": noop("a")}) == [("type-wrong", "tasks.a")]


@pytest.mark.parametrize(
    ("join", "depends_on", "compiled"),
    [
        ("all", ("a", "b"), DEFAULT_JOIN),
        ("any", ("a", "b"), Join("any")),
        (2, ("a", "b"), Join(2)),
        ({"done": "success"}, ("a", "b"), Join("all", "success")),
        ({"count": 1, "done": "end"}, ("a", "b"), Join(1, "end")),
        ("all", (), DEFAULT_JOIN),
    ],
)
def test_joins(join: Any, depends_on: tuple[str, ...], compiled: Join) -> None:
    tasks = {"a": noop(), "b": noop(), "c": noop(*depends_on, join=join)}
    assert graph(tasks).root.tasks[2].join == compiled


@pytest.mark.parametrize(("join", "depends_on"), [(3, ("a", "b")), ("any", ()), (1, ())])
def test_a_join_needs_enough_dependencies(join: Any, depends_on: tuple[str, ...]) -> None:
    tasks = {"a": noop(), "b": noop(), "c": noop(*depends_on, join=join)}
    assert faults(tasks) == [("join-impossible", "tasks.c.join")]


# Task types and inputs


@pytest.mark.parametrize("name", ["component"])
def test_types_of_later_versions_are_refused_unless_a_plugin_has_them(name: str) -> None:
    assert faults({"a": {"type": name}}) == [("not-supported", "tasks.a.type")]
    own = TaskType(name, lambda ctx, input: None)
    assert graph({"a": {"type": name}}, {name: own}).task_types == (name,)


def test_every_use_of_an_unknown_type_is_reported() -> None:
    tasks = {"a": {"type": "htp"}, "m": {"type": "map", "input": {"items": []}, "task": {"type": "htp"}}}
    assert faults(tasks) == [
        ("task-type-unknown", "tasks.a.type"),
        ("task-type-unknown", "tasks.m.task.type"),
    ]
    (problem,) = problems({"name": "x", "tasks": {"a": {"type": "qqqqqq"}}})
    assert problem.suggestion == "`harmonia task-types` lists those that are installed"


@pytest.mark.parametrize(
    ("given_input", "code", "path"),
    [
        ({}, "input-key-missing", "url"),
        ({"url": "u", "tag": []}, "input-key-unknown", "tag"),
        ({"url": "u", "tag": "${input.x}"}, "input-key-unknown", "tag"),
        ({"url": 3}, "input-invalid", "url"),
        ({"url": "u", "tries": "many"}, "input-invalid", "tries"),
        ({"url": "${input.x}", "tries": "many"}, "input-invalid", "tries"),
        ({"url": "u", "tags": ["${input.x}", "many"]}, "input-invalid", "tags[1]"),
        ({"url": "u", "tags": 3}, "input-invalid", "tags"),
        ({"url": "u", "either": {}}, "input-invalid", "either"),
    ],
)
def test_inputs_are_checked_as_far_as_they_are_written_out(given_input: Any, code: str, path: str) -> None:
    assert set(faults({"a": {"type": "http", "input": given_input}})) == {(code, f"tasks.a.input.{path}")}


@pytest.mark.parametrize(
    "given_input",
    [
        {"url": "u"},
        {"url": "${input.x}", "tries": "${input.y}", "tags": "${input.z}"},
        {"url": "u", "tags": [1, "${input.x}", 3]},
        {"url": "u", "tries": "5"},
        "${input.whole}",
        "${ {'url': input.x} }",
    ],
)
def test_inputs_that_may_be_right_pass(given_input: Any) -> None:
    assert faults({"a": {"type": "http", "input": given_input}}) == []


@pytest.mark.parametrize("given_input", ["text", "a ${input.x}", "${input.x}${input.y}"])
def test_a_text_input_must_be_one_expression(given_input: str) -> None:
    assert faults({"a": {"type": "noop", "input": given_input}}) == [("type-wrong", "tasks.a.input")]


def test_the_types_own_check_is_asked_about_constants() -> None:
    found = problems({"name": "x", "tasks": {"a": {"type": "http", "input": {"url": "ftp://x"}}}})
    assert [(p.code, p.path, p.suggestion) for p in found] == [
        ("input-invalid", "tasks.a.input", None),
        ("scheme-unknown", "tasks.a.input.url", "http:"),
    ]
    assert faults({"a": {"type": "http", "input": {"url": "ftp:${input.x}", "tries": 1}}}) == []


class Strange(BaseModel):
    """A model whose validator falls over, and whose keys have other names."""

    model_config = ConfigDict(extra="forbid")
    a: int = Field(alias="A")
    b: Any = Field(validation_alias=AliasChoices("b", "B"))

    def model_post_init(self, context: Any) -> None:
        raise RuntimeError("odd")


class Nested(BaseModel):
    deep: int = Field(validation_alias=AliasPath("x", 0))


class Anything(BaseModel):
    model_config = ConfigDict(extra="allow")


class Plain(RootModel[list[int]]):
    pass


def of_model(model: type[BaseModel], **declared: Any) -> Mapping[str, TaskType]:
    return {"t": TaskType("t", lambda ctx, input: None, model, **declared)}


def test_models_of_plugins_cannot_break_the_check() -> None:
    def check(input: Any, model: type[BaseModel], **declared: Any) -> list[tuple[str, str]]:
        data = {"name": "x", "tasks": {"a": {"type": "t", "input": input}}}
        return [(p.code, p.path) for p in problems(data, of_model(model, **declared))]

    def broken(constants: Mapping[str, Any]) -> Iterable[str]:
        raise KeyError("x")

    assert check({"A": 1, "B": 2}, Strange) == [("input-invalid", "tasks.a.input")]
    assert check({"A": 1, "B": "${input.x}"}, Strange) == []
    assert check({"a": 1, "b": 2}, Strange) == [
        ("input-key-unknown", "tasks.a.input.a"),
        ("input-key-missing", "tasks.a.input.A"),
    ]
    assert check({"x": [1], "y": 2}, Nested) == []
    assert check({"anything": 1}, Anything) == []
    assert check({"anything": 1}, Anything, check=broken) == [("check-failed", "tasks.a.input")]


@pytest.mark.parametrize("input", ["${input}", {}, {"anything": "${input.x}"}])
def test_a_type_that_refuses_whatever_the_input_is_asked_without_constants(input: Any) -> None:
    seen: list[Mapping[str, Any]] = []

    def never(constants: Mapping[str, Any]) -> Iterable[str]:
        seen.append(constants)
        yield "not here"

    data = {"name": "x", "tasks": {"a": {"type": "t", "input": input}}}
    found = [(p.message, p.path) for p in problems(data, of_model(Anything, check=never))]
    assert (found, seen) == ([("not here", "tasks.a.input")], [{}])


class Left(BaseModel):
    left: int


class Right(BaseModel):
    right: int
    deep: Left | list[Left] | None = None


class Either(BaseModel):
    side: Left | Right


@pytest.mark.parametrize(
    ("side", "paths"),
    [
        ({"left": "${input.x}"}, []),
        ({"right": "${input.x}"}, []),
        ({"right": 1, "deep": {"left": "${input.x}"}}, []),
        ({"right": 1, "deep": [{"left": "${input.x}"}, {"left": 2}]}, []),
        ({"right": "a", "deep": None}, ["tasks.a.input.side.right", "tasks.a.input.side"]),
    ],
)
def test_a_union_above_an_expression_is_believed_at_run_time_only(side: Any, paths: list[str]) -> None:
    data = {"name": "x", "tasks": {"a": {"type": "t", "input": {"side": side}}}}
    assert sorted(p.path for p in problems(data, of_model(Either))) == sorted(paths)


def test_a_type_that_declares_nonsense_is_named() -> None:
    types = {"t": TaskType("t", lambda ctx, input: None, retry_policy={"max_retries": -1})}
    (problem,) = problems({"name": "x", "tasks": {"a": {"type": "t"}}}, types)
    assert (problem.code, "task type 't'" in problem.message) == ("task-type-broken", True)


def test_definition_before_declaration_before_default() -> None:
    workflow_policy = {"max_retries": 7}
    tasks = {
        "declared": {"type": "pay"},
        "own": {"type": "pay", "retry_policy": {"jitter": 0}, "timeout": 1, "idempotent": True},
        "plain": {"type": "http", "input": {"url": "u"}},
        "kernel": noop(total_timeout="PT1M"),
    }
    declared, own, plain, kernel = graph(tasks).root.tasks
    assert (declared.timeout, declared.heartbeat_timeout, declared.idempotent) == (30, 5, False)
    assert declared.retry == RetryPolicy(max_retries=1, initial_delay=2.0)
    assert (own.timeout, own.heartbeat_timeout, own.idempotent) == (1.0, 5, True)
    assert own.retry == RetryPolicy(jitter=0.0)
    assert (plain.retry, plain.timeout, plain.idempotent) == (None, None, True)
    assert (kernel.kernel, kernel.retry, kernel.total_timeout) == (True, None, 60.0)
    with_policy = graph(tasks, retry_policy=workflow_policy).root.tasks
    assert [node.retry and node.retry.max_retries for node in with_policy] == [7, 3, 7, None]


@pytest.mark.parametrize("key", ["retry_policy", "timeout", "heartbeat_timeout", "idempotent"])
def test_kernel_types_have_no_attempts(key: str) -> None:
    value: Any = {"retry_policy": {}, "idempotent": True}.get(key, 5)
    assert faults({"a": {"type": "noop", key: value}}) == [("key-misplaced", f"tasks.a.{key}")]


def test_secrets_stand_only_in_inputs_of_real_tasks() -> None:
    compiled = graph({"a": {"type": "http", "input": {"url": "https://${secrets.token}@x"}}})
    (slot,) = compiled.root.tasks[0].input.slots
    assert slot.parts == ("https://", SecretRef("token"), "@x")
    tasks = {
        "a": {"type": "noop", "input": {"x": "${secrets.token}"}},
        "m": {"type": "map", "input": {"items": ["${secrets.token}"]}, "task": {"type": "pay"}},
        "w": {"type": "pay", "when": "secrets.token == 'x'"},
    }
    found = faults(tasks, output={"x": "${secrets.token}"})
    assert found == [
        ("secret-not-allowed", "tasks.a.input.x"),
        ("secret-not-allowed", "tasks.m.input.items[0]"),
        ("secret-not-allowed", "tasks.w.when"),
        ("secret-not-allowed", "output.x"),
    ]


# Maps


def test_a_map_and_its_task() -> None:
    tasks = {
        "list": {"type": "http", "input": {"url": "u"}},
        "each": {
            "type": "map",
            "depends_on": "list",
            "input": {"items": "tasks.list.output.body"},
            "task": {"type": "pay", "input": {"x": "${item.x}", "n": "${index}"}, "timeout": 3},
            "max_concurrency": 7,
        },
    }
    each = graph(tasks).root.tasks[1]
    assert (each.kernel, each.window, each.input.value) == (True, 7, {"items": None})
    assert [str(path) for path in each.input.reads] == ["tasks.list.output.body"]
    assert each.item is not None
    assert (each.item.type, each.item.timeout, each.item.idempotent, each.item.kernel) == (
        "pay",
        3.0,
        False,
        False,
    )
    assert [path.root for path in each.item.input.reads] == ["item", "index"]


MAP: dict[str, Any] = {"type": "map", "input": {"items": [1]}, "task": {"type": "noop"}}


@pytest.mark.parametrize(
    ("keys", "code", "path"),
    [
        ({"task": None}, "key-missing", "task"),
        ({"task": {"type": "map", "input": {"items": []}}}, "not-supported", "task.type"),
        ({"input": {}}, "input-invalid", "input"),
        ({"input": {"items": [1], "range": {"stop": 3}}}, "input-invalid", "input"),
        ({"input": {"items": 3}}, "input-invalid", "input.items"),
        ({"input": {"range": 3}}, "input-invalid", "input.range"),
        ({"input": {"range": {"start": 3}}}, "input-invalid", "input.range"),
        ({"input": {"range": {"stop": 2.5}}}, "input-invalid", "input.range.stop"),
        ({"input": {"range": {"stop": "3"}}}, "input-invalid", "input.range.stop"),
        ({"input": {"range": {"stop": True}}}, "input-invalid", "input.range.stop"),
        ({"input": {"range": {"stop": 3, "step": 0}}}, "input-invalid", "input.range.step"),
        ({"input": {"range": {"stop": "${input.n}", "step": 0}}}, "input-invalid", "input.range.step"),
        ({"batch_size": 0}, "value-wrong", "batch_size"),
        ({"tolerate": "101%"}, "value-wrong", "tolerate"),
        ({"output": {}}, "key-misplaced", "output"),
        ({"vars": {}}, "key-misplaced", "vars"),
        ({"retry_policy": {"max_retries": 1}}, "key-misplaced", "retry_policy"),
        ({"input": {"items": [1], "item": 2}}, "input-key-unknown", "input.item"),
        ({"input": {"items": "${item}"}}, "root-misplaced", "input.items"),
        ({"when": "item > 1"}, "root-misplaced", "when"),
        (
            {"task": {"type": "http", "input": {"url": "${item}", "tries": "x"}}},
            "input-invalid",
            "task.input.tries",
        ),
        (
            {"task": {"type": "noop", "input": {"x": "${tasks.m.output}"}}},
            "dependency-missing",
            "task.input.x",
        ),
        ({"timeout": 3}, "key-misplaced", "timeout"),
    ],
)
def test_maps_that_are_wrong(keys: dict[str, Any], code: str, path: str) -> None:
    assert faults({"m": {**MAP, **keys}}) == [(code, f"tasks.m.{path}")]


BLOCK = {"task": {"type": "noop"}}
WORDS: dict[str, Any] = {
    **{"task": {"type": "noop"}, "tasks": {"b": noop()}, "steps": {"b": noop()}},
    **{"branches": {"b": BLOCK}, "cases": [{"when": True, **BLOCK}], "default": BLOCK, "mode": "all"},
    **{"while": "true", "until": "true", "times": 3, "max_iterations": 3, "vars": {}, "output": {}},
    **{"max_concurrency": 3, "batch_size": 2, "tolerate": "10%"},
}


@pytest.mark.parametrize("word", WORDS)
def test_the_words_of_maps_and_composites_belong_to_them(word: str) -> None:
    assert faults({"a": noop(**{word: WORDS[word]})}) == [("key-misplaced", f"tasks.a.{word}")]


@pytest.mark.parametrize(
    "given_input",
    [
        {"range": {"stop": 3}},
        {"range": {"start": -3, "stop": 3, "step": 2}},
        {"range": {"stop": "${input.n}"}},
        {"range": "${input.r}"},
    ],
)
def test_a_range_stands_for_items(given_input: Any) -> None:
    compiled = graph({"m": {**MAP, "input": given_input, "batch_size": 4, "tolerate": "10%"}}).root.tasks[0]
    assert (compiled.batch, compiled.tolerate, compiled.window) == (4, 0.1, 100)


# Expressions

SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "url": {"type": "string"},
        "closed": {"properties": {"key": {}}, "additionalProperties": False},
        "open": {"properties": {"key": {}}},
        "mixed": {"properties": {"key": {}}, "additionalProperties": False, "allOf": [{}]},
        "free": True,
        "list": {"items": {}},
    },
}


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("input", None),
        ("input.url", None),
        ("input.urll", "path-unknown"),
        ("input.closed.key", None),
        ("input.closed.kye", "path-unknown"),
        ("input.open.kye", None),
        ("input.mixed.kye", None),
        ("input.free.kye", None),
        ("input.list[0].x", None),
        ("input.urll + 1", "path-unknown"),
        ("vars", None),
        ("vars.limit", None),
        ("vars.limti", "path-unknown"),
        ("context.workflow.name", None),
        ("context.workflow.nam", "path-unknown"),
        ("context.now", None),
        ("context.now.x", "path-unknown"),
        ("context.execution", None),
        ("context.user", "path-unknown"),
        ("env.HOME", None),
        ("env.SECRET", "env-not-allowed"),
        ("item", "root-misplaced"),
        ("index", "root-misplaced"),
        ("error.code", "root-misplaced"),
        ("params.x", "expression-invalid"),
        ("tasks.http.output.body", None),
        ("tasks.http.body", None),
        ("tasks.http.size", None),
        ("tasks.http.output.bdoy", "path-unknown"),
        ("tasks.http.status", None),
        ("tasks.http.error.code", None),
        ("tasks.htpp.output", "task-unknown"),
        ("tasks.pay.output.anything", None),
        ("1 +", "expression-invalid"),
        ("1 == 'a'", "expression-invalid"),
        ("nobody.x", "unknown-root"),
    ],
)
def test_what_can_be_known_of_a_path_is_checked(source: str, code: str | None) -> None:
    tasks = {
        "http": {"type": "http", "input": {"url": "u"}},
        "pay": {"type": "pay"},
        "a": noop("http", "pay", input={"deep": [{"x": f"${{{source}}}"}]}),
    }
    data = {"name": "x", "tasks": tasks, "input_schema": SCHEMA, "vars": {"limit": 3}}
    found = [(p.code, p.path) for p in problems(data, env_allow={"HOME"})]
    assert found == ([] if code is None else [(code, "tasks.a.input.deep[0].x")])


def test_without_an_allow_list_env_is_left_to_the_run() -> None:
    assert faults({"a": noop(input={"x": "${env.ANY}"})}) == []


def test_the_output_may_read_every_task() -> None:
    compiled = graph({"a": noop(), "b": noop()}, output={"x": "${tasks.b.output}", "y": "${tasks.a.status}"})
    assert compiled.output is not None
    assert len(compiled.output.reads) == 2
    assert faults({"a": noop()}, output="${tasks.b.output}") == [("task-unknown", "output")]
    assert faults({"a": noop()}, output={"k": [{"x": "${item}"}]}) == [("root-misplaced", "output.k[0].x")]


def test_a_condition_must_be_able_to_give_true_or_false() -> None:
    assert faults({"a": noop(when="1 + 2")}) == [("expression-invalid", "tasks.a.when")]
    assert faults({"a": noop(when="a ${input.x}")}) == [("expression-invalid", "tasks.a.when")]
    compiled = graph({"a": noop(when=False), "b": noop(when="${input.x > 1}"), "c": noop(when="input.flag")})
    assert [node.when and node.when.source for node in compiled.root.tasks] == [
        "false",
        "input.x > 1",
        "input.flag",
    ]


def test_open_outputs_are_not_second_guessed() -> None:
    renamed: type[BaseModel] = type(
        "Renamed", (BaseModel,), {"__annotations__": {"x": int}, "x": Field(serialization_alias="y")}
    )
    for model in (Anything, Plain, renamed):
        types = {"t": TaskType("t", lambda ctx, input: None, None, model), "noop": TYPES["noop"]}
        assert graph({"a": {"type": "t"}, "b": noop("a", input={"x": "${tasks.a.output.y}"})}, types)


def test_schemas_are_checked() -> None:
    found = faults({"a": noop()}, input_schema={"type": "objekt"}, output_schema={"minimum": "x"})
    assert [path for code, path in found if code == "schema-invalid"] == [
        "input_schema.type",
        "output_schema.minimum",
    ]


TEXTS = st.sampled_from(
    ["a", "b", "${tasks.a.output}", "${input.x", "${1 +}", "input.x > 1", "tasks.b", "item", ""]
)
JUNK = st.recursive(
    TEXTS | st.none() | st.booleans() | st.integers(-1, 3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
WORK = {"type": st.sampled_from(["noop", "map", "http", "pay", "wait", "loop", "x"]), "input": JUNK}
TASK = st.fixed_dictionaries(
    {"type": WORK["type"]},
    optional={
        "input": JUNK,
        "depends_on": st.lists(TEXTS, max_size=3) | TEXTS,
        "when": JUNK,
        "join": st.sampled_from(["all", "any", 1, 2, {"done": "end"}, None]),
        "task": st.fixed_dictionaries(WORK),
        "retry_policy": JUNK,
        "timeout": JUNK,
    },
)


@given(st.dictionaries(TEXTS, TASK, max_size=4), JUNK, JUNK, JUNK)
def test_no_definition_makes_the_check_raise(tasks: Any, output: Any, variables: Any, schema: Any) -> None:
    data = {"name": "x", "tasks": tasks, "output": output, "vars": variables, "input_schema": schema}
    found = check_loaded(load_data(data), TYPES)
    assert (found.graph is None) is bool(found.problems)
    if found.graph is not None:
        assert [node.index for node in found.graph.root.tasks] == list(range(len(tasks)))


# The whole


def test_a_graph_holds_what_the_definition_says() -> None:
    compiled = graph(
        {"a": noop()},
        version="2.1",
        vars={"x": [1]},
        labels={"team": "t"},
        timeout="PT1M",
        input_schema={"type": "object"},
    )
    assert (compiled.name, compiled.version, compiled.timeout) == ("flow", "2.1", 60.0)
    assert (dict(compiled.vars), dict(compiled.labels)) == ({"x": [1]}, {"team": "t"})
    assert (compiled.input_schema, compiled.output_schema, compiled.output) == (
        {"type": "object"},
        None,
        None,
    )
    assert (compiled.root.window, compiled.task_types) == (1000, ("noop",))
    assert compiled.definition_hash.startswith("sha256:")


def test_the_graph_hash_follows_definition_and_task_types() -> None:
    tasks = {"a": {"type": "pay"}, "m": {**MAP, "task": {"type": "pay"}}}
    first = graph(tasks)
    assert graph(tasks).graph_hash == first.graph_hash
    patient = TaskType("pay", lambda ctx, input: None, timeout=60)
    changed = graph(tasks, {**TYPES, "pay": patient})
    assert (changed.definition_hash == first.definition_hash, changed.graph_hash == first.graph_hash) == (
        True,
        False,
    )
    other = graph({**tasks, "b": noop()})
    assert other.definition_hash != first.definition_hash
    assert other.graph_hash != first.graph_hash


def test_a_recompiled_normal_form_gives_the_same_graph() -> None:
    loaded = load_text(
        "name: x\ntasks:\n  b: {type: noop}\n  a: {type: pay, depends_on: b, timeout: PT1M}", "t", YAML
    )
    assert loaded.definition is not None
    again = load_data(loaded.definition.as_data())
    assert compile_loaded(again, TYPES) == compile_loaded(loaded, TYPES)


def test_text_that_has_no_utf8_is_refused() -> None:
    assert faults({"a": noop(description="\ud800")}) == [("not-json", "")]
    assert faults({"a": noop("b", description="\ud800")}) == [("dependency-unknown", "tasks.a.depends_on[0]")]


def test_the_search_for_readings_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harmonia_core.engine.dependencies._SEARCH_STEPS", 1)
    reading = {"x": "${tasks.a.output}"}
    tasks = {
        "a": noop(),
        "b": noop("c", input=reading),
        "c": noop("b", input=reading),
        "d": noop(input=reading),
    }
    codes = [code for code, _ in faults(tasks)]
    assert codes == ["dependency-cycle", "dependency-missing"], "the second is found once the first is mended"


def chain(length: int) -> dict[str, Any]:
    tasks = {
        f"t{n}": noop(f"t{n - 1}", input={"n": f"${{tasks.t{n - 1}.output.n}}"}) for n in range(1, length)
    }
    return {"t0": noop(input={"n": 0}), **tasks}


def test_readings_far_up_a_long_chain_are_checked() -> None:
    tasks = chain(5000)
    for n in range(1, 5000):
        tasks[f"t{n}"]["input"]["first"] = "${tasks.t0.output.n}"
    assert len(graph(tasks).root.tasks) == 5000
    tasks["t1"]["depends_on"] = []
    assert len(faults(tasks)) == 5000


def test_a_large_file_full_of_faults_is_answered() -> None:
    tasks = {f"task{n}": noop(f"tsak{n}", input={"x": f"${{tasks.tsak{n}.output}}"}) for n in range(2000)}
    before = time.process_time()
    assert len(faults(tasks)) == 4000
    assert time.process_time() - before < 30  # each nearest name of 2,000 takes 30 ms or more


def test_suggestions_stop_when_they_have_cost_enough() -> None:
    names = Names([f"name{n}" for n in range(30_000)])
    first, second = names.nearest("nam1"), names.nearest("nam2")
    assert (first, second) == ("name1", None)
    assert names.nearest("nam1") == first
