"""Folding what concerns a whole execution: how it begins, and what is left when it ends."""

import pytest
from building import ASKED, BOOM, UNDONE, Play, folded, graph, mapped, running, scope, task

from harmonia_core.engine.evolve import evolve
from harmonia_core.model import events as e
from harmonia_core.model.control import FREE, Pause
from harmonia_core.model.events import Recorded
from harmonia_core.model.family import ALONE, Family
from harmonia_core.model.slots import NO_SLOTS
from harmonia_core.model.state import ExecutionState, Question
from harmonia_core.model.statuses import ExecutionStatus

ONE = graph(task("a"))
OTHER = ("w", "1", "d", "g")
WANTS = [{"key": "workflow:w", "units": 1, "max": 2}]


def forked(**more: object) -> e.ExecutionForked:
    """Return the first event of a fork."""
    return e.ExecutionForked("y", 7, "fork", *OTHER, None, **more)  # type: ignore[arg-type]


def steered() -> ExecutionState:
    """Return the state of a child of another execution, paused, with a result and an open question."""
    first = e.ExecutionStarted(
        *OTHER, {"n": 1}, {"v": 2}, {"l": "x"}, "root", 60.0, {}, "p", "sub", 2, 3, "all", 9
    )
    return folded(ONE, [first])


def test_a_child_knows_whose_task_it_carries_out_and_its_priority() -> None:
    state = steered()
    assert state.family == Family("p", "sub", 2, 3, "all")
    assert (state.control.priority, state.control.pause) == (9, None)
    alone = running(ONE)
    assert alone.family is ALONE and alone.control is FREE


def test_a_fork_begins_as_one_of_its_own() -> None:
    before = steered()._replace(seq=0, status=ExecutionStatus.PAUSED, started_at=0.5)
    state = folded(ONE, [forked(labels={"k": "v"}, deadline=99.0, priority=4)], before)
    assert (state.status, state.root_id, state.labels) == (ExecutionStatus.RUNNING, "x", {"k": "v"})
    assert (state.started_at, state.deadline, state.family) == (1.0, 99.0, ALONE)
    assert (state.control.priority, state.input, state.vars) == (4, {"n": 1}, {"v": 2})


def test_a_fork_of_what_waits_for_a_person_waits_for_one() -> None:
    held = folded(
        ONE, [e.TaskScheduled("a", 1, True, {}), e.TaskAttention("a", "failed", BOOM)], running(ONE)
    )
    assert held.status is ExecutionStatus.ATTENTION
    assert folded(ONE, [forked()], held).status is ExecutionStatus.ATTENTION


def ending() -> list[tuple[e.Event, ExecutionStatus]]:
    return [
        (e.ExecutionCompleted({"n": 1}), ExecutionStatus.COMPLETED),
        (e.ExecutionFailed(BOOM, ("a",)), ExecutionStatus.FAILED),
        (e.ExecutionCancelled("why"), ExecutionStatus.CANCELLED),
        (e.ExecutionTerminated("why"), ExecutionStatus.TERMINATED),
        (e.ExecutionCompensated(BOOM), ExecutionStatus.COMPENSATED),
        (e.ExecutionRolledOver("y"), ExecutionStatus.CONTINUED),
    ]


@pytest.mark.parametrize(("event", "status"), ending(), ids=lambda one: getattr(one, "value", ""))
def test_an_end_leaves_no_question_and_no_slot(event: e.Event, status: ExecutionStatus) -> None:
    waits = e.SlotsRequested("", 0, WANTS)
    facts = [waits, e.SlotsGranted("", 0), e.Asked("q", "a", 0, "input"), e.Asked("r", "a", 0, "when")]
    before = folded(ONE, [*facts, e.Answered("r", True)], running(ONE))
    assert before.asks and before.answers and before.slots.claims[""].granted
    state = folded(ONE, [event], before)
    assert (state.status, state.asks, state.answers, state.ended_at) == (status, {}, {}, 7.0)
    # What goes on in another log keeps its slots until it does.
    assert (state.slots is NO_SLOTS) is (status is not ExecutionStatus.CONTINUED)


def test_an_end_says_why() -> None:
    asked = folded(ONE, [e.CancelRequested("first")], running(ONE))
    assert folded(ONE, [e.ExecutionCancelled("second")], asked).reason == "second"
    assert folded(ONE, [e.ExecutionTerminated("second")], asked).reason == "second"
    failed = running(ONE)._replace(error=BOOM)
    other = e.ExecutionCompensated(BOOM.__class__("task", "other", "Else."))
    assert folded(ONE, [e.ExecutionCompensated()], failed).error == BOOM
    assert folded(ONE, [other], failed).error == other.error


def test_only_the_question_that_is_answered_is_closed() -> None:
    asked = [e.Asked("q", "a", 0, "input"), e.Asked("r", "a", 0, "when")]
    state = folded(ONE, [*asked, e.Answered("r", True)], running(ONE))
    assert state.asks == {"q": Question("a", "input", 0)}


def test_a_cancel_does_not_forget_that_undoing_was_wanted() -> None:
    wanted = folded(ONE, [e.CancelRequested(None, True), e.CancelRequested()], running(ONE))
    assert wanted.undo.wanted
    assert not folded(ONE, [e.CancelRequested()], running(ONE)).undo.wanted


def test_a_cancel_of_what_waits_with_an_undo_still_waits_for_a_person() -> None:
    play = Play(graph(task("a", undo=UNDONE), task("b", "a"), on_failure="compensate"))
    play.end("a")
    play.fail("b")
    play.fail("a~undo")
    assert play.state.status is ExecutionStatus.ATTENTION
    state = evolve(play.state, Recorded("x", play.state.seq + 1, 9.0, None, None, e.CancelRequested()))
    assert (state.status, state.cancelling) == (ExecutionStatus.ATTENTION, True)


def test_a_cancel_lifts_a_pause() -> None:
    paused = folded(ONE, [e.ExecutionPaused("hold", None, "request")], running(ONE))
    assert paused.control.pause == Pause("hold", None, "request", 2.0)
    assert folded(ONE, [e.CancelRequested()], paused).control.pause is None


def test_answers_of_what_lies_below_go_with_a_task_but_not_what_was_given() -> None:
    of = graph(mapped("m"), task("n"))
    state = running(of)._replace(answers={
        ("m[0]", "input"): None, ("m/x", "when"): None, ("m[0]", "given"): None, ("m", "input"): None,
        ("n", "input"): None, ("mm", "input"): None,
    })  # fmt: skip
    left = folded(of, [e.TaskScheduled("m", 1, True, {}, width=2)], state).answers
    assert set(left) == {("m[0]", "given"), ("n", "input"), ("mm", "input")}


def test_what_happens_inside_of_what_has_ended_or_is_in_another_round_changes_nothing() -> None:
    inside = scope(task("s"), repeats=True)
    of = graph(task("c", type="composite", kernel=True, scope=inside, input=ASKED), mapped("m"))
    begun = folded(of, [e.TaskScheduled("c", 1, True, {})], running(of))
    late = e.TaskSkipped("c[5]/s", "when")
    assert folded(of, [late], begun) == begun._replace(seq=begun.seq + 1)
    assert folded(of, [e.TaskSkipped("c[0]/s", "when")], begun) != begun._replace(seq=begun.seq + 1)
    for event in (late, e.TaskSkipped("c[0]/s", "when"), e.TaskSucceeded("m[0]", 1, None)):
        assert folded(of, [event], running(of)) == running(of)._replace(seq=2)
