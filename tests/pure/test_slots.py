"""Waiting under limits, in the core: who asks, what is kept, what is given up, and the rows that follow."""

from typing import Any

import pytest
from building import ONCE_MORE, UNDONE, Play, composite, each, graph, mapped, scope, task

from harmonia_core.contracts.rows import Unit
from harmonia_core.engine.arrivals import Fact
from harmonia_core.engine.gating import Gate
from harmonia_core.engine.recovery import lost
from harmonia_core.engine.slot_rows import Change, add_slots, slot_rows
from harmonia_core.model import events as e
from harmonia_core.model.graph import Concurrency
from harmonia_core.model.slots import NO_SLOTS
from harmonia_core.model.snapshot import dump, load
from harmonia_core.model.statuses import ExecutionStatus
from harmonia_core.model.values import Template

GATE = Gate(frozenset({"type:work"}))
TEXT = Template({"n": 1})


def limited(*sketches: Any, **more: Any) -> Play:
    return Play(graph(*sketches, **more), {("m", "input"): {"items": [1, 2, 3]}}, gate=GATE)


def grant(play: Play, path: str = "t") -> list[Any]:
    return play.request("slots", path=path, seq=play.state.slots.claims[path].seq, granted=True)


def claims(play: Play) -> dict[str, bool]:
    return {path: claim.granted for path, claim in play.state.slots.claims.items()}


def kinds(events: list[Any]) -> list[str]:
    return [type(event).__name__ for event in events]


def rows_of_last(play: Play) -> Unit:
    unit = Unit()
    batch = play.batches[-1]
    add_slots(unit, Change(batch.first, batch.state, batch.recorded[0].event, batch.now), "default")
    return unit


def test_an_attempt_waits_with_its_input_and_begins_once_it_is_let() -> None:
    play = limited(task("t", input=TEXT))
    standing = play.state.task("t")
    assert standing is not None and (standing.status, standing.reason) == ("blocked", "limit")
    assert (play.flying, standing.input, standing.attempt) == ({}, {"n": 1}, 0)
    unit = rows_of_last(play)
    assert [(row.path, row.key, row.state, row.seq) for row in unit.slots] == [
        ("t", "type:work", "waiting", 2)
    ]
    assert unit.promotions == [("default", "type:work", 0.0)]
    assert kinds(grant(play)) == ["SlotsGranted", "TaskScheduled"]
    assert (play.flying, claims(play)) == ({"t": 1}, {"t": True})
    assert rows_of_last(play) == Unit()
    play.end("t")
    assert play.final and play.state.slots is NO_SLOTS
    unit = rows_of_last(play)
    assert (unit.closed_slots, unit.promotions) == ([("x", "t")], [("default", "type:work", 0.0)])


def test_a_grant_counts_once_and_only_for_what_waits() -> None:
    play = limited(task("t"))
    seq = play.state.slots.claims["t"].seq
    grant(play)
    assert play.request("slots", path="t", seq=seq, granted=True) == []
    assert play.request("slots", path="u", seq=seq, granted=True) == []
    play.end("t")
    assert play.request("slots", path="t", seq=seq, granted=True) == []


def test_a_retry_gives_the_slot_up_and_a_loss_does_not() -> None:
    play = limited(task("t", retry=ONCE_MORE))
    grant(play)
    play.flying.clear()
    play.arrive(Fact(e.ExecutionAdopted("other", 2)), *(Fact(event) for event in lost(play.state)))
    assert (play.flying, claims(play)) == ({"t": 1}, {"t": True})
    play.fail("t")
    assert claims(play) == {}
    assert kinds(play.due("t", "retry")) == ["TimerFired", "SlotsRequested"]
    grant(play)
    assert play.flying == {"t": 2}


def test_an_attempt_that_began_before_the_limit_waits_if_it_is_lost() -> None:
    play = Play(graph(task("t", idempotent=True)))
    play.gate = GATE
    play.flying.clear()
    events = play.arrive(*(Fact(event) for event in lost(play.state)))
    assert kinds(events) == ["AttemptLost", "SlotsRequested"]
    grant(play)
    assert play.flying == {"t": 1}


@pytest.mark.parametrize("held", [False, True])
@pytest.mark.parametrize("how", ["cancel", "skip", "attention"])
def test_nothing_is_kept_of_a_task_that_ends_or_is_given_up(how: str, held: bool) -> None:
    play = limited(task("t", idempotent=False), task("u", type="noop", kernel=True))
    if held:
        grant(play)
    if how == "attention":
        play.flying.clear()
        play.arrive(*(Fact(event) for event in lost(play.state)))
        assert claims(play) == ({} if held else {"t": False})
        return
    play.request(how, **({"path": "t"} if how == "skip" else {}))
    if play.flying and how == "cancel":
        play.end("t", "cancelled")
    assert claims(play) == {}


def test_items_undos_and_what_lies_in_composites_wait_as_well() -> None:
    play = limited(mapped("m", item=each(), window=2))
    assert claims(play) == {"m[0]": False, "m[1]": False}
    grant(play, "m[0]")
    play.end("m[0]", output=1)
    assert claims(play) == {"m[1]": False, "m[2]": False}
    race = limited(composite("c", inside=scope(task("a"), task("b"), enough=1)))
    grant(race, "c/a")
    race.end("c/a", output=1)
    assert race.final and race.state.slots is NO_SLOTS
    undone = limited(task("t", undo=UNDONE), task("u", "t"), on_failure="compensate")
    grant(undone)
    undone.end("t")
    grant(undone, "u")
    undone.fail("u")
    assert claims(undone) == {"t~undo": False}
    grant(undone, "t~undo")
    undone.end("t~undo")
    assert undone.state.status is ExecutionStatus.COMPENSATED and undone.state.slots is NO_SLOTS


def test_what_is_granted_while_it_is_paused_is_given_back_and_keeps_its_age() -> None:
    play = limited(task("t"))
    before = play.state.slots.claims["t"]
    play.state = play.state._replace(status=ExecutionStatus.PAUSED)
    assert kinds(grant(play)) == ["SlotsRequested"]
    after = play.state.slots.claims["t"]
    assert (after.since, after.granted, after.seq > before.seq) == (before.since, False, True)
    unit = rows_of_last(play)
    assert (unit.closed_slots, [row.state for row in unit.slots]) == ([("x", "t")], ["waiting"])


def test_states_with_slots_come_back_from_their_snapshots() -> None:
    play = limited(task("t"), task("u"), concurrency=Concurrency(3), limited=True)
    play.request("slots", path="", seq=2, granted=True)
    grant(play)
    assert load(play.graph, dump(play.state)) == play.state
    assert [(row.path, row.state) for row in slot_rows(play.state, "n")] == [
        ("", "held"),
        ("t", "held"),
        ("u", "waiting"),
    ]


def test_an_unlimited_execution_has_no_gate() -> None:
    play = Play(graph(task("t")), gate=None)
    assert play.flying == {"t": 1} and play.state.slots is NO_SLOTS
