"""What the pure part does with what is rare: nothing to do, nothing there, no longer there."""

from typing import Any

import pytest
from building import (
    ASKED,
    BOOM,
    EXECUTION,
    UNDONE,
    Play,
    composite,
    folded,
    graph,
    mapped,
    order,
    running,
    scope,
    task,
)

from harmonia_core.builtin.composites import COMPOSITES
from harmonia_core.builtin.control import TASK_TYPES
from harmonia_core.contracts.rows import Unit
from harmonia_core.definitions.load import compile_loaded, load_data
from harmonia_core.engine.derived import Derivation
from harmonia_core.engine.families import controlled, set_free
from harmonia_core.engine.gating import Gate, asked_again, given_back
from harmonia_core.engine.messages import hand_out
from harmonia_core.engine.outbox import documents
from harmonia_core.engine.slot_rows import Change, add_slots
from harmonia_core.engine.timeline import Timeline, timeline
from harmonia_core.engine.undo_folds import is_open
from harmonia_core.errors import DefinitionInvalid, InputInvalid, Problem, RequestNotConsumed, TaskError
from harmonia_core.model import events as e
from harmonia_core.model.child import Child
from harmonia_core.model.codec import decode, encode
from harmonia_core.model.event import Event
from harmonia_core.model.events import Recorded
from harmonia_core.model.faults import known_keys
from harmonia_core.model.graph import Rule
from harmonia_core.model.snapshot import load
from harmonia_core.model.state import begin
from harmonia_core.model.statuses import ExecutionStatus

TYPES = {one.name: one for one in (*TASK_TYPES, *COMPOSITES)}
ITEMS = {"type": "map", "input": {"items": [1]}, "task": {"type": "noop"}}


def problems(tasks: dict[str, Any], **more: Any) -> dict[str, str]:
    """Return code by path of what is wrong with a definition."""
    with pytest.raises(DefinitionInvalid) as refused:
        compile_loaded(load_data({"name": "w", "tasks": tasks, **more}), TYPES)
    return {one.path: one.code for one in refused.value.problems}


class TestDefinitions:
    def test_a_key_of_turns_reads_only_what_is_known_at_the_start(self) -> None:
        found = problems({"a": {"type": "noop"}}, concurrency={"max": 1, "key": "${tasks.a.output}"})
        assert found["concurrency.key"] == "root-misplaced"

    def test_a_moment_that_is_written_out_is_one(self) -> None:
        found = problems({"w": {"type": "wait", "input": {"until": "tomorrow"}}})
        assert found == {"tasks.w.input.until": "input-invalid"}

    def test_what_reduces_a_map_must_be_an_expression(self) -> None:
        found = problems({"m": {**ITEMS, "reduce": {"initial": 0, "value": "result +"}}})
        assert list(found) == ["tasks.m.reduce.value"]
        found = problems({"m": {**ITEMS, "reduce": {"initial": 0, "value": " "}}})
        assert list(found.values()) == ["type-wrong"]

    def test_a_workflow_of_a_task_is_none_of_these_forms(self) -> None:
        found = problems({"s": {"type": "subworkflow", "workflow": 7}})
        assert "type-wrong" in found.values()

    def test_places_that_hold_many_are_known_by_what_they_hold(self) -> None:
        assert set(known_keys(("tasks",))) == set(known_keys(("tasks", 0)))
        assert "depends_on" in known_keys(("tasks", 0)) and "tasks" in known_keys(())


class TestErrors:
    def test_problems_are_told_to_machines_as_well(self) -> None:
        found = InputInvalid([Problem("type-wrong", "n", "a number")]).details()["problems"]
        assert [(one["code"], one["path"]) for one in found] == [("type-wrong", "n")]

    def test_an_owner_that_does_not_answer_is_named(self) -> None:
        found = RequestNotConsumed("x", "engine", 7, "host")
        assert (found.execution_id, found.engine, found.pid, found.host) == ("x", "engine", 7, "host")
        assert "harmonia recover --take-over x" in str(found)

    def test_an_error_of_a_task_hands_over_its_data(self) -> None:
        assert TaskError("no", details={"n": 1}).details() == {"n": 1}


class TestShapes:
    def test_what_is_equal_to_a_default_is_left_out_of_the_log(self) -> None:
        event = e.ExecutionFailed(BOOM, ())
        assert b"failed_tasks" not in encode(event)
        shaped = e.SlotsRequested("a", 1, [], None, [])  # type: ignore[arg-type]
        assert decode("SlotsRequested", 1, encode(shaped)).path == "a"

    @pytest.mark.parametrize("text", [b"", b"\xff\xfe", b"[]", b"7", b'{"format": "another"}'])
    def test_a_snapshot_of_another_format_is_none(self, text: bytes) -> None:
        assert load(graph(task("a")), text) is None


class TestLimits:
    GATE = Gate(frozenset({"type:work"}))

    def test_slots_of_what_has_not_begun_are_given_back_in_a_pause_only(self) -> None:
        play = Play(graph(task("a"), task("b", "a")), gate=self.GATE)
        assert list(given_back(play.state)) == []
        play.request("pause")
        claim = play.state.slots.claims["a"]
        assert list(given_back(play.state)) == [], "it has not been let begin"
        asked = asked_again("a", claim, play.state.task("a"))
        assert (asked.path, asked.since, asked.input) == ("a", claim.since, {})
        play.request("slots", path="a", seq=claim.seq, granted=True)
        assert not play.state.slots.claims["a"].granted

    def test_a_limit_that_nobody_has_set_fails_only_what_waits_for_it(self) -> None:
        play = Play(graph(task("a")), gate=self.GATE)
        seq = play.state.slots.claims["a"].seq
        play.request("slots", path="a", seq=seq, unknown="resource:gpu")
        assert play.state.error is not None and play.state.error.code == "limit-unknown"
        turn = Play(graph(task("a")), gate=Gate(frozenset({"workflow:w"})))
        assert turn.request("slots", path="", seq=turn.state.slots.claims[""].seq, unknown="x") == []

    def test_rows_follow_when_a_claim_ends_stands_or_moves_up(self) -> None:
        play = Play(graph(task("a"), task("b")), gate=self.GATE)
        play.request("priority", priority=5)
        batch, unit = play.batches[-1], Unit()
        add_slots(unit, Change(batch.first, batch.state, batch.recorded[0].event, 0.0), "default")
        assert unit.slot_priorities == [(5, EXECUTION)] and not unit.slots and not unit.closed_slots
        assert [key for _, key, _ in unit.promotions] == ["type:work"]


class TestFamilies:
    @staticmethod
    def parent() -> Play:
        sketches = [
            task("free", type="subworkflow", kernel=True, child=Child("sha256:a", abandon=True)),
            task("bound", type="subworkflow", kernel=True, child=Child("sha256:b")),
        ]
        return Play(graph(*sketches))

    def test_only_bound_children_end_with_their_parent(self) -> None:
        play = self.parent()
        assert [one.path for one in controlled(play.state, "terminate")] == ["bound"]
        assert [one.path for one in controlled(play.state, "pause")] == ["free", "bound"]

    def test_children_that_go_on_alone_are_let_run_if_they_were_paused(self) -> None:
        play = self.parent()
        assert list(set_free(play.state)) == []
        play.request("pause")
        assert [one.path for one in set_free(play.state)] == ["free"]


class TestLogs:
    def test_messages_are_handed_to_tasks_that_still_wait(self) -> None:
        waits = task("w", type="event", kernel=True, input=ASKED)
        play = Play(graph(waits, task("b", "w")), {("w", "input"): {"name": "a"}})
        assert hand_out(play.state) == []

    def test_only_messages_that_nobody_awaits_go_back(self) -> None:
        def record(reason: str) -> Recorded:
            return Recorded("x", 2, 2.0, None, None, e.MessageRefused("m", "a", reason))

        state = running(graph(task("a")))
        assert len(documents(state, [record("not-awaited"), record("expired")], "default")) == 1

    def test_events_of_executions_make_stretches_of_time(self) -> None:
        of = graph(task("a"))
        facts: list[Event] = [
            e.ExecutionStarted("w", "1", "d", "g", None, {}, {}, "x"),
            e.ExecutionAdopted("engine", 2),
            e.TaskScheduled("a", 1, True, {}),
            e.ExecutionPaused("run", None, "request"),
            e.ExecutionResumed("request"),
            e.TimerFired("a", "timeout"),
            e.ExecutionTerminated("no"),
        ]
        log = [Recorded("x", n, float(n), None, None, fact) for n, fact in enumerate(facts, 1)]
        found = timeline(of, log, 9.0)
        assert isinstance(found, Timeline)
        assert found.adoptions == [(2.0, "engine")] and (found.over, found.status) == (True, "terminated")
        assert (found.tracks["a"].status, found.tracks["a"].ended) == ("cancelled", 7.0)

    def test_a_log_of_another_version_has_tasks_without_a_type(self) -> None:
        log = [Recorded("x", 1, 1.0, None, None, e.TaskScheduled("gone/a", 1, True, {}))]
        assert timeline(graph(task("a")), log, 9.0).tracks["gone/a"].type == ""

    def test_rows_of_what_is_being_undone_are_derived_from_the_log(self) -> None:
        play = Play(graph(task("a", undo=UNDONE), task("b", "a"), on_failure="compensate"))
        play.end("a")
        play.fail("b")
        derivation = Derivation(play.graph, EXECUTION)
        for recorded in play.log:
            derivation.take(recorded)
        assert "a~undo" in [row.path for row in derivation.tasks()]


class TestScopes:
    def test_a_sequence_that_counts_no_number_fails_and_one_of_none_ends(self) -> None:
        inside = scope(task("a"), order=order(Rule(), counted=True), repeats=True)
        of = graph(composite("l", inside=inside, input=ASKED))
        bad = Play(of, {("l", "input"): {"times": -1}})
        assert bad.state.error is not None and bad.state.error.code == "input-invalid"
        assert Play(of, {("l", "input"): {"times": 0}}).state.status is ExecutionStatus.COMPLETED

    def test_a_set_of_no_object_fails(self) -> None:
        play = Play(graph(task("s", type="set", kernel=True, input=ASKED)), {("s", "input"): [1]})
        assert play.state.error is not None and play.state.error.code == "input-invalid"

    def test_an_undo_is_open_while_what_lies_around_is(self) -> None:
        of = graph(composite("c", inside=scope(task("a"))), task("b"))
        assert is_open(begin(of, "x"), "b") and is_open(begin(of, "x"), "c/a")

    def test_an_event_of_a_scope_that_is_not_open_changes_nothing(self) -> None:
        of = graph(task("a"))
        event = e.ScopeStopped("a", "won", "b")
        assert folded(of, [event], running(of)) == running(of)._replace(seq=2)

    def test_a_map_may_be_handed_nothing_to_do(self) -> None:
        play = Play(graph(mapped("m")), {("m", "input"): {"items": []}})
        assert play.final and play.state.status is ExecutionStatus.COMPLETED
