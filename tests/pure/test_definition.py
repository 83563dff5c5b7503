"""The definition model: every fault of the shape, its place, its nearest key; and one normal form."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harmonia_core.builtin.documents import YAML
from harmonia_core.contracts.definition_format import DefinitionFormat, ParsedDocument
from harmonia_core.definitions.load import Loaded, definition_from_data, load_data, load_text
from harmonia_core.errors import Problem
from harmonia_core.model.definition import WorkflowDefinition
from harmonia_core.model.pointer import is_within, path_text, read_pointer
from harmonia_core.model.policies import MAX_SECONDS, RetryPolicySpec, read_duration

MINIMAL: dict[str, Any] = {"name": "flow", "tasks": {"a": {"type": "noop"}}}


def workflow(**keys: Any) -> dict[str, Any]:
    return {**MINIMAL, **keys}


def task(**keys: Any) -> dict[str, Any]:
    return workflow(tasks={"a": {"type": "noop", **keys}})


def found(data: Any) -> list[tuple[str, str]]:
    return [(problem.code, problem.path) for problem in load_data(data).problems]


def understood(data: Any) -> WorkflowDefinition:
    loaded = load_data(data)
    assert loaded.problems == ()
    assert loaded.definition is not None
    return loaded.definition


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        *((0, 0), (1.5, 1.5), (90, 90), ("PT90S", 90), ("PT1M30S", 90), ("P1D", 86_400), ("P2W", 1_209_600)),
        *(("PT0.5S", 0.5), ("PT1,5S", 1.5), ("P1DT1H1M1S", 90_061), ("PT0S", 0), (MAX_SECONDS, MAX_SECONDS)),
    ],
)
def test_durations(value: Any, seconds: float) -> None:
    assert read_duration(value) == seconds


@pytest.mark.parametrize(
    "value",
    [
        *("", "P", "PT", "P1DT", "1:30", "90", "10s", "P1M", "P1Y", "-PT1S", "PT1.5H", "p1d", "P1D ", "PT١S"),
        *(None, True, [], {}, -1, math.nan, math.inf, 1e300, 10**400, "PT99999999999S"),
    ],
)
def test_what_is_no_duration(value: Any) -> None:
    with pytest.raises(ValueError, match="duration"):
        read_duration(value)


WRONG_SHARES: list[Any] = ["101%", "100.5%", "-1%", "%", "ten", "10", "1.2345%", "٣%", -1, 1.5, True, [3]]


@pytest.mark.parametrize(
    ("data", "code", "path"),
    [
        (None, "type-wrong", ""),
        ([], "type-wrong", ""),
        ("text", "type-wrong", ""),
        ({"tasks": MINIMAL["tasks"]}, "key-missing", "name"),
        ({"name": "flow"}, "key-missing", "tasks"),
        (workflow(tasks={}), "tasks-missing", "tasks"),
        (workflow(tasks=[]), "tasks-missing", "tasks"),
        (workflow(tasks="a"), "type-wrong", "tasks"),
        (workflow(tasks=None), "type-wrong", "tasks"),
        (workflow(tasks=["a"]), "type-wrong", "tasks[0]"),
        (workflow(tasks={"a": None}), "type-wrong", "tasks.a"),
        (workflow(tasks=[{"type": "noop"}]), "key-missing", "tasks[0].id"),
        (workflow(tasks=[{"type": "noop", "id": 3}]), "type-wrong", "tasks[0].id"),
        (workflow(tasks=[{"type": "noop", "id": "a b"}]), "name-invalid", "tasks[0].id"),
        (workflow(tasks=[{"type": "noop", "id": "a"}] * 2), "duplicate-id", "tasks[1].id"),
        (workflow(tasks={"a b": {"type": "noop"}}), "name-invalid", 'tasks["a b"]'),
        (workflow(tasks={3: {"type": "noop"}}), "key-not-text", 'tasks["3"]'),
        (workflow(tasks={"a": {"type": "noop", "id": "b"}}), "key-misplaced", "tasks.a.id"),
        (workflow(tasks={"a": {}}), "key-missing", "tasks.a.type"),
        (workflow(name="my flow"), "name-invalid", "name"),
        (workflow(name=3), "type-wrong", "name"),
        (workflow(version=1.0), "type-wrong", "version"),
        (workflow(version="one"), "version-invalid", "version"),
        (workflow(description=3), "type-wrong", "description"),
        (workflow(labels={"a": 1}), "type-wrong", "labels.a"),
        (workflow(labels=[]), "type-wrong", "labels"),
        (workflow(vars={"a b": 1}), "name-invalid", 'vars["a b"]'),
        (workflow(vars={"a": {1, 2}}), "not-json", "vars.a"),
        (workflow(metadata={"a": {1: 2}}), "not-json", "metadata"),
        (workflow(output={"a": [math.nan]}), "not-json", "output"),
        (workflow(input_schema="x"), "type-wrong", "input_schema"),
        (workflow(timeout=0), "duration-invalid", "timeout"),
        (workflow(timeout="1h"), "duration-invalid", "timeout"),
        (workflow(on_failure="undo"), "value-wrong", "on_failure"),
        (workflow(concurrency=0), "value-wrong", "concurrency.max"),
        (workflow(concurrency={"max": 1, "policy": "drop"}), "value-wrong", "concurrency.policy"),
        (workflow(concurrency={"max": 1, "key": 3}), "type-wrong", "concurrency.key"),
        (workflow(concurrency={"max": 1, "kye": "a"}), "key-unknown", "concurrency.kye"),
        (task(limits=3), "value-wrong", "tasks.a.limits"),
        (task(limits={"gpu": 0}), "value-wrong", "tasks.a.limits"),
        (task(limits=["a b"]), "value-wrong", "tasks.a.limits"),
        (workflow(triggers=[]), "key-unknown", "triggers"),
        (workflow(retry_policy={"max_retries": -1}), "value-wrong", "retry_policy.max_retries"),
        (workflow(retry_policy={"max_retries": 1.5}), "type-wrong", "retry_policy.max_retries"),
        (workflow(retry_policy={"max_retries": True}), "type-wrong", "retry_policy.max_retries"),
        (workflow(retry_policy={"jitter": 1.1}), "value-wrong", "retry_policy.jitter"),
        (
            workflow(retry_policy={"backoff_multiplier": 0.5}),
            "value-wrong",
            "retry_policy.backoff_multiplier",
        ),
        (workflow(retry_policy={"initial_delay": "1s"}), "duration-invalid", "retry_policy.initial_delay"),
        (workflow(retry_policy={"retry_on": "timeout"}), "type-wrong", "retry_policy.retry_on"),
        (workflow(retry_policy=3), "type-wrong", "retry_policy"),
        (task(input=[]), "type-wrong", "tasks.a.input"),
        (task(when=3), "type-wrong", "tasks.a.when"),
        (task(depends_on=3), "type-wrong", "tasks.a.depends_on"),
        (task(depends_on=["b", 3]), "type-wrong", "tasks.a.depends_on[1]"),
        (task(join=0), "join-invalid", "tasks.a.join"),
        (task(join=True), "join-invalid", "tasks.a.join"),
        (task(join="some"), "join-invalid", "tasks.a.join"),
        (task(join={"count": "all", "done": "maybe"}), "join-invalid", "tasks.a.join"),
        (task(join={"done": "end", "coutn": 1}), "key-unknown", "tasks.a.join.coutn"),
        (task(idempotent="yes"), "type-wrong", "tasks.a.idempotent"),
        (task(max_concurrency=0), "value-wrong", "tasks.a.max_concurrency"),
        (task(task=[]), "type-wrong", "tasks.a.task"),
        (task(task={"type": "noop", "when": "true"}), "key-misplaced", "tasks.a.task.when"),
        (task(task={"type": "noop", "id": "b"}), "key-misplaced", "tasks.a.task.id"),
        (task(task={"type": "noop", "compensate": {}}), "key-missing", "tasks.a.task.compensate.type"),
        (task(compensate={"type": "noop", "id": "b"}), "key-misplaced", "tasks.a.compensate.id"),
        (task(compensate={"type": "noop", "timeuot": 1}), "key-unknown", "tasks.a.compensate.timeuot"),
        (task(compensate=[]), "type-wrong", "tasks.a.compensate"),
        (task(on_failure=["hold"]), "value-wrong", "tasks.a.on_failure"),
        (task(task={"type": "noop", "catch": {}}), "type-wrong", "tasks.a.task.catch"),
        (task(task={}), "key-missing", "tasks.a.task.type"),
        (task(catch={}), "type-wrong", "tasks.a.catch"),
        (task(compensate={}), "key-missing", "tasks.a.compensate.type"),
        (task(vars={"a b": 1}), "name-invalid", 'tasks.a.vars["a b"]'),
        (task(output={"a": [math.nan]}), "not-json", "tasks.a.output"),
        (task(branches={"b": None}), "type-wrong", "tasks.a.branches.b"),
        (task(steps=[{"type": "noop"}]), "key-missing", "tasks.a.steps[0].id"),
        (task(cases=[{"task": {"type": "noop"}}]), "key-missing", "tasks.a.cases[0].when"),
        (
            task(default={"task": {"type": "noop", "timeuot": 3}}),
            "key-unknown",
            "tasks.a.default.task.timeuot",
        ),
        (task(**{"finally": {"tasks": {"b": {}}}}), "key-missing", "tasks.a.finally.tasks.b.type"),
        (task(times=-1), "value-wrong", "tasks.a.times"),
        (task(times=True), "value-wrong", "tasks.a.times"),
        (task(max_iterations=0), "value-wrong", "tasks.a.max_iterations"),
        (task(batch_size=0), "value-wrong", "tasks.a.batch_size"),
        (task(batch_size="2"), "type-wrong", "tasks.a.batch_size"),
        *((task(tolerate=share), "value-wrong", "tasks.a.tolerate") for share in WRONG_SHARES),
    ],
)
def test_each_fault_has_a_code_and_a_place(data: Any, code: str, path: str) -> None:
    assert found(data) == [(code, path)]


@pytest.mark.parametrize("key", ["component", "action", "runs_on"])
def test_keys_of_later_versions_are_refused_by_name(key: str) -> None:
    (problem,) = load_data(task(**{key: {}})).problems
    assert (problem.code, problem.message) == (
        "not-supported",
        f"the key {key!r} is not supported in this version",
    )


@pytest.mark.parametrize(
    ("data", "hint"),
    [
        (workflow(labls={}), "did you mean 'labels'?"),
        (task(depend_on="b"), "did you mean 'depends_on'?"),
        (task(retry_policy={"max_retry": 1}), "did you mean 'max_retries'?"),
        (task(task={"type": "noop", "inputs": {}}), "did you mean 'input'?"),
        (task(join={"cuont": 1}), "did you mean 'count'?"),
        (workflow(version=2), "write it in quotes"),
    ],
)
def test_the_nearest_key_is_named(data: Any, hint: str) -> None:
    (problem,) = load_data(data).problems
    assert problem.suggestion == hint


def test_a_key_like_no_other_gets_the_list_of_keys() -> None:
    (problem,) = load_data(workflow(xyz=1)).problems
    assert problem.suggestion is not None
    assert problem.suggestion.startswith("known keys: catch, checkpoints, concurrency, description, ")


def test_old_words_are_explained() -> None:
    messages = [
        str(load_data(task(**{key: 1})).problems[0]) for key in ("dependencies", "if", "retry", "name")
    ]
    assert ["depends_on" in messages[0], "when" in messages[1], "retry_policy" in messages[2]] == [True] * 3
    assert "id" in messages[3]


def test_a_misspelt_required_key_is_one_problem_not_two() -> None:
    assert found({"nam": "flow", "tasks": {"a": {"typ": "noop"}}}) == [
        ("key-unknown", "tasks.a.typ"),
        ("key-unknown", "nam"),
    ]


def test_all_faults_come_at_once_and_the_rest_is_understood() -> None:
    data = {
        "name": "my flow",
        "version": 1,
        "tasks": {
            "a": {"type": "noop", "depend_on": "b", "timeout": "soon"},
            "b": {"input": {"x": 1}, "retry_policy": {"max_retry": 5}},
        },
    }
    before = json.dumps(data)
    definition, problems = definition_from_data(data)
    assert len(problems) == 6
    assert definition is not None
    first, second = definition.tasks
    assert (first.depends_on, first.timeout) == (("b",), None)
    assert (second.type, second.input) == ("", {"x": 1})
    assert second.retry_policy is not None
    assert second.retry_policy.max_retries == 5
    assert json.dumps(data) == before, "the caller's data is not touched"


def test_a_mend_that_does_not_fit_is_given_up() -> None:
    definition, problems = definition_from_data(task(timeot="soon", retry_polcy={"max_retries": "x"}))
    assert [problem.code for problem in problems] == ["key-unknown", "key-unknown"]
    assert definition is not None
    assert (definition.tasks[0].timeout, definition.tasks[0].retry_policy) == (None, RetryPolicySpec())


def test_too_deep_or_cyclic_data_is_refused() -> None:
    deep: list[Any] = []
    for _ in range(200):
        deep = [deep]
    cyclic: dict[str, Any] = {"name": "x"}
    cyclic["tasks"] = cyclic
    assert found(workflow(metadata={"x": deep})) == found(cyclic) == [("too-deep", "")]


LISTED = [{"id": "b", "type": "noop"}, {"id": "a", "type": "noop", "depends_on": "b"}]


def test_map_and_list_are_the_same_definition() -> None:
    listed = understood(workflow(tasks=LISTED))
    mapped = understood(workflow(tasks={"b": LISTED[0], "a": {"type": "noop", "depends_on": ["b"]}}))
    assert listed.content_hash() == mapped.content_hash()
    assert [listed.place(("tasks", n)) for n in range(2)] == [("tasks", 0), ("tasks", 1)]
    assert [mapped.place(("tasks", n)) for n in range(2)] == [("tasks", "b"), ("tasks", "a")]


def test_the_order_of_tasks_is_part_of_a_definition() -> None:
    forward = understood(workflow(tasks={"a": {"type": "noop"}, "b": {"type": "noop"}}))
    backward = understood(workflow(tasks={"b": {"type": "noop"}, "a": {"type": "noop"}}))
    assert forward.content_hash() != backward.content_hash()


FULL = workflow(
    version="1.2.0-rc.1",
    description="d",
    input_schema={"type": "object"},
    output_schema={"type": "object"},
    output={"x": "${tasks.a.output}"},
    vars={"v": [1, None]},
    timeout="PT1H",
    retry_policy={"max_retries": 1, "max_delay": "PT10S"},
    labels={"team": "x"},
    metadata={"k": {"n": 1.5}},
    tasks=[
        {"id": "a", "type": "noop", "when": True, "idempotent": False, "metadata": {"x": 1}},
        {"id": "b", "type": "x", "depends_on": "a", "join": 1, "timeout": 5, "heartbeat_timeout": 1.5},
        {"id": "c", "type": "x", "depends_on": ["a", "b"], "join": {"count": "any", "done": "end"}},
        {"id": "m", "type": "map", "input": {"items": [1]}, "task": {"type": "x"}, "max_concurrency": 3},
    ],
)


def test_the_normal_form_reads_as_the_same_definition() -> None:
    definition = understood(FULL)
    again = understood(json.loads(definition.canonical()))
    assert again.canonical() == definition.canonical()
    assert again == definition
    assert again.content_hash() == definition.content_hash()
    assert definition.as_data()["timeout"] == 3600.0
    assert definition.as_data()["tasks"][1]["join"] == {"count": 1}


def test_defaults_are_not_part_of_the_normal_form() -> None:
    spelt_out = workflow(
        version="1.0.0", labels={}, tasks={"a": {"type": "noop", "join": "all", "input": {}}}
    )
    assert understood(spelt_out).canonical() == understood(MINIMAL).canonical()


@pytest.mark.parametrize(
    ("written", "share"),
    [("10%", 0.1), ("0%", 0.0), ("100 %", 1.0), ("0.5%", 0.005), (0, 0), (1, 1), (0.25, 0.25)],
)
def test_a_share_is_a_fraction_in_the_normal_form_and_a_number_stays_one(written: Any, share: Any) -> None:
    definition = understood(task(tolerate=written))
    again = understood(json.loads(definition.canonical()))
    for found in (definition, again):
        tolerate = found.tasks[0].tolerate
        assert (tolerate, type(tolerate)) == (share, type(share))


def test_problems_stand_in_the_order_of_the_text() -> None:
    text = "name: x y\ntasks:\n  a: {type: noop, timeout: -1}\n  b: {typ: noop}\nversion: 3\n"
    loaded = load_text(text, "test", YAML)
    places = [(problem.line, problem.column, problem.code) for problem in loaded.problems]
    assert places == [
        (1, 1, "name-invalid"),
        (3, 19, "duration-invalid"),
        (4, 7, "key-unknown"),
        (5, 1, "type-wrong"),
    ]


def test_what_the_reader_refused_is_reported_once() -> None:
    loaded = load_text("name: .inf\ntasks: {a: {type: noop, input: .nan}}", "test", YAML)
    assert [problem.code for problem in loaded.problems] == ["number-not-json", "number-not-json"]
    twice = load_text("name: x\nname: y\ntasks: {a: {type: noop}}", "test", YAML)
    assert [problem.code for problem in twice.problems] == ["duplicate-key"]
    assert load_text("", "test", YAML) == Loaded(None, (Problem("document-empty", "", "test is empty"),))


def test_a_format_may_report_places_that_its_data_lacks() -> None:
    def read(text: str, source: str) -> ParsedDocument:
        return ParsedDocument({"name": "x"}, problems=(Problem("odd", "tasks.a", "no task could be read"),))

    loaded = load_text("", "test", DefinitionFormat("odd", (".odd",), read))
    assert [(problem.code, problem.path) for problem in loaded.problems] == [
        ("odd", "tasks.a"),
        ("key-missing", "tasks"),
    ]
    assert loaded.left_out[0] == "tasks.a"


STEPS = st.lists(st.text(min_size=1) | st.integers(0, 999), min_size=1, max_size=5).map(tuple)


@given(STEPS)
def test_a_path_reads_back_as_its_pointer(pointer: tuple[str | int, ...]) -> None:
    assert read_pointer(path_text(pointer)) == pointer


@pytest.mark.parametrize(
    ("path", "outer", "within"),
    [
        ("a.b", "a", True),
        ("a[0]", "a", True),
        ("a", "a", True),
        ("ab", "a", False),
        ("a", "", True),
        ("a", "a.b", False),
    ],
)
def test_is_within(path: str, outer: str, within: bool) -> None:
    assert is_within(path, outer) is within


DATA = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["name", "tasks", "type", "input", "task", "id", "join", "retry_policy", "vars", "x"]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=25,
)


@given(DATA)
def test_no_data_makes_the_reading_raise(data: Any) -> None:
    loaded = load_data(data)
    assert loaded.problems or loaded.definition is not None
    assert all(problem.code and problem.message for problem in loaded.problems)


@pytest.mark.parametrize("key", ["times", "tolerate"])
def test_null_written_out_is_as_if_it_was_not_there(key: str) -> None:
    found = load_data({"name": "w", "tasks": {"t": {"type": "noop", key: None}}})
    assert found.problems == ()
