"""Composites compiled: what becomes of the words, who may read whom, and constructs that make no sense."""

from typing import Any

import pytest
from pydantic_core import from_json

from harmonia_core import TaskType
from harmonia_core.builtin.composites import COMPOSITES
from harmonia_core.builtin.control import TASK_TYPES
from harmonia_core.definitions.load import check_loaded, compile_loaded, load_data
from harmonia_core.model.graph import Graph

TYPES = {kind.name: kind for kind in (*TASK_TYPES, *COMPOSITES)}
WORK = TaskType("work", lambda ctx, input: None)
NOOP = {"type": "noop"}


def reading(path: str) -> dict[str, Any]:
    """Return a task that reads a path."""
    return {"type": "noop", "input": {"x": f"${{{path}}}"}}


def faults(tasks: Any, **more: Any) -> list[tuple[str, str]]:
    """Return (code, path) of everything that is wrong, as the author would be told."""
    loaded = load_data({"name": "w", "tasks": tasks, **more})
    return sorted((problem.code, problem.path) for problem in check_loaded(loaded, TYPES).problems)


def graph(tasks: Any, **more: Any) -> Graph:
    loaded = load_data({"name": "w", "tasks": tasks, **more})
    found = check_loaded(loaded, TYPES)
    assert found.problems == () and found.graph is not None, found.problems
    return found.graph


def body(**more: Any) -> dict[str, Any]:
    return {"task": NOOP, **more}


SEQUENCE = {"type": "sequence", "steps": {"a": NOOP, "b": NOOP}}
LEGAL = {
    "a group": {"type": "group", "tasks": {"x": NOOP, "y": {"type": "noop", "depends_on": "x"}}},
    "listed": {"type": "group", "tasks": [{"id": "x", **NOOP}]},
    "branches": {"type": "parallel", "branches": {"a": body(), "b": {"steps": {"s": NOOP}}}},
    "listed branches": {"type": "race", "branches": [{"id": "a", **body()}, {"id": "b", **body()}]},
    "jumps": {"type": "sequence", "steps": {"a": NOOP, "b": {**NOOP, "next": [{"to": "a", "when": False}]}}},
    "a jump out": {"type": "sequence", "steps": {"a": {**NOOP, "next": "end"}, "b": NOOP}},
    "cases": {"type": "decision", "cases": [{"when": True, **body()}], "default": body()},
    "all cases": {"type": "decision", "mode": "all", "cases": [{"when": True, "id": "x", **body()}]},
    "while": {"type": "loop", "while": "index < 3", "task": NOOP},
    "until": {
        "type": "loop",
        "until": "tasks.body.output.x == 1",
        "task": {"type": "noop", "input": {"x": 1}},
    },
    "times": {"type": "loop", "times": 3, "steps": {"x": {"type": "noop", "input": {"i": "${index}"}}}},
    "asked times": {"type": "loop", "times": "input.n", "task": NOOP},
    "try": {
        "type": "try",
        "task": NOOP,
        "catch": [{"errors": "timeout", "as": "e", "task": reading("vars.e.code")}],
        "finally": body(),
    },
    "a caught task": {**NOOP, "catch": [body(when="error.code == 'x'")], "finally": body()},
    "its own variables": {
        "type": "group",
        "vars": {"v": 1},
        "tasks": {"x": {"type": "set", "input": {"v": 2}}},
    },
}


@pytest.mark.parametrize("task", LEGAL.values(), ids=LEGAL)
def test_legal_constructs_compile(task: Any) -> None:
    assert faults({"t": task}) == []


READS_OUT = reading("tasks.before.output")
SETS = {"type": "set", "input": {"v": 1}}
ILLEGAL = [
    # blocks
    ({"type": "parallel"}, "key-missing", "branches"),
    ({"type": "race", "branches": {}}, "key-missing", "branches"),
    ({"type": "group"}, "key-missing", "tasks"),
    ({"type": "sequence", "steps": {}}, "key-missing", "steps"),
    ({"type": "parallel", "branches": {"a": {}}}, "block-empty", "branches.a"),
    (
        {"type": "parallel", "branches": {"a": {"task": NOOP, "tasks": {"x": NOOP}}}},
        "block-ambiguous",
        "branches.a",
    ),
    ({"type": "parallel", "branches": {"a": 5}}, "type-wrong", "branches.a"),
    ({"type": "decision", "cases": []}, "key-missing", "cases"),
    ({"type": "decision", "cases": [body()]}, "key-missing", "cases[0].when"),
    ({"type": "decision", "mode": "some", "cases": [body(when=True)]}, "value-wrong", "mode"),
    (
        {"type": "decision", "cases": [body(when=True, id="x"), body(when=True, id="x")]},
        "duplicate-id",
        "cases[1].id",
    ),
    (
        {"type": "decision", "mode": "all", "cases": [body(when=True)], "default": body()},
        "key-misplaced",
        "default",
    ),
    ({"type": "race", "branches": {"a": body()}, "output": 1}, "key-misplaced", "output"),
    ({"type": "race", "enough": 3, "branches": {"a": body(), "b": body()}}, "value-wrong", "enough"),
    ({"type": "race", "enough": 0, "branches": {"a": body()}}, "value-wrong", "enough"),
    ({"type": "parallel", "enough": 1, "branches": {"a": body()}}, "key-misplaced", "enough"),
    ({"type": "map", "input": {"items": [1]}, "enough": 0, "task": NOOP}, "value-wrong", "enough"),
    # loops
    ({"type": "loop", "task": NOOP}, "key-missing", ""),
    ({"type": "loop", "while": True, "times": 3, "task": NOOP}, "key-misplaced", ""),
    ({"type": "loop", "while": True, "max_iterations": 0, "task": NOOP}, "value-wrong", "max_iterations"),
    ({"type": "loop", "times": -1, "task": NOOP}, "value-wrong", "times"),
    ({"type": "loop", "times": 1.5, "task": NOOP}, "value-wrong", "times"),
    ({"type": "loop", "while": "1 +", "task": NOOP}, "expression-invalid", "while"),
    # words at the wrong type
    ({**NOOP, "branches": {"a": body()}}, "key-misplaced", "branches"),
    ({**NOOP, "output": 1}, "key-misplaced", "output"),
    ({**NOOP, "vars": {"v": 1}}, "key-misplaced", "vars"),
    ({**NOOP, "while": True}, "key-misplaced", "while"),
    ({**SEQUENCE, "timeout": 5}, "key-misplaced", "timeout"),
    ({**SEQUENCE, "idempotent": False}, "key-misplaced", "idempotent"),
    ({**SEQUENCE, "input": {"x": 1}}, "key-misplaced", "input"),
    # steps
    ({"type": "sequence", "steps": {"a": {**NOOP, "next": "x"}}}, "step-unknown", "steps.a.next[0].to"),
    (
        {"type": "sequence", "steps": {"a": {**NOOP, "depends_on": "b"}, "b": NOOP}},
        "key-misplaced",
        "steps.a.depends_on",
    ),
    ({"type": "sequence", "steps": {"a": {**NOOP, "join": "any"}}}, "key-misplaced", "steps.a.join"),
    ({"type": "group", "tasks": {"a": {**NOOP, "next": "b"}, "b": NOOP}}, "key-misplaced", "tasks.a.next"),
    (
        {"type": "sequence", "steps": {"a": reading("tasks.b.output"), "b": NOOP}},
        "dependency-missing",
        "steps.a.input.x",
    ),
    # what cannot be read
    ({"type": "group", "tasks": {"a": READS_OUT}}, "dependency-missing", "tasks.a.input.x"),
    ({"type": "group", "tasks": {"a": reading("error.code")}}, "root-misplaced", "tasks.a.input.x"),
    ({"type": "group", "tasks": {"a": reading("index")}}, "root-misplaced", "tasks.a.input.x"),
    (
        {"type": "try", "task": NOOP, "catch": [body(when="tasks.gone.output")]},
        "task-unknown",
        "catch[0].when",
    ),
    ({"type": "decision", "cases": [body(when="${secrets.key}")]}, "secret-not-allowed", "cases[0].when"),
    ({"type": "group", "tasks": {"a": NOOP}, "output": "${secrets.key}"}, "secret-not-allowed", "output"),
    # variables
    (
        {"type": "parallel", "branches": {"a": {"task": SETS}}},
        "variable-not-writable",
        "branches.a.task.input.v",
    ),
    ({"type": "group", "tasks": {"a": SETS}}, "variable-not-writable", "tasks.a.input.v"),
    ({"type": "map", "input": {"items": [1]}, "task": SETS}, "variable-not-writable", "task.input.v"),
    ({"type": "set", "input": {"w": 1}}, "variable-unknown", "input.w"),
    ({"type": "set", "input": "${input}"}, "type-wrong", "input"),
    # deep inside, in the author's own words
    (
        {"type": "try", "steps": {"s": {"type": "loop", "times": 2, "tasks": {"x": {"type": "nop"}}}}},
        "task-type-unknown",
        "steps.s.tasks.x.type",
    ),
    ({"type": "group", "tasks": {"a": {"type": "noop", "inputs": {}}}}, "key-unknown", "tasks.a.inputs"),
    ({"type": "parallel", "branches": {"a": {"taks": NOOP}}}, "key-unknown", "branches.a.taks"),
    ({"type": "try", "task": NOOP, "catch": [{"error": "x", "task": NOOP}]}, "key-unknown", "catch[0].error"),
]


@pytest.mark.parametrize(("task", "code", "path"), ILLEGAL)
def test_illegal_constructs_are_refused_with_their_place(task: Any, code: str, path: str) -> None:
    found = faults({"before": NOOP, "t": task}, vars={"v": 0})
    assert (code, f"tasks.t.{path}" if path else "tasks.t") in found


def test_a_branch_may_write_what_a_sequence_around_it_may_not_hide() -> None:
    loop = {"type": "loop", "times": 2, "task": SETS}
    assert faults({"t": loop}, vars={"v": 0}) == []
    assert faults({"t": {"type": "try", "steps": {"s": loop}}}, vars={"v": 0}) == []
    inner = {"type": "parallel", "branches": {"a": {"task": loop}}}
    assert [code for code, _ in faults({"t": inner}, vars={"v": 0})] == ["variable-not-writable"]


def test_tasks_inside_read_what_their_composite_waits_for() -> None:
    inside = {"type": "group", "tasks": {"a": READS_OUT}}
    assert faults({"before": NOOP, "t": {**inside, "depends_on": "before"}}) == []
    deep = {"type": "try", "steps": {"s": {"type": "map", "input": {"items": [1]}, "task": inside}}}
    assert faults({"before": NOOP, "t": {**deep, "depends_on": "before"}}) == []


def test_equal_definitions_have_one_hash_whatever_their_spelling() -> None:
    mapped = graph({"t": {"type": "group", "tasks": {"x": NOOP}}})
    listed = graph([{"id": "t", "type": "group", "tasks": [{"id": "x", "type": "noop"}]}])
    assert (mapped.definition_hash, mapped.graph_hash) == (listed.definition_hash, listed.graph_hash)
    other = graph({"t": {"type": "group", "tasks": {"y": NOOP}}})
    assert other.graph_hash != mapped.graph_hash


def test_the_order_of_names_makes_no_other_graph() -> None:
    """What is stored has its keys sorted, and whoever adopts an execution compiles that."""
    worked = {"type": "work", "limits": {"gpu": 2, "disk": 1}}
    inside = {"type": "group", "vars": {"b": {"y": 1, "x": 2}, "a": 0}, "tasks": {"x": NOOP}}
    for tasks in (
        {"t": worked},
        {"t": inside},
        {"m": {"type": "map", "input": {"items": [1]}, "task": worked}},
    ):
        loaded = load_data({"name": "w", "tasks": tasks})
        assert loaded.definition is not None
        stored = load_data(from_json(loaded.definition.canonical()))
        first, again = (compile_loaded(one, {**TYPES, "work": WORK}) for one in (loaded, stored))
        assert (first.definition_hash, first.graph_hash) == (again.definition_hash, again.graph_hash)


def test_the_normal_form_of_a_definition_is_read_as_the_same() -> None:
    for task in LEGAL.values():
        definition = load_data({"name": "w", "tasks": {"t": task}}).definition
        assert definition is not None
        again = load_data(definition.as_data()).definition
        assert again is not None and again.canonical() == definition.canonical()


def test_a_workflow_with_handlers_is_a_try_around_its_tasks() -> None:
    whole = graph(
        {"a": {"type": "set", "input": {"n": 1}}, "b": {"depends_on": "a", **reading("vars.n")}},
        vars={"n": 0},
        catch=[{"errors": "timeout", "as": "e", "task": reading("vars.e.code")}],
        output={"b": "${tasks.b.output.x}"},
    )
    [main] = whole.root.tasks
    assert (main.id, main.type) == ("main", "try") and main.scope is not None
    assert list(main.scope.index) == ["body", "catch_1"]
    inside = main.scope.tasks[0].scope
    assert inside is not None and list(inside.index) == ["a", "b"] and inside.output is not None
    assert whole.output is not None and [str(read) for read in whole.output.reads] == ["tasks.main.output"]


def test_what_is_wrong_in_the_handlers_of_a_workflow_has_its_place() -> None:
    tasks = {"a": reading("tasks.nobody.output"), "b": {"type": "noop", "input": {"x": "${error.code}"}}}
    handlers = {"catch": [{"when": "vars.n", "task": NOOP, "tasks": {}}], "finally": {}}
    found = faults(tasks, output="${tasks.c.output}", **handlers)
    assert found == [
        ("block-ambiguous", "catch[0]"),
        ("root-misplaced", "tasks.b.input.x"),
        ("task-unknown", "output"),
        ("task-unknown", "tasks.a.input.x"),
    ]
    handlers = {"catch": [{"when": "vars.n", "steps": {"s": reading("item")}}], "finally": body()}
    assert faults(tasks, output="${tasks.c.output}", **handlers) == [
        ("path-unknown", "catch[0].when"),
        ("root-misplaced", "catch[0].steps.s.input.x"),
        ("task-unknown", "output"),
        ("task-unknown", "tasks.a.input.x"),
    ]
