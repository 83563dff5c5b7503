"""What the items of a map are, and how many of them may fail: ranges, batches, shares."""

import pytest
from building import ASKED, Play, each, graph, mapped, task
from checking import agree
from hypothesis import given
from hypothesis import strategies as st

from harmonia_core.engine.frontier import stirs
from harmonia_core.engine.item_values import item_at, values_of, width_of
from harmonia_core.engine.task_folds import _items
from harmonia_core.model.events import Recorded
from harmonia_core.model.refs import ItemsRef
from harmonia_core.model.snapshot import dump, load
from harmonia_core.model.state import ExecutionState, TaskState
from harmonia_core.model.statuses import TaskStatus

HUGE = 10**12


def play_map(given_input: object, *, window: int = 100, **more: object) -> Play:
    """Play a map and a task behind it; every step of it agrees with a scan."""
    answers = {("m", "input"): given_input}
    return Play(graph(mapped("m", window=window, **more), task("z", "m")), answers, watch=watched)


def watched(before: ExecutionState, recorded: Recorded, after: ExecutionState) -> None:
    agree(after)
    assert load(after.graph, dump(after)) == after


# Values


@pytest.mark.parametrize(
    ("wish", "values"),
    [
        ({"stop": 3}, [0, 1, 2]),
        ({"start": 2, "stop": 4}, [2, 3]),
        ({"start": 5, "stop": 0, "step": -2}, [5, 3, 1]),
        ({"start": 1, "stop": 8, "step": 3}, [1, 4, 7]),
        ({"start": -1, "stop": 1}, [-1, 0]),
        ({"stop": 0}, []),
        ({"stop": -3}, []),
        ({"start": 4, "stop": 4}, []),
    ],
)
def test_a_range_stands_for_numbers(wish: dict[str, int], values: list[int]) -> None:
    found = {"range": wish}
    assert width_of(found, None) == len(values)
    assert [item_at(found, index, None) for index in range(len(values))] == values


@pytest.mark.parametrize(
    "value",
    [
        *(None, 3, [1, 2], {}, {"items": None}, {"items": {"a": 1}}, {"items": "ab"}, {"range": None}),
        *({"range": [3]}, {"range": {}}, {"range": {"start": 1}}, {"range": {"stop": "3"}}),
        *({"range": {"stop": True}}, {"range": {"stop": 2.0}}, {"range": {"stop": 3, "step": 0}}),
        {"range": {"start": None, "stop": 3}},
    ],
)
def test_what_names_no_items(value: object) -> None:
    assert values_of(value) is None and width_of(value, None) is None and width_of(value, 4) is None


def test_a_huge_range_is_never_written_out() -> None:
    wish = {"range": {"stop": HUGE}}
    assert (width_of(wish, None), width_of(wish, 1000)) == (HUGE, HUGE // 1000)
    assert item_at(wish, HUGE - 1, None) == HUGE - 1
    assert item_at(wish, HUGE // 2 - 1, 2) == [HUGE - 2, HUGE - 1]


@given(st.lists(st.integers(), max_size=30), st.integers(1, 12))
def test_batches_hold_every_value_once_in_order(values: list[int], size: int) -> None:
    found = {"items": values}
    width = width_of(found, size)
    assert width is not None
    batches = [item_at(found, index, size) for index in range(width)]
    assert [value for batch in batches for value in batch] == values
    assert all(len(batch) == size for batch in batches[:-1]) and all(batches)


def test_a_map_over_a_range_has_as_many_items_as_batches() -> None:
    play = play_map({"range": {"stop": 10}}, batch=4)
    assert list(play.flying) == ["m[0]", "m[1]", "m[2]"]
    for path in list(play.flying):
        play.end(path)
    assert play.task("m").output == ItemsRef("m", 3) and list(play.flying) == ["z"]


def test_an_empty_range_ends_at_once() -> None:
    play = play_map({"range": {"start": 3, "stop": 3}}, batch=4)
    assert play.task("m").output == ItemsRef("m", 0) and list(play.flying) == ["z"]


def test_the_input_of_a_wide_range_stays_small() -> None:
    play = play_map({"range": {"stop": 1000}}, window=2)
    assert play.task("m").input == {"range": {"stop": 1000}}
    assert list(play.flying) == ["m[0]", "m[1]"]


@pytest.mark.parametrize("value", [{"range": {"stop": "3"}}, {"range": {"stop": 3, "step": 0}}, {"range": 3}])
def test_what_is_no_range_fails_the_map(value: object) -> None:
    play = play_map(value)
    error = play.task("m").error
    assert error is not None and (error.code, error.retryable) == ("input-invalid", False)


# Failures that are let pass


def test_as_many_items_as_are_tolerated_may_fail() -> None:
    play = play_map({"range": {"stop": 6}}, window=2, tolerate=2)
    play.fail("m[0]")
    play.fail("m[1]")
    assert list(play.flying) == ["m[2]", "m[3]"], "items begin in the place of those that failed"
    for n in range(2, 6):
        play.end(f"m[{n}]")
    ended = play.task("m")
    assert (ended.status, ended.error, ended.output) == (TaskStatus.SUCCEEDED, None, ItemsRef("m", 6))
    assert ended.items is not None and b"".join(ended.items.marks) == b"ffssss"
    assert play.state.failed == () and list(play.flying) == ["z"]


def test_one_failure_more_than_is_tolerated_ends_the_map_after_those_in_flight() -> None:
    play = play_map({"range": {"stop": 9}}, window=3, tolerate=1)
    play.fail("m[1]", code="first")
    assert list(play.flying) == ["m[0]", "m[2]", "m[3]"]
    play.fail("m[3]")
    assert list(play.flying) == ["m[0]", "m[2]"] and play.task("m").status is TaskStatus.RUNNING
    play.end("m[0]")
    play.end("m[2]")
    error = play.task("m").error
    assert error is not None and error.code == "item-failed"
    assert error.details == {"item": 1, "failed": 2, "begun": 4, "count": 9}
    assert play.state.failed == ("m",) and play.task("z").reason == "m"


def test_the_last_item_may_be_the_one_too_many() -> None:
    play = play_map({"items": ["a", "b"]}, tolerate=1)
    play.fail("m[0]")
    play.fail("m[1]")
    assert play.task("m").status is TaskStatus.FAILED


def test_all_may_fail_if_all_are_tolerated() -> None:
    play = play_map({"range": {"stop": 3}}, tolerate=1.0, item=each("fail"))
    assert play.task("m").status is TaskStatus.SUCCEEDED and list(play.flying) == ["z"]


def test_a_share_is_of_the_batches_not_of_the_values() -> None:
    play = play_map({"range": {"stop": 40}}, batch=10, tolerate=0.25)
    play.fail("m[0]")
    for n in (1, 2, 3):
        play.end(f"m[{n}]")
    assert play.task("m").status is TaskStatus.SUCCEEDED
    one_more = play_map({"range": {"stop": 30}}, batch=10, tolerate=0.25)
    one_more.fail("m[0]")
    one_more.end("m[1]")
    one_more.end("m[2]")
    assert one_more.task("m").status is TaskStatus.FAILED


@given(st.integers(0, 1000), st.integers(0, 100_000))
def test_a_share_is_rounded_down_from_what_was_written(thousandths: int, width: int) -> None:
    """By whole numbers; 29 % of 100 are 29, whatever 0.29 * 100 is."""
    [node] = graph(mapped("m", tolerate=thousandths / 10 / 100)).root.tasks
    allowed = thousandths * width // 1000
    assert not node.gives_up(allowed, width) and node.gives_up(allowed + 1, width)


def test_a_number_is_a_number_however_wide_the_map_is() -> None:
    [node] = graph(mapped("m", tolerate=1)).root.tasks
    assert not node.gives_up(1, 10**6) and node.gives_up(2, 10**6) and node.gives_up(2, 1)


def test_a_map_stirs_while_it_may_begin_items_though_some_have_failed() -> None:
    [node] = graph(mapped("m", tolerate=1, window=2, input=ASKED)).root.tasks
    running = TaskState(TaskStatus.RUNNING, 1)
    begun = _items(5)._replace(cursor=1, failed=1)
    assert stirs(node, running, begun)
    assert not stirs(node, running, begun._replace(cursor=5, flight={4: running}))
    assert stirs(node, running, begun._replace(failed=2)), "it is to end"
    assert not stirs(node, running, begun._replace(failed=2, flight={4: running}))
