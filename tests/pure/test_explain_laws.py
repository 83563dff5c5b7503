"""What explain says of every drawn life: something, about things that are there, with commands that work."""

import shlex
from collections.abc import Iterable, Iterator
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_control_laws import SteeredLife
from test_laws import FREE, Life
from test_undo_laws import UndoLife

from harmonia_core.engine import explain_tasks
from harmonia_core.engine.explain import explain_state
from harmonia_core.engine.explain_causes import CODES, Cause, cause_view, gathered, ordered
from harmonia_core.engine.resolving import refusal
from harmonia_core.engine.walks import inside_path, node_of
from harmonia_core.model.graph import Scope
from harmonia_core.model.state import ExecutionState, GraphState, TaskState
from harmonia_core.model.statuses import FINAL_TASK, ExecutionStatus, TaskStatus


def every(nodes: Scope, scope: GraphState, prefix: str) -> Iterator[tuple[str, TaskState]]:
    """Yield all tasks and items that a state holds, with their paths."""
    for node in nodes.tasks:
        yield from inner(node, prefix + node.id, scope.task(node.index))


def inner(node: object, path: str, task: TaskState) -> Iterator[tuple[str, TaskState]]:
    yield path, task
    if task.items is not None:
        for index, item in task.items.flight.items():
            yield from inner(node.item, f"{path}[{index}]", item)  # type: ignore[attr-defined]
    if task.inside is not None:
        nodes = node.scope  # type: ignore[attr-defined]
        yield from every(nodes, task.inside.graph, inside_path(path, nodes, task.inside) + "/")


def leaves(life: Life) -> set[str]:
    """Return what has begun and neither ended nor holds anything that is at work."""
    return {
        path
        for path, task in life.begun()
        if not (task.status is TaskStatus.RUNNING and (task.items is not None or task.inside is not None))
    }


def sound(state: ExecutionState, causes: Iterable[Cause]) -> None:
    """Assert that causes speak of what is there, in words that are known, and help with what works."""
    for cause in causes:
        assert (
            cause.code in CODES and cause.message.endswith((".", "?", "!", ")"))
        ) or cause.code == "approval-open"
        assert cause_view(cause)["execution"] == state.execution_id
        for path in (cause.path, *cause.paths, *(step.path for step in cause.chain)):
            assert not path or node_of(state.graph, path.partition("[]")[0])
        of = cause.blocking.get("path") or cause.blocking.get("of")
        assert not of or node_of(state.graph, of)
        for line in cause.help:
            offered(state, shlex.split(line))


def offered(state: ExecutionState, words: list[str]) -> None:
    """Assert that a command that is offered would be taken."""
    if words[2] == "resolve":
        assert refusal(state, words[4], words[5].removeprefix("--")) is None, words  # type: ignore[arg-type]


def judged(life: Life) -> None:
    """Assert what holds of the causes of an execution that has come to rest, and of those of its tasks."""
    state = life.state
    causes = explain_state(state)
    assert causes, state
    sound(state, causes)
    if life.final:
        assert [one.code for one in causes] == ["ended"]
        return
    assert not [one for one in causes if one.code == "about-to-go-on"], "at rest, nothing is about to happen"
    told = {path for one in causes for path in one.paths}
    assert leaves(life) <= told, leaves(life) - told
    for path, task in every(life.graph.root, state.scope, ""):
        found = explain_state(state, path)
        assert [one for one in found if one.code not in ("deadline-running",)], (path, task)
        sound(state, found)
        if task.status in FINAL_TASK:
            assert any(one.code == "ended" for one in found)
        elif found[0].chain:
            assert found[0].chain[0].path == path
    for one in ordered(gathered(causes)):
        assert len(one.paths) <= 5 and (one.many >= len(one.paths) or one.code == "paused")


@settings(max_examples=30, **FREE)
@given(st.randoms(use_true_random=False), st.integers(0, 30))
def test_whatever_does_not_go_on_has_a_cause(random: Random, steps: int) -> None:
    life = Life(random)
    for _ in range(steps):
        if life.final:
            break
        life.arrive(*life.together())
        judged(life)
    judged(life)


@settings(max_examples=20, **FREE)
@given(st.randoms(use_true_random=False), st.integers(0, 30))
def test_whatever_is_undone_has_a_cause(random: Random, steps: int) -> None:
    life = UndoLife(random)
    for _ in range(steps):
        if life.final:
            break
        life.arrive(*life.together())
        judged(life)
    judged(life)


@settings(max_examples=20, **FREE)
@given(st.randoms(use_true_random=False), st.integers(0, 30))
def test_whatever_is_steered_has_a_cause(random: Random, steps: int) -> None:
    life = SteeredLife(random)
    for _ in range(steps):
        if life.final:
            break
        life.arrive(*life.together())
        judged(life)
        if life.state.status is ExecutionStatus.PAUSED:
            assert any(one.code == "paused" for one in explain_state(life.state))
    judged(life)


SILENCES = [
    *(("_BLOCKED", reason) for reason in ("timer", "deferred", "event", "approval")),
    *(("_BY_STATUS", status) for status in (TaskStatus.RUNNING, TaskStatus.BACKOFF, TaskStatus.ATTENTION)),
]


@pytest.mark.parametrize(("table", "key"), SILENCES)
def test_a_cause_that_is_left_out_is_missed(table: str, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seed the silence that the law is about: some life of a fixed three hundred finds it."""
    known = getattr(explain_tasks, table)
    assert key in known
    monkeypatch.setattr(explain_tasks, table, {one: value for one, value in known.items() if one != key})
    with pytest.raises(AssertionError):
        for seed in range(300):
            life = Life(Random(seed))
            for _ in range(12):
                if not life.final:
                    life.arrive(*life.together())
                    judged(life)
