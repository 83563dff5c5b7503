"""Folding, event by event: what each one changes, and what it leaves alone."""

import pytest
from building import ASKED, BOOM, Play, folded, graph, mapped, running, started, task

from harmonia_core.engine.evolve import evolve, fold
from harmonia_core.model import events as e
from harmonia_core.model.addresses import split_item
from harmonia_core.model.commands import Answer
from harmonia_core.model.events import Recorded
from harmonia_core.model.state import Question, begin
from harmonia_core.model.statuses import ExecutionStatus, TaskStatus

TWO = graph(task("a"), task("b", "a", input=ASKED), timeout=60.0)


def test_the_start_fills_the_execution() -> None:
    first = e.ExecutionStarted("w", "1", "d", "g", {"n": 1}, {"v": 2}, {"l": "x"}, "root", 60.0)
    state = folded(TWO, [first])
    assert (state.input, state.vars, state.labels, state.root_id) == ({"n": 1}, {"v": 2}, {"l": "x"}, "root")
    assert (state.status, state.started_at, state.deadline) == (ExecutionStatus.RUNNING, 1.0, 60.0)


@pytest.mark.parametrize("event", [e.ExecutionAdopted("engine", 2), e.LateResultRefused("a", 1, "succeeded")])
def test_facts_that_change_nothing_but_the_seq(event: e.Event) -> None:
    before = running(TWO)
    assert folded(TWO, [event], before) == before._replace(seq=2)


def test_an_attempt_from_its_schedule_to_its_success() -> None:
    state = folded(TWO, [e.TaskScheduled("a", 1, True, {"n": 1}, total_deadline=9.0)], running(TWO))
    begun = state.scope.task(0)
    assert (begun.status, begun.input, begun.started_at, begun.total_deadline) == (
        TaskStatus.RUNNING, {"n": 1}, 2.0, 9.0,
    )  # fmt: skip
    again = [e.RetryScheduled("a", 1, BOOM, 5.0), e.TimerFired("a", "retry"), e.TaskScheduled("a", 2, False)]
    state = folded(TWO, again, state)
    third = state.scope.task(0)
    assert (third.attempt, third.input, third.error, third.started_at, third.due) == (
        2,
        {"n": 1},
        None,
        2.0,
        None,
    )
    state = folded(TWO, [e.TaskSucceeded("a", 2, 7)], state)
    ended = state.scope.task(0)
    assert (ended.output, ended.ended_at, ended.ended_seq, ended.reason) == (7, 6.0, 6, None)
    assert state.scope.task(1).status is TaskStatus.READY


def test_questions_are_open_until_they_are_answered_and_answers_until_they_are_used() -> None:
    state = folded(TWO, [e.Asked("q", "b", 0, "input")], running(TWO))
    assert state.asks == {"q": Question("b", "input", 0)}
    assert folded(TWO, [e.Answered("unknown", 1)], state) == state._replace(seq=3)
    state = folded(TWO, [e.Answered("q", {"n": 1}, width=2)], state)
    assert state.asks == {} and state.answers == {("b", "input"): Answer({"n": 1}, width=2)}
    assert folded(TWO, [e.TaskScheduled("b", 1, True, {"n": 1})], state).answers == {}
    assert folded(TWO, [e.ExecutionFailed(BOOM)], state).answers == {}


def test_ends_of_an_execution() -> None:
    done = folded(TWO, [e.ExecutionCompleted({"n": 1})], running(TWO))
    assert (done.status, done.output, done.ended_at) == (ExecutionStatus.COMPLETED, {"n": 1}, 2.0)
    failed = folded(TWO, [e.ExecutionFailed(BOOM, ("a",))], running(TWO))
    assert (failed.status, failed.error) == (ExecutionStatus.FAILED, BOOM)
    asked = folded(TWO, [e.CancelRequested("why")], running(TWO))
    assert (asked.status, asked.cancelling, asked.reason) == (ExecutionStatus.CANCELLING, True, "why")
    gone = folded(TWO, [e.ExecutionCancelled("why")], asked)
    assert (gone.status, gone.reason) == (ExecutionStatus.CANCELLED, "why")
    late = folded(TWO, [e.TimerFired("", "deadline")], running(TWO))
    assert late.timed_out and late.status is ExecutionStatus.RUNNING


def test_folding_a_log_gives_the_live_state() -> None:
    play = Play(graph(task("a"), mapped("m", "a")), {("m", "input"): {"items": [1, 2]}})
    play.end("a")
    play.end("m[1]")
    assert fold(play.graph, "x", play.log) == play.state
    assert fold(play.graph, "x", []) == begin(play.graph, "x")


def test_a_state_is_never_changed_in_place() -> None:
    before = running(TWO)
    copy = before._replace()
    evolve(before, Recorded("x", 2, 2.0, None, None, e.TaskScheduled("a", 1)))
    assert before == copy == folded(TWO, [started(TWO)])


@pytest.mark.parametrize(
    ("path", "parts"), [("a", ("a", None)), ("items[17]", ("items", 17)), ("a-b[0]", ("a-b", 0))]
)
def test_paths_of_items_split(path: str, parts: tuple[str, int | None]) -> None:
    assert split_item(path) == parts
    assert running(TWO).task("nobody") is None and running(TWO).task("a[0]") is None
