"""An execution goes on by another version of its definition, or it is said what does not map."""

from dataclasses import replace
from random import Random
from typing import Any

import pytest
from building import ASKED, SOME, Play, composite, each, graph, mapped, order, scope, task
from checking import agree
from hypothesis import given, settings
from test_rewind import FREE, SEEDS, lived
from test_rewind_rules import Onwards, back, refused, stands

from harmonia_core.engine.rewind import AtSeq, Changes, FromTasks, rewind
from harmonia_core.model.graph import Graph, Jump, Rule
from harmonia_core.model.state import TaskState

PLAIN = (task("a"), task("b", "a"), task("c", "b"))


def paused(*ended: str, of: Graph | None = None, answers: Any = None) -> Play:
    """Return an execution in which some tasks have ended, and the next is under way."""
    play = Play(of or graph(*PLAIN), answers)
    for path in ended:
        play.end(path, output=path)
    return play


def here(play: Play) -> AtSeq:
    """Return the point that an execution has come to."""
    return AtSeq(play.state.seq)


def test_a_task_that_is_inserted_is_carried_out_in_its_place() -> None:
    play = paused("a")
    new = graph(task("a"), task("check", "a"), task("b", "check"), task("c", "b"), task("tell", "a"))
    rewound = back(play, here(play), of=new)
    assert rewound.reused == ("a",) and {"check", "b", "c", "tell"} == set(rewound.again)
    assert rewound.state.graph is new and stands(rewound, "a").output == "a"
    on = Onwards(rewound)
    for path in ("check", "tell", "b", "c"):
        on.end(path)
    assert on.final and on.state.status == "completed"


def test_a_task_that_comes_too_late_is_refused() -> None:
    play = paused("a", "b")
    new = graph(task("check"), task("a", "check"), task("b", "a"), task("c", "b"))
    assert refused(play, here(play), of=new) == {("inserted-too-late", "check")}
    again = back(play, FromTasks(("a",)), of=new)
    assert set(again.again) == {"a", "b", "c", "check"}
    any_ = graph(task("check"), task("a"), task("b", "a", "check"), task("c", "b"))
    assert refused(play, here(play), of=any_) == {("inserted-too-late", "check")}


def test_what_is_removed_or_of_another_type_is_said() -> None:
    play = paused("a")
    without_a = graph(task("b"), task("c", "b"))
    assert back(play, here(play), of=without_a).dropped == ("a",)
    without_b = graph(task("a"), task("c", "a"))
    assert refused(play, here(play), of=without_b) == {("removed", "b")}
    other = graph(task("a", type="noop", kernel=True), task("b", "a", type="other"), task("c", "b"))
    assert refused(play, here(play), of=other) == {("type-changed", "a"), ("type-changed", "b")}
    assert back(play, FromTasks(("a",)), of=other).reused == ()


def test_what_was_skipped_is_looked_at_again_if_what_led_to_it_is_new() -> None:
    old = graph(task("a", when=SOME), task("b", "a"), task("z"))
    play = Play(old, {("a", "when"): False})
    assert play.task("b").status == "skipped"
    new = graph(task("n"), task("a", "n", when=SOME), task("b", "a"), task("z"))
    rewound = back(play, here(play), of=new)
    assert stands(rewound, "a") == stands(rewound, "b") == TaskState()
    same = graph(task("a", when=SOME), task("b", "a"), task("z"), task("n"))
    assert stands(back(play, here(play), of=same), "b").status == "skipped"


def steps(*names: str, repeats: bool = False, **more: Any) -> Graph:
    """Return a sequence of tasks, perhaps one that goes round, with a variable."""
    rules = [Rule((Jump(n + 1 if n + 1 < len(names) else None),)) for n in range(len(names))]
    inside = scope(*(task(name) for name in names), order=order(*rules), repeats=repeats, **more)
    return graph(composite("s", inside=inside))


def test_a_sequence_goes_on_at_its_step() -> None:
    play = paused("s/a", of=steps("a", "b", vars={"x": 1, "gone": 2}))
    new = steps("a", "b", "c", vars={"x": 5, "y": 6})
    rewound = back(play, here(play), of=new)
    inside = stands(rewound, "s").inside
    assert inside is not None and dict(inside.vars) == {"x": 1, "y": 6} and inside.cursor == 1
    on = Onwards(rewound)
    on.end("s/b")
    assert set(on.flying) == {"s/c"}


@pytest.mark.parametrize(
    ("names", "problem"),
    [
        (("a", "n", "b"), ("inserted-too-late", "s/n")),
        (("a", "c"), ("removed", "s/b")),
        (("b", "a"), ("order-changed", "s/a")),
    ],
)
def test_a_sequence_that_has_passed_a_change_is_refused(names: tuple[str, ...], problem: Any) -> None:
    play = paused("s/a", of=steps("a", "b"))
    assert problem in refused(play, here(play), of=steps(*names))


def test_a_composite_under_way_maps_inside_or_is_refused() -> None:
    old = graph(composite("g", inside=scope(task("a"), task("b", "a"))))
    play = paused("g/a", of=old)
    new = graph(composite("g", inside=scope(task("a"), task("n", "a"), task("b", "n"))))
    assert set(back(play, here(play), of=new).again) == {"g/n", "g/b"}
    turned = graph(composite("g", inside=scope(task("a"), task("b"), order=order(Rule((Jump(1),)), Rule()))))
    assert refused(play, here(play), of=turned) == {("structure-changed", "g")}


def test_a_composite_that_has_ended_stays_and_forgets_what_lies_in_it() -> None:
    old = graph(composite("g", inside=scope(task("a"))), task("z", "g"))
    play = paused("g/a", of=old)
    new = graph(composite("g", inside=scope(task("a"), task("b"))), task("z", "g"))
    rewound = back(play, here(play), of=new)
    assert rewound.dropped == ("g/",) and stands(rewound, "g").inside is None and "g" in rewound.reused


def test_a_map_under_way_keeps_its_items_or_is_refused() -> None:
    def of(**more: Any) -> Graph:
        return graph(mapped("m", window=2, **more), task("z", "m"))

    play = paused("m[0]", of=of(), answers={("m", "input"): {"items": [1, 2, 3]}})
    rewound = back(play, here(play), of=of(enough=3))
    assert rewound.reused == ("m[0]",)
    assert refused(play, here(play), of=of(batch=2)) == {("structure-changed", "m")}
    assert refused(play, here(play), of=of(item=each("other"))) == {("type-changed", "m")}


def test_variables_of_the_workflow_follow_the_version() -> None:
    play = paused("a", of=graph(*PLAIN, vars={"v": 1}))
    new = graph(*PLAIN, task("n"), vars={"v": 3, "w": 2})
    rewound = back(play, here(play), Changes(vars={"w": 9}), of=new)
    assert dict(rewound.state.vars) == {"v": 1, "w": 9}


@settings(max_examples=25, **FREE)
@given(SEEDS)
def test_the_same_definition_as_another_version_changes_nothing(seed: int) -> None:
    drawn, store, life = lived(seed)
    random = Random(seed)
    seq = AtSeq(random.randint(1, len(life.log)))
    other = replace(drawn.graph, version="2")
    rewound = rewind(life.origin, seq, graph=other)
    agree(rewound.state)
    assert rewound.state._replace(graph=drawn.graph) == rewind(life.origin, seq).state
    assert drawn.again(rewound, store, random).finish().outcomes() == life.outcomes()


@settings(max_examples=25, **FREE)
@given(SEEDS)
def test_a_task_behind_everything_is_carried_out_in_the_new_version(seed: int) -> None:
    drawn, store, life = lived(seed)
    old, random = drawn.graph, Random(seed)
    last = replace(scope(task("x"), task("new", "x", input=ASKED)).tasks[1], index=len(old.root.tasks))
    first = old.root.tasks[0]
    first = replace(first, dependents=(*first.dependents, last.index))
    last = replace(last, depends_on=(0,))
    root = replace(
        old.root,
        tasks=(first, *old.root.tasks[1:], last),
        index={**old.root.index, "new": last.index},
    )
    rewound = rewind(life.origin, AtSeq(random.randint(1, len(life.log))), graph=replace(old, root=root))
    agree(rewound.state)
    again = drawn.again(rewound, store, random).finish()
    assert ("new" in again.ran()) is (again.statuses()["t0"] == "succeeded" or again.task("new").attempt > 0)
    shared = {node.id for node in old.root.tasks}
    assert {name: again.statuses()[name] for name in shared} == life.statuses()
