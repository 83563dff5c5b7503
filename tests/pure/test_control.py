"""Steering an execution, fold by fold: pauses, their timers, what they do not put off, what they send on."""

from typing import Any

import pytest
from building import ONCE_MORE, UNDONE, Play, composite, graph, mapped, scope, task, types

from harmonia_core.engine import actions, request_kinds
from harmonia_core.engine.actions import allowed_actions
from harmonia_core.engine.controlling import unsettable
from harmonia_core.engine.outbox import requests
from harmonia_core.engine.rolling import quiet
from harmonia_core.model import events as e
from harmonia_core.model.child import Child
from harmonia_core.model.snapshot import dump, load
from harmonia_core.model.statuses import ExecutionStatus, TaskStatus


def play(*sketches: Any, **more: Any) -> Play:
    return Play(graph(*sketches, **more))


def child(id: str = "s", **more: Any) -> Any:
    return task(id, type="subworkflow", kernel=True, child=Child("sha256:c", **more))


class TestTerminate:
    def test_an_outcome_of_the_same_moment_leaves_nothing_behind_the_end(self) -> None:
        life = play(task("a"))
        found = life.arrive(life.requested("terminate"), life.outcome("a"))
        assert types(found) == ["TaskCancelled", "ExecutionTerminated"]


class TestPause:
    def test_an_outcome_is_recorded_and_what_follows_waits(self) -> None:
        life = play(task("a"), task("b", "a"))
        assert types(life.request("pause", reason="why")) == ["ExecutionPaused"]
        assert types(life.end("a")) == ["TaskSucceeded"]
        assert life.statuses() == {"a": "succeeded", "b": "ready"}
        assert types(life.request("resume")) == ["ExecutionResumed", "TaskScheduled"]

    def test_the_last_end_does_not_end_a_paused_execution(self) -> None:
        life = play(task("a"))
        life.request("pause")
        life.end("a")
        assert life.state.status is ExecutionStatus.PAUSED
        assert types(life.request("resume")) == ["ExecutionResumed", "ExecutionCompleted"]

    def test_attention_shows_again_after_the_resume(self) -> None:
        life = play(task("a", on_failure="hold"), task("b"))
        life.fail("a")
        assert life.state.status is ExecutionStatus.ATTENTION
        life.request("pause")
        assert life.state.status is ExecutionStatus.PAUSED
        life.request("resume")
        assert life.state.status is ExecutionStatus.ATTENTION
        life.request("pause")
        life.request("skip", path="a")
        life.request("resume")
        assert life.state.status is ExecutionStatus.RUNNING

    def test_how_to_undo_is_recorded_at_once(self) -> None:
        """Later a person may have changed the variables that it reads."""
        life = play(task("a", undo=UNDONE), task("b", "a"))
        life.request("pause")
        assert types(life.end("a")) == ["TaskSucceeded", "UndoRecorded"]

    def test_it_stands_in_the_snapshot_and_keeps_from_rolling_over(self) -> None:
        life = play(task("a"))
        life.request("priority", priority=3)
        life.request("pause", timers="hold", reason="why")
        assert load(life.graph, dump(life.state)) == life.state
        assert life.state.control.priority == 3 and not quiet(life.state)

    @pytest.mark.parametrize(("action", "code"), [("cancel", "cancelling"), ("undo", "compensating")])
    def test_what_is_on_its_way_to_its_end_is_not_paused(self, action: str, code: str) -> None:
        life = play(task("a", undo=UNDONE), task("b", "a"))
        life.end("a")
        life.request(action)
        if action == "undo":
            life.end("b", "cancelled")
        found = actions.refused(life.state, "pause")
        assert found is not None and found.code == code
        assert life.request("pause") == []

    def test_the_deadline_ends_it_as_it_would_otherwise(self) -> None:
        life = play(task("a"), task("b", "a"), timeout=10.0)
        life.request("pause", timers="hold")
        assert types(life.due("", "deadline")) == ["TimerFired"] and life.state.control.pause is None
        found = actions.refused(life.state, "pause")
        assert found is not None and found.code == "out-of-time"
        assert types(life.end("a", "cancelled")) == ["TaskCancelled", "ExecutionFailed"]


class TestHeldTime:
    def test_of_what_lies_inside_items_and_composites(self) -> None:
        inside = scope(task("x", retry=ONCE_MORE, total_timeout=50.0))
        life = Play(graph(composite("c", inside=inside), mapped("m")), {("m", "input"): {"items": [1]}})
        life.fail("c/x")
        before = life.task("c/x")
        assert before.due == 10.0 and before.total_deadline == 50.0
        life.now = 4.0
        life.request("pause", timers="hold")
        assert life.timers == {}
        life.now = 104.0
        life.request("resume")
        after = life.task("c/x")
        assert (after.due, after.total_deadline) == (110.0, 150.0)
        assert {key: row.due for key, row in life.timers.items()} == {
            ("c/x", "retry"): 110.0, ("c/x", "total"): 150.0,
        }  # fmt: skip

    def test_an_attempt_timeout_goes_on(self) -> None:
        life = play(task("a", timeout=5.0))
        life.end("a", "deferred")
        life.request("pause", timers="hold")
        assert types(life.due("a", "attempt")) == ["TaskFailed"]

    def test_a_cancel_gives_it_back(self) -> None:
        life = play(task("a", retry=ONCE_MORE))
        life.fail("a")
        life.request("pause", timers="hold")
        life.now = 100.0
        life.request("cancel")
        assert life.state.control.pause is None and life.final


class TestChildren:
    def sent(self, life: Play) -> list[tuple[str, str]]:
        batch = life.batches[-1]
        rows = requests(life.state, batch.recorded, "default")
        return [(row.kind, row.execution_id) for row in rows]

    def test_what_happens_to_the_parent_is_asked_of_the_child(self) -> None:
        life = play(child())
        name = life.task("s").child or ""
        for kind in ("pause", "resume", "terminate"):
            life.request(kind)
            assert self.sent(life) == [(kind, name)]

    def test_one_that_nobody_waits_for_is_left_alone(self) -> None:
        life = play(child(detach=True), task("a"))
        life.request("pause")
        assert self.sent(life) == []

    def test_the_parent_resumes_only_its_own_pause(self) -> None:
        life = play(task("a"))
        life.request("pause", by="parent")
        assert life.state.reason == "paused by its parent"
        life.request("pause", reason="mine")
        assert life.request("resume", by="parent") == [] and life.state.reason == "mine"
        assert types(life.request("resume")) == ["ExecutionResumed"]


class TestSkip:
    def test_what_is_inside_ends_first_and_its_children_with_it(self) -> None:
        life = play(composite("c", inside=scope(child("s"), task("x"))), task("d", "c"))
        found = life.request("skip", path="c", output=1)
        assert types(found)[:5] == [
            "TaskResolved", "ChildCancelRequested", "TaskCancelled", "TaskCancelled", "TaskSucceeded",
        ]  # fmt: skip
        assert [event.path for event in found[2:4]] == ["c/x", "c/s"]  # type: ignore[attr-defined]
        assert life.task("d").status is TaskStatus.RUNNING

    def test_what_is_being_undone_is_not_skipped(self) -> None:
        inside = scope(task("x", undo=UNDONE), task("y", "x"))
        life = play(composite("c", inside=inside, on_failure="compensate"))
        life.end("c/x")
        life.fail("c/y")
        rules = allowed_actions(life.state, ["c"])["tasks"]["c"]
        assert rules["skip"]["code"] == "compensating" and life.request("skip", path="c") == []


class TestVariables:
    def test_only_what_is_declared(self) -> None:
        life = play(task("a"), vars={"n": 1})
        life.request("pause")
        assert life.request("set", values={"m": 2}) == [] and life.request("set", values=[1]) == []
        found = unsettable(life.state, "a[x]", {"n": 1})
        assert found is not None and found.code == "scope-not-open"
        assert life.request("set", values={"n": 2}) == [e.VariablesSet("", {"n": 2})]


class TestTerminalStateOverwritten:
    """A request that comes late must not make an ended execution go on (Netflix/conductor #3491)."""

    KINDS = ("pause", "resume", "terminate", "set", "priority", "skip", "retry", "cancel", "undo")

    def stays(self) -> None:
        life = play(task("a"), vars={"n": 1})
        life.end("a")
        ended = life.state
        assert ended.status is ExecutionStatus.COMPLETED
        for kind in self.KINDS:
            life.request(kind, path="a", values={"n": 2}, priority=9)
        assert life.state == ended

    def test_it_stays_as_it_ended(self) -> None:
        self.stays()

    def test_without_the_guard_it_does_not(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for module in (request_kinds, actions):
            monkeypatch.setattr(module, "FINAL_EXECUTION", frozenset())
        with pytest.raises(AssertionError):
            self.stays()
