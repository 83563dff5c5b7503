"""What explaining says where less is known: about limits, owners, signs of life, moments and pauses."""

from dataclasses import replace
from typing import Any

import pytest
from building import ASKED, BOOM, UNDONE, Play, composite, folded, graph, mapped, order, running, scope, task

from harmonia_core.engine.explain import explain_state
from harmonia_core.engine.explain_causes import CODES, FEW, Cause
from harmonia_core.engine.explain_limits import queued, with_queue
from harmonia_core.engine.explain_moments import moments
from harmonia_core.engine.explain_owner import orphaned
from harmonia_core.engine.explain_pause import in_pause
from harmonia_core.engine.explain_survey import APPEAL
from harmonia_core.model import events as e
from harmonia_core.model.events import Recorded
from harmonia_core.model.graph import Rule

LIMITED = Cause("limit-reached", "t", "There is no room.", {"keys": ["type:work"]}, paths=("t",))
ROW: dict[str, Any] = {
    "key": "type:work", "max": None, "rate": None,
    "held": 1, "units": 1, "waiting": 3, "place": 2, "holders": [],
}  # fmt: skip


def because(code: str, **more: Any) -> Cause:
    """Return a cause at the task `a`."""
    return Cause(code, "a", "Why.", {"kind": "task"}, 1.0, **more)


@pytest.mark.parametrize(
    ("limit", "said"),
    [
        ({"max": 1}, "type:work has room for 1 at once, and 1 is taken"),
        ({"rate": "3/60s"}, "type:work lets no more begin within its time"),
        ({}, "type:work has no room"),
    ],
)
def test_a_limit_says_what_it_has_room_for(limit: dict[str, Any], said: str) -> None:
    found = with_queue(LIMITED, [{**ROW, **limit}])
    assert found.message == f"{said}; it is number 2 of 3 that wait."


def test_what_waits_nowhere_is_left_as_it_is() -> None:
    assert with_queue(LIMITED, [{**ROW, "place": None}]) is LIMITED
    causes = [because("about-to-go-on")]
    assert queued(running(graph(task("a"))), causes) == causes
    assert in_pause(running(graph(task("a"))), causes) == causes


def test_an_execution_that_nobody_drives_has_nothing_at_work() -> None:
    needy = because("secret-missing")
    assert orphaned(needy) == [needy]
    assert [one for code, kind in CODES.items() if kind.needs == "nothing" for one in orphaned(because(code))
            if not code.startswith(("attempt-", "heartbeat-"))] == []  # fmt: skip
    (lost,) = orphaned(because("attempt-running", until=9.0, help=("x",)))
    assert (lost.code, lost.until, lost.help) == ("attempt-orphaned", None, ())


def test_moments_of_questions_and_of_undoing_are_found_in_the_log() -> None:
    facts: list[e.Event] = [
        e.Asked("q", "a", 0, "input"),
        e.CompensationBegun("", "failed", BOOM),
        e.CancelRequested(),
        e.TaskFailed("a", 1, BOOM),
    ]
    log = [Recorded("x", seq, float(seq), None, None, fact) for seq, fact in enumerate(facts, 1)]
    keys = [("question", "a"), ("undo", ""), ("cancel", ""), ("task", "a")]
    assert moments(log, set(keys)) == dict(zip(keys, [1.0, 2.0, 3.0, 4.0], strict=True))
    assert moments(log, {("question", "b")}) == {}


def test_an_attempt_at_work_has_no_time_that_stands_still_in_a_pause() -> None:
    play = Play(graph(task("a", timeout=60.0), task("d")))
    play.end("d", "deferred", token_hash="h")
    play.request("pause", timers="hold")
    waits = because("event-awaited", until=9.0)._replace(path="d")
    assert in_pause(play.state, [waits])[1] == waits


def test_what_cannot_be_reached_because_of_a_cancel_names_no_error() -> None:
    of = graph(task("a"), task("b", "a"), task("c"))
    state = folded(of, [e.TaskScheduled("a", 1, True, {}), e.TaskCancelled("a", 1)], running(of))
    state = folded(of, [e.TaskUnreachable("b", "a")], state)
    (found,) = explain_state(state, "b")
    assert found.code == "ended" and "boom" not in found.message


def test_of_very_many_tasks_that_are_ready_only_the_first_are_looked_at() -> None:
    many = FEW + APPEAL + 5
    of = graph(task("first"), *(task(f"t{n}") for n in range(many)), window=1)
    found = [one for one in explain_state(Play(of).state) if one.code == "window-full"]
    assert [(one.path, one.many, len(one.paths)) for one in found] == [("t0", many, FEW)]


def test_a_step_that_is_to_be_carried_out_is_named_to_those_behind_it() -> None:
    inside = scope(task("a"), task("b"), order=order(Rule(), Rule()))
    of = graph(composite("s", inside=inside))
    begun = folded(of, [e.TaskScheduled("s", 1, True, {}), e.StepEntered("s", 0, 0)], running(of))
    found = explain_state(begun, "s/b")
    assert (found[0].code, found[0].path) == ("about-to-go-on", "s/a")


def test_a_map_whose_items_have_all_ended_is_about_to_end() -> None:
    of = graph(mapped("m"))
    empty = folded(of, [e.TaskScheduled("m", 1, True, {}, width=0)], running(of))
    assert [(one.code, one.path) for one in explain_state(empty)] == [("about-to-go-on", "m")]


def test_a_composite_that_has_just_begun_is_about_to_go_on() -> None:
    inside = scope(task("a"), order=order(Rule()))
    of = graph(composite("s", inside=inside))
    begun = folded(of, [e.TaskScheduled("s", 1, True, {})], running(of))
    assert [(one.code, one.path) for one in explain_state(begun)] == [("about-to-go-on", "s")]


def test_what_a_task_waits_for_includes_what_is_undone_inside_of_it() -> None:
    inside = scope(task("a", undo=UNDONE), task("b", "a"))
    play = Play(graph(composite("c", inside=inside, on_failure="compensate"), task("z", "c")))
    play.end("c/a")
    play.fail("c/b")
    found = explain_state(play.state, "z")
    assert [one.path for one in found][:2] == ["c/a~undo", "c"]


def test_the_rest_of_a_race_that_is_won_ends_early() -> None:
    inside = scope(task("a"), task("b"), task("c", "b"), enough=1)
    of = graph(composite("r", inside=inside), task("z", "r"))
    facts = [e.TaskScheduled(path, 1, True, {}) for path in ("r", "r/a", "r/b")]
    won = [e.TaskSucceeded("r/a", 1, None), e.ScopeStopped("r", "won", "r/a")]
    state = folded(of, [*facts, *won], running(of))
    found = [one for one in explain_state(state, "r/c") if one.code == "cancelling"]
    assert [one.message for one in found] == ["It will not begin: what it lies in is ending early."]


def test_nothing_goes_on_before_it_is_known_how_something_can_be_undone() -> None:
    undo = replace(UNDONE, input=ASKED)
    play = Play(graph(task("a", undo=undo), task("b", "a")), slow=[("a", "undo")])
    play.end("a")
    assert [one.path for one in play.state.undo.owed] == ["a"]
    found = [one for one in explain_state(play.state) if one.path == "b"]
    assert [one.code for one in found] == ["question-open"]
