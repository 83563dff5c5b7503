"""What a graph is told apart by: older logs name its hash, and are not adopted if it is another one."""

from typing import Any

import pytest

from harmonia_core import TaskType
from harmonia_core.builtin.composites import COMPOSITES
from harmonia_core.builtin.control import TASK_TYPES
from harmonia_core.builtin.subworkflow import SUBWORKFLOW
from harmonia_core.definitions.load import compile_loaded, definition_from_data, load_data
from harmonia_core.engine.compile import check_definition, compile_definition
from harmonia_core.errors import DefinitionInvalid
from harmonia_core.model.checkpoints import CheckpointPolicy
from harmonia_core.model.graph import Graph

WORKER = TaskType("work", lambda ctx, input: None)
TYPES = {one.name: one for one in (*TASK_TYPES, *COMPOSITES, SUBWORKFLOW, WORKER)}
WORK = {"type": "work"}
NOOP = {"type": "noop"}
ITEMS = {"type": "map", "input": {"items": [1, 2, 3]}, "task": NOOP}

TASKS: dict[str, dict[str, Any]] = {
    "plain": NOOP,
    "behind": {**NOOP, "depends_on": "a", "join": {"count": 1, "done": "success"}},
    "retried": {**WORK, "retry_policy": {"max_retries": 2, "retry_on": ["timeout"]}},
    "timed": {**WORK, "timeout": 5, "total_timeout": 60, "heartbeat_timeout": 2},
    "at_most_once": {**WORK, "idempotent": False},
    "map": ITEMS,
    "batched": {**ITEMS, "batch_size": 2},
    "tolerant": {**ITEMS, "tolerate": 1},
    "enough": {**ITEMS, "enough": 1},
    "reduced": {**ITEMS, "reduce": {"initial": 0, "value": "result + 1"}},
    "held": {**NOOP, "on_failure": "hold"},
    "limited": {**WORK, "limits": {"gpu": 2}},
    "undone": {**WORK, "compensate": NOOP},
    "kept": {**WORK, "memo": {"ttl": 60, "scope": "workflow"}},
    "kept_by_key": {**WORK, "memo": {"key": ["v2"]}},
    "group": {"type": "group", "tasks": {"b": NOOP}, "vars": {"n": 1}},
    "race": {"type": "race", "branches": {"b": {"task": NOOP}, "c": {"task": NOOP}}},
    "sequence": {
        "type": "sequence",
        "steps": [{"id": "b", **NOOP}, {"id": "c", **NOOP, "next": [{"to": "b", "when": "index < 3"}]}],
    },
    "loop": {"type": "loop", "while": "index < 3", "task": NOOP},
    "counted": {"type": "loop", "times": 3, "task": NOOP},
    "try": {
        "type": "try",
        "task": NOOP,
        "catch": [{"errors": ["timeout"], "as": "problem", "task": NOOP}],
    },
}


def compiled(tasks: dict[str, Any], **more: Any) -> Graph:
    return compile_loaded(load_data({"name": "w", "tasks": tasks, **more}), TYPES)


def hash_of(name: str) -> str:
    """Return the beginning of the hash of a graph with one task beside another."""
    return compiled({"a": NOOP, "t": TASKS[name]}).graph_hash.removeprefix("sha256:")[:12]


@pytest.mark.parametrize("name", TASKS)
def test_the_hash_of_a_graph_is_what_it_was(name: str) -> None:
    assert hash_of(name) == HASHES[name]


def test_the_graph_has_what_the_definition_says_beside_its_tasks() -> None:
    tasks = {"t": {**WORK, "compensate": NOOP, "limits": ["gpu"]}, "u": {**WORK, "memo": True}}
    tasks["h"] = {**WORK, "on_failure": "hold"}
    found = compiled(
        tasks,
        version="2",
        vars={"n": 1},
        labels={"team": "a"},
        timeout=60,
        on_failure="compensate",
        priority=3,
        input_schema={"type": "object"},
        output_schema={"type": "array"},
        concurrency={"max": 2, "policy": "skip"},
        checkpoints={"after": ["t"]},
    )
    assert (found.name, found.version, found.timeout, found.priority) == ("w", "2", 60.0, 3)
    assert (dict(found.vars), dict(found.labels)) == ({"n": 1}, {"team": "a"})
    assert (found.input_schema, found.output_schema) == ({"type": "object"}, {"type": "array"})
    assert (found.on_failure, found.undoes, found.holds) == ("compensate", True, True)
    assert (found.limited, found.memoises, found.task_types) == (True, True, ("noop", "work"))
    assert found.concurrency is not None and found.concurrency.most == 2
    assert isinstance(found.checkpoints, CheckpointPolicy)


def test_a_graph_without_any_of_that_has_none_of_it() -> None:
    found = compiled({"a": NOOP})
    assert (found.on_failure, found.undoes, found.holds, found.limited) == ("fail", False, False, False)
    assert (found.memoises, found.concurrency, found.checkpoints, found.priority) == (False, None, None, 0)
    assert (found.input_schema, found.output_schema) == (None, None)
    assert compiled({"a": {**WORK, "limits": ["gpu"]}}).limited
    assert compiled({"a": NOOP}, concurrency={"max": 1}).limited


def test_there_must_be_something_to_undo() -> None:
    with pytest.raises(DefinitionInvalid) as refused:
        compiled({"a": NOOP}, on_failure="compensate")
    assert [one.path for one in refused.value.problems] == ["on_failure"]
    with pytest.raises(DefinitionInvalid) as other:
        compiled({"a": {"type": "nop"}}, on_failure="compensate")
    assert "on_failure" not in [one.path for one in other.value.problems]


def test_windows_and_names_of_the_environment_reach_tasks_and_children() -> None:
    child = {"name": "c", "tasks": {"m": ITEMS, "e": {**NOOP, "input": {"x": "${env.HOME}"}}}}
    tasks = {"m": ITEMS, "s": {"type": "subworkflow", "workflow": child}}
    definition, _ = definition_from_data({"name": "w", "tasks": tasks})
    found = compile_definition(definition, TYPES, env_allow=["HOME"], graph_window=7, map_window=3)
    assert (found.root.window, found.root.tasks[0].window) == (7, 3)
    inner = found.root.tasks[1].child
    assert inner is not None and inner.graph is not None
    assert (inner.graph.root.window, inner.graph.root.tasks[0].window) == (7, 3)
    refused = check_definition(definition, TYPES, env_allow=["PATH"])
    assert refused.graph is None and any("HOME" in str(one) for one in refused.problems)
    with pytest.raises(DefinitionInvalid, match="HOME"):
        compile_definition(definition, TYPES, env_allow=["PATH"])


HASHES: dict[str, str] = {
    "plain": "db28e0d0b5e3",
    "behind": "d60c72e7a2a0",
    "retried": "40526cead699",
    "timed": "425cffbdd3ad",
    "at_most_once": "28678f220051",
    "map": "a7c73b40bb43",
    "batched": "fbe5e83bf70a",
    "tolerant": "49214b649a58",
    "enough": "84afb24d3121",
    "reduced": "4a0e902fa6ad",
    "held": "8c2d456ee7fa",
    "limited": "1f5173cb18b2",
    "undone": "a04bb4597650",
    "kept": "498a33e82a0a",
    "kept_by_key": "02f4caed9fa1",
    "group": "24429200db20",
    "race": "0ac5515f7392",
    "sequence": "38e8583ce593",
    "loop": "c46c2556a6ad",
    "counted": "850c326b79a8",
    "try": "9139305e66ff",
}
