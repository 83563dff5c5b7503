"""Rows beside the log: tasks as they stand after a batch, timers that are open, and no others."""

from building import ASKED, ONCE_MORE, Play, each, graph, mapped, task, timers_of

from harmonia_core.contracts.rows import TaskRow
from harmonia_core.engine.arrivals import Fact
from harmonia_core.engine.projections import begun, due_kind, task_rows
from harmonia_core.model import events as e
from harmonia_core.model.state import TaskState


def rows(play: Play) -> dict[str, TaskRow]:
    """Return the rows of the last batch by path."""
    batch = play.batches[-1]
    return {row.path: row for row in task_rows(batch.first, batch.state, batch.recorded)}


def test_a_row_for_each_task_that_a_batch_touched_as_it_stands_after_it() -> None:
    play = Play(graph(task("a", retry=ONCE_MORE), task("b", "a"), task("c", "a")))
    assert list(rows(play)) == ["a"]
    play.now = 5.0
    play.fail("a")
    row = rows(play)["a"]
    assert (row.status, row.reason, row.attempt, row.due, row.started_at) == (
        "backoff",
        "retry",
        1,
        15.0,
        0.0,
    )
    play.due("a", "retry")
    play.end("a")
    found = rows(play)
    assert [(row.path, row.status) for row in found.values()] == [
        ("a", "succeeded"), ("b", "running"), ("c", "running"),
    ]  # fmt: skip
    assert found["a"].ended_at == 15.0 and found["a"].ended_seq == play.task("a").ended_seq
    assert (found["b"].scope, found["b"].position, found["b"].type) == ("", 1, "work")


def test_rows_of_items_stand_under_their_map() -> None:
    play = Play(graph(mapped("m", item=each("noop", input=ASKED))), {("m", "input"): {"items": [1, 2]}})
    found = rows(play)
    assert list(found) == ["m", "m[0]", "m[1]"]
    assert (found["m[1]"].scope, found["m[1]"].position, found["m[1]"].status) == ("m", 1, "succeeded")
    assert found["m[1]"].ended_seq is not None and found["m"].status == "succeeded"


def test_a_row_of_an_item_that_has_ended_says_when_it_began() -> None:
    play = Play(graph(mapped("m")), {("m", "input"): {"items": [1, 2]}})
    play.now = 4.0
    play.end("m[0]")
    row = rows(play)["m[0]"]
    assert (row.status, row.attempt, row.started_at, row.ended_at) == ("succeeded", 1, 0.0, 4.0)
    play = Play(graph(mapped("m", item=each("noop"))), {("m", "input"): {"items": [1]}})
    assert rows(play)["m[0]"].started_at == 0.0


def test_questions_and_late_results_touch_no_row() -> None:
    play = Play(graph(task("t", input=ASKED)), slow=[("t", "input")])
    assert rows(play) == {}
    play.arrive(Fact(e.LateResultRefused("t", 1, "succeeded")))
    assert rows(play) == {}


def test_timers_close_with_what_they_were_for() -> None:
    of = graph(
        task("a", retry=ONCE_MORE, timeout=5.0, total_timeout=50.0),
        task("w", type="wait", kernel=True, input=ASKED, total_timeout=70.0),
        mapped("m", item=each(total_timeout=8.0), total_timeout=90.0),
        task("n", type="noop", kernel=True, total_timeout=10.0),
        timeout=100.0,
    )
    play = Play(of, {("w", "input"): {"duration": 7}, ("m", "input"): {"items": [1]}})
    assert set(play.timers) == {
        ("", "deadline"), ("a", "total"), ("w", "wait"), ("w", "total"), ("m", "total"), ("m[0]", "total"),
    }  # fmt: skip
    play.end("a", "deferred")
    assert play.timers["a", "attempt"].due == 5.0
    play.due("a", "attempt")
    assert {kind for path, kind in play.timers if path == "a"} == {"retry", "total"}
    play.request("retry", path="a")
    assert play.timers["a", "retry"].due == play.now
    play.due("a", "retry")
    play.due("w", "wait")
    play.end("m[0]")
    assert set(play.timers) == {("", "deadline"), ("a", "total")}
    assert timers_of(play.state) == {(row.path, row.kind, row.due) for row in play.timers.values()}
    play.end("a")
    assert play.final and not play.timers and not timers_of(play.state)


def test_the_kind_of_a_timer_follows_from_why_a_task_waits() -> None:
    kinds = {due_kind(TaskState(reason=reason)) for reason in ("retry", "timer", "deferred")}
    assert kinds == {"retry", "wait", "attempt"}


def test_begun_lists_items_behind_their_map() -> None:
    play = Play(graph(task("a"), mapped("m"), task("b", "a")), {("m", "input"): {"items": [1, 2]}})
    assert [path for path, _ in begun(play.graph, play.state)] == ["a", "m", "m[0]", "m[1]"]
