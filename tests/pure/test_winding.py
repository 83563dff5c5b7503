"""Executions that are cancelled or out of time: everything begun ends first, whatever it was doing."""

import pytest
from building import ASKED, BOOM, ONCE_MORE, Play, each, graph, mapped, task, types

from harmonia_core.engine.arrivals import AnswerFound, Fact
from harmonia_core.engine.recovery import lost
from harmonia_core.model import events as e
from harmonia_core.model.commands import Answer
from harmonia_core.model.statuses import ExecutionStatus, TaskStatus


def busy() -> Play:
    """Return an execution with a task in every state that a cancel can find."""
    of = graph(
        task("runs"), task("backoff", retry=ONCE_MORE), task("deferred"), task("held", idempotent=False),
        task("waits", type="wait", kernel=True, input=ASKED), task("asked", input=ASKED),
        mapped("m", item=each(retry=ONCE_MORE), window=3), task("after", "runs"), timeout=100.0,
    )  # fmt: skip
    answers = {("waits", "input"): {"duration": 60}, ("m", "input"): {"items": [0, 1, 2, 3]}}
    play = Play(of, answers, slow=[("asked", "input")])
    play.end("held", "cancelled")
    play.fail("backoff")
    play.end("deferred", "deferred")
    play.fail("m[0]")
    play.end("m[1]", "deferred")
    assert play.state.status is ExecutionStatus.ATTENTION
    return play


@pytest.mark.parametrize("how", ["cancel", "deadline", "both"])
def test_everything_begun_ends_before_the_execution_does(how: str) -> None:
    play = busy()
    if how != "cancel":
        play.due("", "deadline")
    if how != "deadline":
        play.request("cancel", reason="enough")
    assert not play.final and play.flying == {"runs": 1, "m[2]": 1}
    gone = {"backoff", "deferred", "held", "waits"}
    assert {id for id, status in play.statuses().items() if status == "cancelled"} == gone
    play.end("m[2]", "cancelled")
    assert play.task("m").status is TaskStatus.CANCELLED
    play.end("runs")
    assert play.task("runs").status is TaskStatus.SUCCEEDED, "what succeeded, succeeded"
    assert play.final and not play.timers and not play.state.asks
    assert play.statuses()["after"] == "ready" and play.statuses()["asked"] == "ready"
    if how == "deadline":
        assert play.state.status is ExecutionStatus.FAILED and play.state.error is not None
        assert play.state.error.code == "execution-timeout"
    else:
        assert (play.state.status, play.state.reason) == (ExecutionStatus.CANCELLED, "enough")
    [question] = play.slow
    assert play.arrive(AnswerFound(question, Answer(1))) == []


def test_an_execution_that_has_begun_nothing_ends_at_once() -> None:
    play = Play(graph(task("t", input=ASKED)), slow=[("t", "input")])
    assert types(play.request("cancel")) == ["CancelRequested", "ExecutionCancelled"]
    assert play.state.reason is None


def test_what_is_deferred_or_fails_while_being_cancelled_ends_too() -> None:
    play = Play(graph(task("a"), task("b", retry=ONCE_MORE)))
    play.request("cancel")
    assert types(play.end("a", "deferred")) == ["TaskDeferred", "TaskCancelled"]
    assert types(play.fail("b")) == ["TaskFailed", "ExecutionCancelled"]
    assert play.state.failed == ("b",) and play.task("b").error == BOOM


def test_requests_and_results_in_the_batch_of_the_cancel() -> None:
    play = busy()
    play.arrive(
        play.requested("cancel"),
        play.requested("complete", path="deferred", attempt=1, error=BOOM.as_json()),
        play.requested("retry", path="held"),
        play.outcome("runs"),
        play.outcome("m[2]", "failed"),
    )
    assert play.state.status is ExecutionStatus.CANCELLED
    assert play.statuses()["held"] == "cancelled" and play.statuses()["deferred"] == "failed"


def test_a_crash_while_cancelling_leaves_nothing_behind() -> None:
    play = busy()
    play.request("cancel")
    play.flying.clear()
    play.arrive(Fact(e.ExecutionAdopted("other", 2)), *(Fact(event) for event in lost(play.state)))
    assert play.state.status is ExecutionStatus.CANCELLED
    assert play.statuses()["runs"] == "cancelled" and play.statuses()["m"] == "cancelled"


def test_a_cancel_that_is_only_recorded_is_carried_out_as_well() -> None:
    play = Play(graph(task("a"), task("b", "a")))
    play.flying.clear()
    facts = [Fact(event) for event in lost(play.state)]
    play.arrive(play.requested("cancel"), *facts, only_record=True)
    assert play.state.status is ExecutionStatus.CANCELLED
    other = Play(graph(task("a"), task("b", "a")))
    other.arrive(other.outcome("a"), only_record=True)
    assert other.statuses() == {"a": "succeeded", "b": "ready"} and not other.flying
