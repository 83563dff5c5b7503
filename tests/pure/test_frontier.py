"""The frontier across pages, and what an event copies."""

import pytest
from building import BOOM, ONCE_MORE, Play, graph, task
from checking import agree

from harmonia_core.engine.frontier import put
from harmonia_core.engine.walks import positions
from harmonia_core.model.graph import Join
from harmonia_core.model.state import PAGE, TaskState, fresh_scope
from harmonia_core.model.statuses import TaskStatus

WIDE = 3 * PAGE + 7


@pytest.fixture(scope="module")
def fan() -> Play:
    leaves = [task(f"t{n}", "a") for n in range(WIDE)]
    return Play(graph(task("a"), *leaves, task("z", *(f"t{n}" for n in range(WIDE)), join=Join(WIDE - 1))))


def test_a_fan_over_several_pages(fan: Play) -> None:
    assert [len(page) for page in fan.state.scope.pages] == [PAGE] * 3 + [9]
    fan.end("a")
    agree(fan.state)
    assert len(fan.flying) == WIDE and fan.state.scope.outstanding == WIDE
    for n in range(WIDE - 1):
        assert fan.task("z").status is TaskStatus.WAITING
        fan.end(f"t{n}")
    agree(fan.state)
    assert fan.task("z").status is TaskStatus.RUNNING
    fan.fail(f"t{WIDE - 1}")
    fan.end("z")
    assert fan.state.status == "failed" and fan.state.scope.open == 0


def test_the_window_bounds_what_is_outstanding() -> None:
    play = Play(graph(*(task(f"t{n}", retry=ONCE_MORE) for n in range(10)), window=4))
    assert list(play.flying) == ["t0", "t1", "t2", "t3"]
    play.fail("t1")
    assert list(play.flying) == ["t0", "t2", "t3"], "a task in backoff keeps its place"
    play.end("t0", "deferred")
    assert list(play.flying) == ["t2", "t3", "t4"], "one that is deferred does not"
    play.due("t1", "retry")
    assert list(play.flying) == ["t2", "t3", "t4", "t1"]


def test_an_event_copies_only_the_pages_it_touches() -> None:
    nodes = graph(*(task(f"t{n}") for n in range(WIDE))).root
    scope = fresh_scope(nodes)
    after = put(scope, nodes, PAGE + 1, TaskState(TaskStatus.RUNNING, 1))
    assert [old is new for old, new in zip(scope.pages, after.pages, strict=True)] == [
        True,
        False,
        True,
        True,
    ]
    assert scope.task(PAGE + 1).status is TaskStatus.READY, "the old scope is as it was"


def test_positions_are_the_set_bits() -> None:
    assert list(positions(0)) == [] and list(positions(1 << 700 | 0b101)) == [0, 2, 700]


def test_an_error_of_a_failed_task_is_the_first_by_seq() -> None:
    play = Play(graph(task("a"), task("b")))
    play.fail("b", code="first")
    play.fail("a")
    assert play.state.error is not None and play.state.error.code == "first"
    assert play.state.failed == ("b", "a") and play.task("a").error == BOOM
