"""In a state that an execution begins with, maps and composites under way have their whole time."""

from collections.abc import Iterable
from typing import Any

from building import Play, composite, each, graph, mapped, scope, task

from harmonia_core.engine.rewind import AtSeq, Origin, rewind
from harmonia_core.engine.rewind_times import timed
from harmonia_core.engine.walks import begun
from harmonia_core.model.graph import Graph
from harmonia_core.model.state import PAGE, begin


def deadlines(of: Graph, answers: Any = None, ends: Iterable[str] = ()) -> dict[str, float | None]:
    """Return what a fork of an execution under way has, begun at 100, by path."""
    play = Play(of, answers)
    for path in ends:
        play.end(path)
    origin = Origin(of, begin(of, "x"), tuple(play.log))
    state = timed(rewind(origin, AtSeq(play.state.seq)).state, 100.0)
    return {path: one.total_deadline for path, one in begun(of, state)}


def test_composites_have_it_at_any_depth_and_plain_tasks_begin_anew() -> None:
    inner = composite("inner", inside=scope(task("a", total_timeout=1.0)), total_timeout=7.0)
    free = composite("free", inside=scope(inner))
    found = deadlines(
        graph(composite("outer", inside=scope(free), total_timeout=30.0), task("b", total_timeout=2.0))
    )
    assert found == {"outer": 130.0, "outer/free": None, "outer/free/inner": 107.0}


def test_a_map_has_it_and_each_of_its_items() -> None:
    item = each("composite", kernel=True, scope=scope(task("a"), task("b", "a")), total_timeout=5.0)
    of = graph(mapped("m", item=item, window=2, total_timeout=20.0), mapped("free"))
    answers = {("m", "input"): {"items": [1, 2, 3]}, ("free", "input"): {"items": [1]}}
    found = deadlines(of, answers, ["m[0]/a"])
    assert found == {"m": 120.0, "m[0]": 105.0, "m[1]": 105.0, "free": None}


def test_a_task_far_down_the_pages_has_it_and_its_neighbours_stay_as_they_are() -> None:
    many = [task(f"t{number}") for number in range(PAGE + 1)]
    last = composite("last", inside=scope(task("a")), total_timeout=7.0)
    of = graph(*many, composite("first", inside=scope(task("a")), total_timeout=5.0), last)
    ends = [f"t{number}" for number in range(PAGE + 1)]
    assert deadlines(of, None, ends) == {"first": 105.0, "last": 107.0}
    play = Play(of)
    for path in ends:
        play.end(path)
    state = timed(play.state, 1.0)
    assert [state.task(path) for path in ends] == [play.state.task(path) for path in ends]
