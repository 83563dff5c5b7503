"""Maps: windows, order, ends, wide maps, items of every kind."""

import pytest
from building import ASKED, BOOM, ONCE_MORE, Play, each, graph, mapped, task

from harmonia_core.engine.arrivals import Fact
from harmonia_core.engine.items import item, put_item
from harmonia_core.engine.task_folds import _items
from harmonia_core.model.events import Asked, TaskFailed, TaskScheduled, TaskSucceeded
from harmonia_core.model.outcomes import ErrorInfo
from harmonia_core.model.refs import BlobRef, ItemsRef
from harmonia_core.model.state import PAGE, TaskState
from harmonia_core.model.statuses import TaskStatus

BAD = ErrorInfo("expression", "path-missing", "No.", retryable=False)


def items_of(width: int) -> dict[tuple[str, str], object]:
    return {("m", "input"): {"items": list(range(width))}}


def play_map(width: int, window: int = 100, **more: object) -> Play:
    return Play(graph(mapped("m", window=window, **more), task("z", "m")), items_of(width))


def test_items_begin_in_order_within_the_window() -> None:
    play = play_map(5, window=2)
    assert list(play.flying) == ["m[0]", "m[1]"]
    play.end("m[1]", output=1)
    assert list(play.flying) == ["m[0]", "m[2]"]
    assert play.task("m").attempt == 1 and play.state.scope.outstanding == 1, "a map counts as one"


def test_a_wide_map_over_several_pages() -> None:
    width = 2 * PAGE + 5
    play = play_map(width, window=width)
    for n in reversed(range(width)):
        play.end(f"m[{n}]", output=n)
    assert play.task("m").output == ItemsRef("m", width)
    items = play.task("m").items
    assert (
        items is not None
        and items.succeeded == width
        and [len(page) for page in items.marks] == [256, 256, 5]
    )
    assert b"".join(items.marks) == b"s" * width and not items.flight


@pytest.mark.parametrize("width", [0, 1, PAGE - 1, PAGE, PAGE + 1])
def test_marks_are_as_many_as_items(width: int) -> None:
    assert b"".join(_items(width).marks) == b"." * width


def test_an_empty_map_ends_at_once() -> None:
    play = play_map(0)
    assert play.task("m").output == ItemsRef("m", 0) and list(play.flying) == ["z"]


def test_after_a_failure_no_item_begins_and_those_in_flight_end_first() -> None:
    play = play_map(9, window=3)
    play.fail("m[1]", code="first")
    play.fail("m[0]")
    assert list(play.flying) == ["m[2]"] and play.task("m").status is TaskStatus.RUNNING
    play.end("m[2]")
    ended = play.task("m")
    assert ended.status is TaskStatus.FAILED and ended.error is not None
    assert (ended.error.code, ended.error.category, ended.error.retryable) == ("item-failed", "task", False)
    assert ended.error.details == {"item": 1, "failed": 2, "begun": 3, "count": 9}
    assert play.task("z").reason == "m" and play.state.failed == ("m",)


def test_an_item_in_backoff_is_tried_again_even_after_another_failed() -> None:
    play = play_map(3, window=2, item=each(retry=ONCE_MORE))
    play.fail("m[0]")
    play.fail("m[1]", retryable=False)
    assert play.task("m[0]").status is TaskStatus.BACKOFF and not play.flying
    play.due("m[0]", "retry")
    assert play.attempts("m[0]") == [1, 2]
    play.end("m[0]")
    assert play.task("m").status is TaskStatus.FAILED


def test_an_item_whose_input_cannot_be_known_fails_without_an_attempt() -> None:
    answers = {**items_of(3), ("m[1]", "input"): BAD}
    play = Play(graph(mapped("m", item=each(input=ASKED))), answers)
    assert [e.event for e in play.log if isinstance(e.event, TaskFailed)] == [TaskFailed("m[1]", 0, BAD)]
    assert list(play.flying) == ["m[0]", "m[2]"], "what one decision begins, begins"


def test_an_item_waits_for_the_answers_of_those_before_it() -> None:
    play = Play(graph(mapped("m", item=each(input=ASKED), window=3)), items_of(3), slow=[("m[1]", "input")])
    assert list(play.flying) == ["m[0]"]
    assert [e.event.path for e in play.log if isinstance(e.event, Asked)] == ["m[1]"]
    play.answer("m[1]", "input")
    assert list(play.flying) == ["m[0]", "m[1]", "m[2]"]


def test_slow_answers_may_come_in_any_order() -> None:
    slow = [(f"m[{n}]", "input") for n in range(4)]
    play = Play(graph(mapped("m", item=each(input=ASKED), window=4)), items_of(4), slow=slow)
    for n in (3, 1, 0, 2):
        play.answer(f"m[{n}]", "input")
    begun = [e.event.path for e in play.log if isinstance(e.event, TaskScheduled)]
    assert begun == ["m", "m[0]", "m[1]", "m[2]", "m[3]"] and not play.state.answers


def test_items_that_the_engine_carries_out() -> None:
    noop = Play(graph(mapped("m", item=each("noop"))), items_of(300))
    assert noop.state.status == "completed"
    wait = Play(
        graph(mapped("m", item=each("wait", input=ASKED))), {**items_of(2), ("m[]", "input"): {"duration": 7}}
    )
    assert wait.task("m[1]").status is TaskStatus.BLOCKED and wait.timers["m[1]", "wait"].due == 7.0
    wait.due("m[0]", "wait")
    wait.due("m[1]", "wait")
    assert wait.state.status == "completed"
    fail = Play(graph(mapped("m", item=each("fail"))), items_of(2))
    assert fail.state.status == "failed" and fail.state.error is not None


def test_the_width_of_a_large_input_comes_with_its_answer() -> None:
    play = Play(graph(mapped("m")), {("m", "input"): {"items": ["x" * 50] * 3}}, inline_limit=100)
    assert isinstance(play.task("m").input, BlobRef) and len(play.flying) == 3


@pytest.mark.parametrize("value", [{"items": {"a": 1}}, {"items": None}, {}, [1], None])
def test_what_is_no_list_of_items_fails_the_map(value: object) -> None:
    play = Play(graph(mapped("m")), {("m", "input"): value})
    error = play.task("m").error
    assert error is not None and (error.code, error.retryable) == ("input-invalid", False)


def test_total_timeout_of_a_map_ends_its_items_first() -> None:
    play = play_map(6, window=3, item=each(retry=ONCE_MORE), total_timeout=60.0)
    play.fail("m[1]")
    play.end("m[2]", "deferred")
    play.due("m", "total")
    assert list(play.flying) == ["m[0]"] and play.task("m").status is TaskStatus.RUNNING
    play.fail("m[0]")
    error = play.task("m").error
    assert play.task("m").status is TaskStatus.FAILED and error is not None and error.code == "total-timeout"
    items = play.task("m").items
    assert items is not None and not items.flight and b"c" in items.marks[0]


def test_an_item_that_was_interrupted_by_the_maps_timeout_is_cancelled() -> None:
    play = play_map(1, total_timeout=60.0)
    play.due("m", "total")
    play.end("m[0]", "cancelled")
    items = play.task("m").items
    assert items is not None and items.marks == (b"c",) and play.task("m").status is TaskStatus.FAILED


def test_results_of_items_that_have_ended_are_refused() -> None:
    play = play_map(2)
    play.end("m[0]")
    [late] = play.arrive(play.outcome("m[0]", attempt=1))
    assert type(late).__name__ == "LateResultRefused"


def test_an_item_that_has_not_begun_is_ready() -> None:
    items = _items(3)
    assert item(items, 2).status is TaskStatus.READY
    held = put_item(items, 0, TaskState(TaskStatus.ATTENTION, 1, "lost"), each())
    assert (held.held, held.cursor) == (1, 1)
    ended = put_item(held, 0, TaskState(TaskStatus.FAILED, 1, error=BOOM), each())
    assert (ended.held, ended.failed, ended.error, ended.error_index) == (0, 1, BOOM, 0)


def test_an_event_of_an_item_whose_map_is_not_there_changes_nothing() -> None:
    play = Play(graph(task("t")))
    before = play.state
    play.arrive(Fact(TaskSucceeded("t[0]", 1, None)))
    assert play.state == before._replace(seq=before.seq + 1)
