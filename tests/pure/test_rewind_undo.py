"""What can be undone goes over to the execution that goes on in the place of another, if it is asked for."""

from dataclasses import replace
from random import Random
from typing import Any

import pytest
from building import ASKED, SOME, UNDONE, Play, composite, each, graph, mapped, order, scope, task
from checking import agree
from hypothesis import given, settings
from pydantic_core import from_json
from test_rewind import FREE, SEEDS, Continued, Lively
from test_rewind_rules import Onwards, back, origin, refused
from test_undo import begun
from test_undo_laws import beside, counters_agree

from harmonia_core.engine import rewind_undo
from harmonia_core.engine.rewind import (
    AtSeq,
    Changes,
    FromTasks,
    Origin,
    RewindRefused,
    Rewound,
    placed,
    rewind,
)
from harmonia_core.engine.rolling import blobs_in, restored
from harmonia_core.model.addresses import undone_by
from harmonia_core.model.events import Event
from harmonia_core.model.graph import Graph, Jump, Rule
from harmonia_core.model.refs import BlobRef, ItemsRef
from harmonia_core.model.snapshot import dump
from harmonia_core.model.state import begin
from harmonia_core.model.statuses import FINAL_TASK, ExecutionStatus, TaskStatus

ADOPT = Changes(adopt_compensation=True)
ASKING = replace(UNDONE, input=ASKED)


def book(*more: Any, word: Any = "compensate", **fields: Any) -> Graph:
    """Return a workflow that pays and books, then does something else."""
    tasks = (task("pay", undo=ASKING), task("room", "pay", undo=ASKING), *(more or (task("tell", "room"),)))
    return graph(*tasks, on_failure=word, **fields)


ANSWERS = {("pay", "undo"): {"back": 7}, ("room", "undo"): {"free": 3}}
NEW = book(task("check", "room"), task("tell", "check"), vars={"version": 2})


def booked(answers: Any = ANSWERS, **more: Any) -> Play:
    """Return an execution that has paid and booked."""
    play = Play(book(), answers, **more)
    play.end("pay", output="P-1")
    play.end("room", output=12)
    return play


def adopted(play: Play, of: Graph | None = NEW) -> Rewound:
    """Return what goes on from where an execution stands, with what that could undo."""
    rewound = back(play, AtSeq(play.state.seq), ADOPT, of)
    counters_agree(rewound.state)
    return rewound


def test_what_was_done_is_undone_by_the_one_that_goes_on() -> None:
    rewound = adopted(booked())
    assert (rewound.adopted, rewound.abandoned) == (("pay", "room"), ())
    on = Onwards(rewound)
    on.fail("check")
    assert set(on.flying) == {"room~undo"} and on.task("room~undo").input == {"free": 3}
    on.end("room~undo")
    assert set(on.flying) == {"pay~undo"} and on.task("pay~undo").input == {"back": 7}
    on.end("pay~undo")
    assert on.state.status is ExecutionStatus.COMPENSATED and begun(on) == ["room~undo", "pay~undo"]


def test_without_adoption_it_is_said_what_nobody_will_undo() -> None:
    play = booked()
    rewound = back(play, AtSeq(play.state.seq), of=NEW)
    assert (rewound.adopted, rewound.abandoned) == ((), ("pay", "room"))
    on = Onwards(rewound)
    on.fail("check")
    assert on.state.status is ExecutionStatus.FAILED and not begun(on)


def test_what_is_written_is_read_again() -> None:
    state = adopted(booked()).state
    assert restored(NEW, "y", from_json(dump(state))).undo == state.undo


def test_own_work_is_undone_before_what_was_taken_over() -> None:
    new = book(task("car", "room", undo=UNDONE), task("tell", "car"))
    on = Onwards(adopted(booked(), new))
    on.end("car")
    on.fail("tell")
    for path in ("car~undo", "room~undo", "pay~undo"):
        on.end(path)
    assert begun(on) == ["car~undo", "room~undo", "pay~undo"]


def test_what_is_taken_over_can_be_taken_over_again() -> None:
    first = Onwards(adopted(booked()))
    first.end("check")
    past = Origin(NEW, first._state, tuple(first.log))
    rewound = rewind(past, AtSeq(first.state.seq), ADOPT, replace(NEW, version="3"))
    assert rewound.adopted == ("pay", "room")


def test_a_task_in_flight_gets_its_entry_when_it_has_run_again() -> None:
    play = Play(book(), ANSWERS)
    play.end("pay")
    rewound = adopted(play)
    assert rewound.adopted == ("pay",) and "room" in rewound.again
    on = Onwards(rewound, ANSWERS)
    on.end("room")
    on.fail("check")
    on.end("room~undo")
    on.end("pay~undo")
    assert begun(on) == ["room~undo", "pay~undo"] and on.state.undo.length == 2


def test_an_undo_that_is_gone_or_another_is_refused_with_everything_else() -> None:
    play = booked()
    here = AtSeq(play.state.seq)
    without = graph(task("pay"), task("tell", "pay"))
    assert refused(play, here, ADOPT, without) == {
        ("undo-removed", "pay"),
        ("undo-removed", "room"),
    }
    other = graph(task("pay", undo=replace(UNDONE, type="other")), task("room", "pay", undo=UNDONE))
    assert refused(play, here, ADOPT, other) == {("undo-changed", "pay"), ("removed", "tell")}
    assert back(play, here, of=without).abandoned == ("pay", "room")


def test_what_is_being_undone_is_not_taken_over() -> None:
    play = booked()
    play.fail("tell")
    assert set(play.flying) == {"room~undo"}
    assert ("undo-under-way", "") in refused(play, AtSeq(play.state.seq), ADOPT, NEW)
    group = composite("g", inside=scope(task("a", undo=UNDONE), task("b", "a")), on_failure="compensate")
    play = Play(graph(group, task("z", "g")))
    play.end("g/a")
    play.fail("g/b")
    assert refused(play, AtSeq(play.state.seq), ADOPT, replace(play.graph)) == {("undo-under-way", "g")}


def test_what_somebody_wants_undone_is_not_taken_over() -> None:
    play = booked()
    play.arrive(play.requested("undo", reason="enough"))
    assert ("undo-under-way", "") in refused(play, AtSeq(play.state.seq), ADOPT, NEW)


def test_what_has_been_undone_since_is_not_taken_over() -> None:
    play = booked()
    here = AtSeq(play.state.seq)
    play.fail("tell")
    play.end("room~undo")
    play.end("pay~undo")
    rewound = back(play, here, ADOPT)
    assert rewound.undone == ("pay", "room") and not rewound.adopted and not rewound.state.undo.standing


def test_an_undo_whose_input_is_not_known_yet_is_owed_by_the_one_that_goes_on() -> None:
    play = booked(slow=[("room", "undo")])
    assert [one.path for one in play.state.undo.owed] == ["room"]
    rewound = adopted(play)
    assert rewound.adopted == ("pay", "room")
    on = Onwards(rewound, ANSWERS)
    on.arrive()
    on.fail("check")
    assert on.task("room~undo").input == {"free": 3} and on.state.undo.length == 2


def test_an_owed_list_of_outputs_outlives_its_origin() -> None:
    old = graph(mapped("m", undo=ASKING), task("z", "m"), on_failure="compensate")
    play = Play(old, {("m", "input"): {"items": [1, 2]}}, slow=[("m", "undo")])
    play.end("m[0]")
    play.end("m[1]")
    assert type(play.state.undo.owed[0].output) is ItemsRef
    rewound = adopted(play, replace(old, version="2"))
    kept = placed(rewound, {need.path: BlobRef("sha256:kept", 1) for need in rewound.needs}).state
    assert kept.undo.owed[0].output == BlobRef("sha256:kept", 1)


def test_large_inputs_stay_referred_to() -> None:
    play = booked({**ANSWERS, ("pay", "undo"): {"long": "x" * 500}}, inline_limit=100)
    state = adopted(play).state
    found = state.undo.entry(1).task.input
    assert type(found) is BlobRef and found in set(blobs_in(state))


def test_the_entries_of_a_composite_that_goes_on_lie_in_it() -> None:
    inside = scope(task("a", undo=UNDONE), task("b", "a"))
    old = graph(
        task("pay", undo=UNDONE), composite("g", "pay", inside=inside, on_failure="compensate", undo=UNDONE)
    )
    play = Play(old)
    play.end("pay")
    play.end("g/a")
    rewound = adopted(play, replace(old, version="2"))
    assert dict(rewound.state.undo.since) == {"g": 1}
    on = Onwards(rewound)
    on.fail("g/b")
    on.end("g/a~undo")
    assert begun(on) == ["g/a~undo"] and on.task("g").status is TaskStatus.FAILED
    on = Onwards(rewound)
    on.end("g/b")
    assert [entry.task.status.value for _, entry in on.state.undo.entries()] == ["ready", "skipped", "ready"]


def test_a_composite_of_a_fork_undoes_what_the_fork_has_done_in_it() -> None:
    inside = scope(task("a", undo=UNDONE), task("b", "a", undo=UNDONE), task("c", "b"))
    play = Play(graph(composite("g", inside=inside, on_failure="compensate"), on_failure="fail"))
    play.end("g/a")
    on = Onwards(back(play, AtSeq(play.state.seq)))
    on.end("g/b")
    on.fail("g/c")
    assert set(on.flying) == {"g/b~undo"}


def test_items_and_rounds_are_taken_over() -> None:
    again = Rule((Jump(0, SOME), Jump(None)))
    loop = scope(task("s", undo=UNDONE), order=order(again), repeats=True)
    old = graph(mapped("m", item=each(undo=UNDONE), window=2), composite("l", "m", inside=loop))
    answers = {("m", "input"): {"items": [1, 2, 3]}, ("l[]/s", "then"): 0}
    play = Play(old, answers)
    play.end("m[1]")
    play.end("m[0]")
    assert adopted(play, replace(old, version="2")).adopted == ("m[1]", "m[0]")
    play.end("m[2]")
    play.end("l[0]/s")
    play.end("l[1]/s")
    assert adopted(play, replace(old, version="2")).adopted == ("m[1]", "m[0]", "m[2]", "l[0]/s", "l[1]/s")


def test_what_runs_again_is_not_taken_over() -> None:
    play = booked()
    rewound = rewind(origin(play), FromTasks(("room",)), ADOPT)
    assert (rewound.adopted, rewound.abandoned) == (("pay",), ("room",))
    assert "room" in {one.path for one in rewound.repeats}


def undone_in_order(life: Lively) -> list[str]:
    """Return what was undone, or needed a person for that, in the order in which that began."""
    paths = (undone_by(getattr(record.event, "path", "")) for record in life.log)
    return list(dict.fromkeys(path for path in paths if path is not None))


class Undone(Continued):
    """A life that goes on from the past of another one, only to be undone."""

    def arrive(self, *arrivals: Any, only_record: bool = False) -> list[Event]:
        if self.log or self.state.seq:
            return super().arrive(*arrivals, only_record=only_record)
        self.state = self._base._replace(status=ExecutionStatus.RUNNING)
        return Lively.arrive(self, self.requested("undo", reason="enough"))


@settings(max_examples=60, **FREE)
@given(SEEDS)
def test_the_same_is_undone_in_the_same_order_with_and_without_an_upgrade(seed: int) -> None:
    same_with_and_without(seed)


def same_with_and_without(seed: int) -> int:
    """Upgrade a drawn life to itself, undo both; return how many entries were taken over."""
    random = Random(seed)
    life = Lively(random)
    life.live(random.randint(2, 30))
    undo = life.state.undo
    if life.final or undo.open or undo.wanted or life.state.cancelling or not undo.standing:
        return 0
    past = Origin(life.graph, begin(life.graph, "x"), tuple(life.log))
    try:
        rewound = rewind(past, AtSeq(life.state.seq), ADOPT, replace(life.graph, version="2"))
    except RewindRefused:
        return 0
    agree(rewound.state)
    counters_agree(rewound.state)
    order = [entry.path for _, entry in rewound.state.undo.entries()]
    assert order == [entry.path for _, entry in undo.entries() if entry.path in rewound.adopted]
    standing = {entry.path for _, entry in undo.entries() if entry.task.status not in FINAL_TASK}
    assert {*rewound.adopted, *rewound.abandoned} == standing | {owed.path for owed in undo.owed}
    life.request("undo", reason="enough")
    for one in (life, Undone(life, rewound)):
        one.finish()
        assert one.state.status is ExecutionStatus.COMPENSATED and not one.state.undo.standing
        found = [path for path in undone_in_order(one) if path in order]
        entries = {entry.path: entry.task for _, entry in one.state.undo.entries()}
        # What a composite stands for that has succeeded since is undone with it.
        assert set(order) - set(found) == {path for path in order if entries[path].reason == "replaced"}
        for number, path in enumerate(found):
            younger = [other for other in found[number + 1 :] if order.index(other) > order.index(path)]
            assert all(beside(path, other) for other in younger), (found, order)
    return len(order)


def test_lives_take_something_over() -> None:
    assert sum(same_with_and_without(seed) for seed in range(100)) > 20


def test_the_law_notices_entries_out_of_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        rewind_undo.Takeover, "entries", property(lambda self: tuple.__getitem__(self, 0)[::-1])
    )
    with pytest.raises(AssertionError):
        for seed in range(60):
            same_with_and_without(seed)


@pytest.mark.parametrize("on", ["fail", "compensate"])
def test_what_was_undone_inside_something_that_failed_runs_again(on: Any) -> None:
    inside = scope(task("a", undo=UNDONE), task("b", "a"), task("d"))
    play = Play(graph(composite("g", inside=inside, on_failure=on), on_failure="compensate"))
    play.end("g/a")
    play.end("g/d")
    play.fail("g/b")
    play.end("g/a~undo")
    assert play.state.status in (ExecutionStatus.COMPENSATED, ExecutionStatus.FAILED)
    rewound = back(play, FromTasks())
    assert rewound.undone == ("g/a",) and set(rewound.again) == {"g/a", "g/b"} and rewound.reused == ("g/d",)
