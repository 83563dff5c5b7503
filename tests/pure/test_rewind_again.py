"""Going on from what itself went on from another execution: what its own log knows, and what it does not."""

from typing import Any

import pytest
from building import ASKED, ONCE_MORE, SOME, Play, composite, each, graph, mapped, scope, task
from test_rewind_rules import back, ended_map, loop, origin

from harmonia_core.engine import rewind_past
from harmonia_core.engine.rewind import AtSeq, FromTasks, Origin, RewindRefused, Rewound, placed, rewind
from harmonia_core.engine.rewind_parts import failed_inside
from harmonia_core.engine.rewind_past import Past
from harmonia_core.model.graph import Graph, Reduce, RetryPolicy
from harmonia_core.model.refs import BlobRef, ItemsRef
from harmonia_core.model.state import TaskState


def child(play: Play, *paths: str) -> Origin:
    """Return the past of an execution that goes on from another one and has done nothing yet."""
    rewound = back(play, FromTasks(paths))
    return Origin(play.graph, rewound.state, ())


def refused(past: Origin, *paths: str) -> set[tuple[str, str]]:
    """Return why it cannot be gone on from there."""
    with pytest.raises(RewindRefused) as found:
        rewind(past, FromTasks(paths))
    return {(one.code, one.path) for one in found.value.problems}


def test_items_that_ended_elsewhere_run_again_as_a_whole_only() -> None:
    item = each("composite", kernel=True, scope=scope(task("a"), task("b", "a")))
    of = graph(mapped("m", item=item), task("after", "m"))
    play = Play(of, {("m", "input"): {"items": [1, 2]}})
    for path in ("m[0]/a", "m[1]/a", "m[0]/b", "m[1]/b", "after"):
        play.end(path)
    past = child(play, "after")
    assert refused(past, "m[0]/b") == {("not-in-this-log", "m[0]")}
    assert rewind(past, FromTasks(("m[0]",))).again == ("m[0]", "after")


def test_outputs_of_items_are_found_where_they_are_kept() -> None:
    [need] = rewind(child(ended_map(), "after"), FromTasks(("m[2]",))).needs
    assert (need.ref, need.indexes) == (ItemsRef("m", 4, "x"), (0, 1, 3))
    rewound = back(ended_map(), FromTasks(("after",)))
    state = placed(rewound, {one.path: BlobRef("sha256:all", 9) for one in rewound.needs}).state
    past = Origin(state.graph, state, ())
    [need] = rewind(past, FromTasks(("m[2]",))).needs
    assert (need.ref, need.indexes) == (BlobRef("sha256:all", 9), (0, 1, 3))


def test_items_that_were_reduced_elsewhere_cannot_run_again_one_by_one() -> None:
    play = ended_map(reduce=Reduce(ASKED, SOME))
    assert refused(child(play, "after"), "m[2]") == {("not-in-this-log", "m")}


def test_a_round_that_began_elsewhere_is_begun_again_only_from_its_first_step() -> None:
    play = loop()
    first = child(play, "loop[1]/a")
    assert rewind(first, FromTasks(("loop[1]",))).again[0].startswith("loop[1]/")
    middle = child(play, "loop[1]/keep")
    assert refused(middle, "loop[1]") == {("not-in-this-log", "loop, round 1")}
    assert refused(middle, "loop[0]/a") == {("not-in-this-log", "loop[1]/a")}


def test_results_of_an_attempt_that_was_given_up_are_not_reused() -> None:
    inside = scope(task("a"), task("b", "a"), repeats=True)
    play = Play(graph(composite("g", inside=inside, retry=RetryPolicy(1, 1.0, jitter=0.0))))
    play.end("g[0]/a")
    play.fail("g[0]/b")
    play.due("g", "retry")
    play.end("g[1]/a")
    past = Past(origin(play), None)
    assert not past.reused("g[0]/a") and past.reused("g[1]/a")


def test_a_long_past_is_looked_at_from_its_nearest_state(monkeypatch: pytest.MonkeyPatch) -> None:
    play = ended_map(width=6)
    whole = back(play, FromTasks(("m[3]",)))
    monkeypatch.setattr(rewind_past, "EVERY", 2)
    again = back(play, FromTasks(("m[3]",)))
    assert (again.state, again.again, again.reused) == (whole.state, whole.again, whole.reused)


def test_a_race_that_is_won_is_gone_on_from_with_its_winner() -> None:
    play = Play(graph(composite("r", inside=scope(task("a"), task("b"), enough=1)), task("z", "r")))
    play.end("r/a")
    stopped = next(one.seq for one in play.log if type(one.event).__name__ == "ScopeStopped")
    rewound = back(play, AtSeq(stopped))
    assert "z" in rewound.again


def test_what_waits_for_another_try_maps_onto_another_version() -> None:
    play = Play(graph(task("a", retry=ONCE_MORE), task("b", "a")))
    play.fail("a")
    other = graph(task("a", retry=ONCE_MORE), task("c", "a"))
    rewound = back(play, AtSeq(play.state.seq), of=other)
    assert isinstance(rewound, Rewound) and set(rewound.again) == {"a", "c"}


def test_a_composite_under_way_is_no_plain_task_of_the_same_type() -> None:
    inside = scope(task("a"), task("b", "a"))
    play = Play(graph(task("c", type="own", kernel=True, scope=inside)))
    play.end("c/a")
    with pytest.raises(RewindRefused) as found:
        back(play, AtSeq(play.state.seq), of=graph(task("c", type="own")))
    assert [(one.code, one.path) for one in found.value.problems] == [("structure-changed", "c")]


def test_only_what_holds_tasks_can_have_failed_inside() -> None:
    of: Graph = graph(task("a"))
    state: Any = TaskState()
    assert not failed_inside(of.root.tasks[0], state)
