"""What requests, pauses and limits do with what is not there, or where there is nothing to do."""

from dataclasses import replace
from typing import Any

import pytest
from building import (
    ASKED,
    ONCE_MORE,
    UNDONE,
    Play,
    composite,
    folded,
    graph,
    mapped,
    running,
    scope,
    task,
    types,
)

from harmonia_core.engine.control_views import control_view, with_held
from harmonia_core.engine.gating import Gate
from harmonia_core.engine.walks import around
from harmonia_core.model import events as e
from harmonia_core.model.graph import Concurrency
from harmonia_core.model.outcomes import ErrorInfo
from harmonia_core.model.statuses import ExecutionStatus, TaskStatus
from harmonia_core.model.values import Template

ONE = graph(task("a"))


@pytest.mark.parametrize("kind", ["retry", "skip", "fail", "done", "set"])
def test_a_path_that_cannot_be_read_names_nothing(kind: str) -> None:
    play = Play(ONE)
    before = play.state
    recorded = play.request(kind, path="a[]", values={"n": 1}, by="me")
    assert not [event for event in recorded if isinstance(event, e.TaskResolved)]
    assert play.state.scope == before.scope


def test_a_token_of_a_task_that_is_no_more_completes_nothing() -> None:
    assert Play(ONE).request("complete", path="gone", attempt=1, output=1) == []


@pytest.mark.parametrize("priority", [None, True, "high", 101, 0])
def test_what_is_no_new_priority_changes_nothing(priority: Any) -> None:
    play = Play(ONE)
    assert play.request("priority", priority=priority) == []
    assert control_view(play.state) == {}


def test_a_priority_without_a_pause_is_shown_alone() -> None:
    play = Play(ONE)
    assert types(play.request("priority", priority=7)) == ["ExecutionPrioritised"]
    assert control_view(play.state) == {"priority": 7}


def test_only_time_that_stands_still_is_shown_as_held() -> None:
    play = Play(graph(task("w", type="wait", kernel=True, input=ASKED)), {("w", "input"): {"duration": 60}})
    view: dict[str, Any] = {"path": "w", "next_at": "later", "reason": None}
    with_held(play.state, [view])
    assert view["next_at"] == "later"
    play.now = 20.0
    play.request("pause", timers="hold")
    with_held(play.state, [view])
    assert (view["next_at"], view["held_for"]) == (None, 40.0)


def test_time_of_an_undo_stands_still_in_a_pause_as_well() -> None:
    undo = replace(UNDONE, retry=ONCE_MORE, on_failure="fail")
    inside = scope(task("a", undo=undo), task("b", "a"))
    play = Play(graph(composite("c", inside=inside, on_failure="compensate")))
    play.end("c/a")
    play.fail("c/b")
    play.fail("c/a~undo")
    due = play.timers["c/a~undo", "retry"].due
    play.now = 4.0
    play.request("pause", timers="hold")
    play.now = 24.0
    play.request("resume")
    assert play.timers["c/a~undo", "retry"].due == due + 20.0


def test_an_upgrade_of_what_is_not_paused_or_has_moved_on_does_nothing() -> None:
    play = Play(ONE)
    wish = play.requested("upgrade", stands_at=play.state.seq, upgrade={})
    assert play.arrive(wish) == []
    play.request("pause")
    assert play.request("upgrade", stands_at=play.state.seq - 1, upgrade={}) == []
    assert play.state.status is ExecutionStatus.PAUSED


class TestTurns:
    """A workflow whose executions are counted by a key."""

    @staticmethod
    def play(answer: Any, slow: bool = False) -> Play:
        asked = Template(None, ASKED.slots)
        of = graph(task("a"), concurrency=Concurrency(1, asked, "queue"))
        return Play(of, {("", "output"): answer}, slow=[("", "output")] if slow else (), gate=Gate())

    def test_a_key_is_a_text_or_whatever_json_it_is(self) -> None:
        assert self.play("eu").state.slots.claims[""].wants[0].key == "concurrency:w:eu"
        assert self.play([1, 2]).state.slots.claims[""].wants[0].key == "concurrency:w:[1,2]"

    def test_a_key_that_cannot_be_known_ends_the_execution(self) -> None:
        broken = ErrorInfo("expression", "path-missing", "There is none.", retryable=False)
        assert self.play(broken).state.error == broken
        slow = self.play("eu", slow=True).state
        assert slow.error is not None and slow.error.code == "concurrency-key-unknown"

    def test_what_is_let_run_twice_runs_once_and_what_has_ended_asks_for_nothing(self) -> None:
        play = self.play("eu")
        assert play.state.status is ExecutionStatus.QUEUED
        granted = folded(play.graph, [e.SlotsGranted("", 0)], play.state)
        assert granted.status is ExecutionStatus.RUNNING
        assert folded(play.graph, [e.SlotsGranted("", 0)], granted).status is ExecutionStatus.RUNNING
        asked = e.SlotsRequested("", 0, [{"key": "k", "units": 1}])
        cancelling = folded(play.graph, [e.CancelRequested(), asked], granted)
        assert cancelling.status is ExecutionStatus.CANCELLING

    def test_a_task_that_waits_for_nothing_is_let_nothing(self) -> None:
        state = running(ONE)
        assert folded(ONE, [e.SlotsGranted("a", 1)], state).scope.task(0).status is TaskStatus.READY


def test_around_what_stands_in_the_workflow_itself_there_is_nothing() -> None:
    play = Play(graph(mapped("m"), task("a")), {("m", "input"): {"items": [1]}})
    assert list(around(play.state, "a")) == []
    assert [one.status for one in around(play.state, "m[0]")] == [TaskStatus.RUNNING]
    assert list(around(play.state, "gone/a")) == []


def test_a_late_answer_of_a_person_to_nobody_changes_nothing() -> None:
    state = running(ONE)
    assert folded(ONE, [e.ApprovalDelegated("a", "you", "me")], state).inbox.approvals == {}


def test_an_event_of_an_undo_that_is_not_at_hand_changes_nothing() -> None:
    of = graph(task("a", undo=UNDONE))
    state = running(of)
    assert folded(of, [e.TaskSucceeded("a~undo", 1, None)], state) == state._replace(seq=2)


def test_a_result_for_a_path_that_is_none_is_refused() -> None:
    of = graph(task("a", undo=UNDONE))
    play = Play(of)
    play.flying["nowhere"] = 1
    assert types(play.end("nowhere")) == ["LateResultRefused"]
