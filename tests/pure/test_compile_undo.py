"""`compensate` and `on_failure` compiled: where they may stand, what an undo reads, what makes no sense."""

from typing import Any

import pytest
from pydantic import BaseModel

from harmonia_core import TaskType, task_type
from harmonia_core.builtin.composites import COMPOSITES
from harmonia_core.builtin.control import TASK_TYPES
from harmonia_core.builtin.messages import MESSAGE_TYPES
from harmonia_core.definitions.load import check_loaded, load_data
from harmonia_core.model.graph import Graph, RetryPolicy


class Charged(BaseModel):
    """What a charge returns."""

    payment: str


@task_type("charge", output=Charged)
def charge(ctx: Any, input: Any) -> Any:
    """Charge."""


@task_type("refund", idempotent=False)
def refund(ctx: Any, input: Any) -> Any:
    """Give back."""


def type_of(function: Any) -> TaskType:
    found = function.task_type if hasattr(function, "task_type") else function
    assert isinstance(found, TaskType)
    return found


TYPES = {
    kind.name: kind for kind in (*TASK_TYPES, *MESSAGE_TYPES, *COMPOSITES, type_of(charge), type_of(refund))
}
NOOP = {"type": "noop"}
UNDO = {"type": "refund", "input": {"payment": "${output.payment}"}}
CHARGE = {"type": "charge", "compensate": UNDO}
BLOCK = {"type": "group", "tasks": {"x": CHARGE}}


def check(tasks: Any, **more: Any) -> Any:
    return check_loaded(load_data({"name": "w", "tasks": tasks, **more}), TYPES)


def faults(tasks: Any, **more: Any) -> list[tuple[str, str]]:
    return sorted((problem.code, problem.path) for problem in check(tasks, **more).problems)


def graph(tasks: Any, **more: Any) -> Graph:
    found = check(tasks, **more)
    assert found.problems == () and found.graph is not None, found.problems
    return found.graph


def undoing(**more: Any) -> dict[str, Any]:
    return {"a": {"type": "charge", "compensate": {**UNDO, **more}}}


LEGAL = {
    "a task": {"a": CHARGE},
    "what the task itself may read": {
        "b": NOOP,
        "a": {"type": "charge", "depends_on": "b", "compensate": {
            "type": "refund", "input": {"b": "${tasks.b.output}", "i": "${input.x}", "p": "${output}"}}},
    },
    "cel": undoing(input={"p": "${output.payment + '!'}"}),
    "a secret": undoing(input={"key": "${secrets.KEY}"}),
    "a composite": {"a": {**BLOCK, "compensate": {"type": "refund", "input": {"p": "${output.x.payment}"}}}},
    "an item": {"a": {"type": "map", "input": {"items": [1]}, "task": {
        "type": "charge", "compensate": {"type": "refund", "input": {
            "i": "${item}", "n": "${index}", "p": "${output.payment}"}}}}},
    "a map": {"a": {"type": "map", "input": {"items": [1]}, "task": NOOP, "compensate": {
        "type": "refund", "input": {"all": "${output}"}}}},
    "a body": {"a": {**CHARGE, "catch": [{"task": NOOP}]}},
    "a handler": {"a": {"type": "charge", "catch": [{"task": {"type": "charge", "compensate": {
        "type": "refund", "input": {"why": "${error.code}"}}}}]}},
    "a kernel task that undoes": undoing(type="wait", input={"duration": 1}),
}  # fmt: skip


@pytest.mark.parametrize("tasks", LEGAL.values(), ids=LEGAL)
def test_it_may_stand_at_any_task(tasks: Any) -> None:
    assert graph(tasks).undoes


@pytest.mark.parametrize(
    ("tasks", "code", "path"),
    [
        (undoing(type="group", input={}), "not-supported", "tasks.a.compensate.type"),
        (undoing(type="map", input={"items": []}), "not-supported", "tasks.a.compensate.type"),
        (undoing(type="set", input={}), "not-supported", "tasks.a.compensate.type"),
        (undoing(type="event", input={"name": "n"}), "not-supported", "tasks.a.compensate.type"),
        (undoing(type="approval", input={"title": "t"}), "not-supported", "tasks.a.compensate.type"),
        (undoing(type="nobody", input={}), "task-type-unknown", "tasks.a.compensate.type"),
        (undoing(compensate=NOOP), "key-misplaced", "tasks.a.compensate.compensate"),
        (undoing(on_failure="fail"), "key-misplaced", "tasks.a.compensate.on_failure"),
        (undoing(catch=[]), "key-misplaced", "tasks.a.compensate.catch"),
        (undoing(**{"finally": {"task": NOOP}}), "key-misplaced", "tasks.a.compensate.finally"),
        (undoing(max_concurrency=1), "key-misplaced", "tasks.a.compensate.max_concurrency"),
        (undoing(when=True), "key-misplaced", "tasks.a.compensate.when"),
        (undoing(input={"p": "${output.paymnet}"}), "path-unknown", "tasks.a.compensate.input.p"),
        (undoing(input={"p": "${tasks.a.payment}"}), "dependency-missing", "tasks.a.compensate.input.p"),
        (undoing(input={"p": "${tasks.b.output}"}), "task-unknown", "tasks.a.compensate.input.p"),
        (undoing(input={"p": "${item}"}), "root-misplaced", "tasks.a.compensate.input.p"),
        (undoing(input={"p": "${vars.x}"}), "path-unknown", "tasks.a.compensate.input.p"),
        (undoing(input={"p": "${secrets.KEY + 'x'}"}), "secret-not-allowed", "tasks.a.compensate.input.p"),
        (undoing(type="noop", input={"p": "${secrets.K}"}),
         "secret-not-allowed", "tasks.a.compensate.input.p"),
        (undoing(type="noop", timeout=3), "key-misplaced", "tasks.a.compensate.timeout"),
        ({"a": {"type": "charge", "input": {"p": "${output.x}"}}}, "root-misplaced", "tasks.a.input.p"),
        ({"a": {"type": "charge", "when": "output == 1"}}, "root-misplaced", "tasks.a.when"),
        ({"a": {"type": "charge", "on_failure": "compensate"}}, "on-failure-misplaced", "tasks.a.on_failure"),
        ({"a": {"type": "group", "tasks": {"x": NOOP}, "on_failure": "compensate"}},
         "nothing-to-undo", "tasks.a.on_failure"),
        ({"a": {"type": "map", "input": {"items": []}, "task": NOOP, "on_failure": "compensate"}},
         "nothing-to-undo", "tasks.a.on_failure"),
        ({"a": {"type": "map", "input": {"items": []}, "task": {**NOOP, "on_failure": "compensate"}}},
         "on-failure-misplaced", "tasks.a.task.on_failure"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_said_with_its_place(tasks: Any, code: str, path: str) -> None:
    assert faults(tasks) == [(code, path)]


def test_a_workflow_that_can_undo_nothing_is_told_so() -> None:
    assert faults({"a": NOOP}, on_failure="compensate") == [("nothing-to-undo", "on_failure")]


def test_who_reads_its_own_result_is_told_how() -> None:
    [problem] = check(undoing(input={"p": "${tasks.a.payment}"})).problems
    assert problem.suggestion == "what undoes a task reads its output as `output`"


def test_an_undo_has_a_policy_of_its_own() -> None:
    usual, own = graph(undoing()), graph(undoing(retry_policy={"max_retries": 7}), retry_policy={})
    assert usual.root.tasks[0].undo.retry == RetryPolicy()  # type: ignore[union-attr]
    assert own.root.tasks[0].undo.retry.max_retries == 7  # type: ignore[union-attr]


def test_an_undo_is_as_idempotent_as_its_type_says() -> None:
    (declared,), (given,) = graph(undoing()).root.tasks, graph(undoing(idempotent=True)).root.tasks
    assert declared.undo is not None and not declared.undo.idempotent
    assert given.undo is not None and given.undo.idempotent


def test_the_workflows_hold_is_that_of_its_own_tasks() -> None:
    tasks = {"a": NOOP, "b": {"type": "group", "tasks": {"x": NOOP}}, "c": {**NOOP, "on_failure": "fail"},
             "d": {**NOOP, "catch": [{"task": NOOP}]}}  # fmt: skip
    nodes = {node.id: node for node in graph(tasks, on_failure="hold").root.tasks}
    assert [nodes[id].on_failure for id in "abcd"] == ["hold", "hold", "fail", "hold"]
    assert nodes["b"].scope is not None and nodes["b"].scope.tasks[0].on_failure == "fail"
    assert nodes["b"].scope.repeats, "a block that a person lets begin anew has rounds"
    assert nodes["d"].scope is not None and nodes["d"].scope.tasks[0].on_failure == "fail"


@pytest.mark.parametrize("kind", ["group", "sequence"])
def test_a_block_that_is_tried_again_has_rounds(kind: str) -> None:
    inside = {"tasks": {"x": NOOP}} if kind == "group" else {"steps": {"x": NOOP}}
    plain, again = ({"a": {"type": kind, **inside, **more}} for more in ({}, {"retry_policy": {}}))
    assert not graph(plain).root.tasks[0].scope.repeats  # type: ignore[union-attr]
    assert graph(again).root.tasks[0].scope.repeats  # type: ignore[union-attr]


def test_older_graphs_keep_their_hash_and_undos_change_it() -> None:
    plain, undone = graph({"a": {"type": "charge"}}), graph(undoing())
    other = graph(undoing(idempotent=True))
    assert len({plain.graph_hash, undone.graph_hash, other.graph_hash}) == 3
    assert not plain.undoes and not plain.holds and plain.on_failure == "fail"
