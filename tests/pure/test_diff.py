"""Differences of states: the patch makes one of the other, and nothing is said only where nothing differs."""

from random import Random
from typing import Any

import jsonpatch
from building import BOOM, Play, composite, graph, mapped, order, scope, task
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic_core import from_json, to_json
from test_laws import Life

from harmonia_core.engine.diff import Difference, ItemPage, TaskChange, patch, same
from harmonia_core.engine.evolve import fold
from harmonia_core.engine.state_shapes import canonical_shape
from harmonia_core.engine.value_diff import MOST, value_changes
from harmonia_core.model.graph import Jump, Rule
from harmonia_core.model.state import ExecutionState

FREE = {"deadline": None, "suppress_health_check": list(HealthCheck)}


def whole(difference: Difference) -> list[TaskChange]:
    """Return all changes, without what the ends of items say."""
    found: list[TaskChange] = []

    def take(changes: Any) -> None:
        for one in changes:
            if isinstance(one, ItemPage):
                take(difference.items(one, {}, {}))
            else:
                found.append(one)

    take(difference.changes())
    return found


def differs(before: ExecutionState, after: ExecutionState) -> bool:
    difference = Difference(before, after, times=True)
    return bool(whole(difference)) or any(difference.rest().values())


@settings(max_examples=15, **FREE)
@given(st.randoms(use_true_random=False), st.integers(0, 30))
def test_a_patch_makes_one_state_of_another_and_a_diff_says_whether_there_is_one(
    random: Random, steps: int
) -> None:
    life = Life(random)
    life.live(steps)
    points = sorted(random.randint(1, len(life.log)) for _ in range(2))
    before, after = (fold(life.graph, "x", life.log[:point]) for point in points)
    old, new = (from_json(to_json(canonical_shape(state))) for state in (before, after))
    assert jsonpatch.apply_patch(old, from_json(to_json(patch(before, after)))) == new
    assert differs(before, after) is (to_json(old) != to_json(new))
    assert not differs(after, after)
    paths = [one.path for one in whole(Difference(before, after))]
    assert len(paths) == len(set(paths)), "a task is said once"


def rows(ends: int, width: int = 600, window: int = 3) -> Play:
    of = graph(mapped("rows", window=window))
    play = Play(of, {("rows", "input"): {"items": list(range(width))}})
    for index in range(ends):
        play.end(f"rows[{index}]", output=index)
    return play


def test_items_are_told_from_their_marks_and_from_those_in_flight() -> None:
    play = rows(2)
    before = play.state
    for index in (2, 3, 4, 5):
        play.end(f"rows[{index}]", "failed" if index == 5 else "succeeded", output=1)
    changes = whole(Difference(before, play.state))
    moved = {one.path: (one.kind, one.fields["status"]) for one in changes if one.path != "rows"}
    assert moved == {
        "rows[2]": ("changed", ("running", "succeeded")),
        "rows[3]": ("changed", ("running", "succeeded")),
        "rows[4]": ("changed", ("running", "succeeded")),
        "rows[5]": ("added", (None, "failed")),
        "rows[6]": ("added", (None, "running")),
        "rows[7]": ("added", (None, "running")),
    }
    assert [one.path for one in changes][:3] == ["rows", "rows[2]", "rows[3]"], "in order"


def test_pages_of_one_log_that_are_alike_are_not_looked_at_and_those_of_two_are() -> None:
    play = rows(300)
    before = play.state
    play.end("rows[300]", output=1)
    pages = [one for one in Difference(before, play.state).changes() if isinstance(one, ItemPage)]
    assert [(page.start, page.needed) for page in pages] == [(256, (300,))]
    other = rows(301).state._replace(execution_id="other")
    pages = [one for one in Difference(other, play.state).changes() if isinstance(one, ItemPage)]
    assert [(page.start, len(page.needed), page.stop) for page in pages] == [(0, 256, 256), (256, 45, 512)]
    difference = Difference(other, play.state)
    old, new = ({n: {"output": n, "attempt": 1} for n in range(256)} for _ in range(2))
    new[7] = {"output": "else", "attempt": 2}
    (change,) = list(difference.items(pages[0], old, new))
    assert isinstance(change, TaskChange)
    assert change.path == "rows[7]" and change.fields == {"output": (7, "else"), "attempt": (1, 2)}


def test_the_order_of_keys_says_nothing() -> None:
    assert same({"a": 1, "b": 2}, {"b": 2, "a": 1}) and not same({"a": 1}, {"a": True})


def test_a_task_that_only_one_side_has_is_added_or_removed_where_it_stood() -> None:
    one = Play(graph(task("a"), task("b", "a"), task("c", "b")))
    other = Play(graph(task("a"), task("n", "a"), task("c", "n")))
    changes = whole(Difference(one.state, other.state))
    assert [(change.path, change.kind) for change in changes] == [("b", "removed"), ("n", "added")]


def test_moments_count_only_when_asked_for() -> None:
    one, other = Play(graph(task("a"))), Play(graph(task("a")))
    other.now = 7.0
    one.end("a", output=1)
    other.end("a", output=1)
    assert not whole(Difference(one.state, other.state))
    assert [set(change.fields) for change in whole(Difference(one.state, other.state, times=True))] == [
        {"ended_at"}
    ]


def test_one_and_true_differ() -> None:
    one, other = Play(graph(task("a"))), Play(graph(task("a")))
    one.end("a", output=1)
    other.end("a", output=True)
    (change,) = whole(Difference(one.state, other.state))
    assert change.fields == {"output": (1, True)}


def test_rounds_of_a_sequence_are_other_tasks() -> None:
    again = Rule((Jump(0),))
    inside = scope(task("s"), order=order(again, limit=5), repeats=True)
    play = Play(graph(composite("loop", inside=inside)), {("loop[0]/s", "then"): 0})
    before = play.state
    play.end("loop[0]/s", output=1)
    kinds = {change.path: change.kind for change in whole(Difference(before, play.state))}
    assert kinds == {"loop[0]/s": "removed", "loop[1]/s": "added"} or kinds["loop"] == "changed"


def test_the_error_of_a_failed_task_is_said() -> None:
    play = Play(graph(task("a")))
    before = play.state
    play.end("a", "failed")
    (change,) = whole(Difference(before, play.state))
    assert change.fields["status"] == ("running", "failed")
    assert change.fields["error"] == (None, BOOM.as_json())
    assert Difference(before, play.state).rest()["execution"]["failed_tasks"]["after"] == ["a"]


def test_values_are_compared_by_place() -> None:
    old = {"user": {"name": "A", "age": 1}, "tags": [1, 2, 3, 4], "gone": None, "text": "a\nb\nc"}
    new = {"user": {"name": "B", "age": True}, "tags": [0, 1, 2, 3, 5], "odd key": 1, "text": "a\nB\nc"}
    changes, more = value_changes(old, new, "output")
    assert not more
    assert [(one.path, one.kind, one.before, one.after) for one in changes] == [
        ("output.user.name", "changed", "A", "B"),
        ("output.user.age", "changed", 1, True),
        ("output.tags[0]", "added", None, 0),
        ("output.tags[4]", "changed", 4, 5),
        ("output.gone", "removed", None, None),
        ("output.text", "changed", "a\nb\nc", "a\nB\nc"),
        ('output["odd key"]', "added", None, 1),
    ]
    assert changes[5].lines == ("@@ -1,3 +1,3 @@", " a", "-b", "+B", " c")


def test_of_very_many_differences_so_many_are_listed() -> None:
    changes, more = value_changes(list(range(5000)), list(range(1, 5001)), "output")
    assert len(changes) == MOST and more
    assert value_changes({"a": [1]}, {"a": [1]}, "output") == ([], False)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text("ab\n", max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("xy", max_size=2), inner, max_size=3),
    max_leaves=8,
)


@given(json_values, json_values)
def test_values_differ_exactly_where_something_is_listed(old: Any, new: Any) -> None:
    changes, _ = value_changes(old, new, "v")
    assert bool(changes) is (to_json(old, indent=0) != to_json(new, indent=0) and not _equal(old, new))


def _equal(old: Any, new: Any) -> bool:
    if isinstance(old, dict) and isinstance(new, dict):
        return old.keys() == new.keys() and all(_equal(old[key], new[key]) for key in old)
    if isinstance(old, list) and isinstance(new, list):
        return len(old) == len(new) and all(map(_equal, old, new))
    return type(old) is type(new) and bool(old == new)
