"""What another version means for executions that run: by path, with reasons."""

from typing import Any

import pytest

from harmonia_core.builtin.composites import COMPOSITES
from harmonia_core.builtin.control import TASK_TYPES
from harmonia_core.definitions.compatibility import Compatibility, compatibility
from harmonia_core.definitions.load import check_loaded, load_data
from harmonia_core.model.graph import Graph

TYPES = {kind.name: kind for kind in (*TASK_TYPES, *COMPOSITES)}
NOOP = {"type": "noop"}
OLD: dict[str, Any] = {
    "price": NOOP,
    "each": {"type": "map", "input": {"items": "${input.all}"}, "depends_on": "price", "task": NOOP},
    "book": {"type": "sequence", "steps": {"hold": NOOP, "pay": NOOP}},
    "again": {"type": "loop", "times": 2, "tasks": {"once": NOOP}},
}


def graph(tasks: Any) -> Graph:
    found = check_loaded(load_data({"name": "w", "tasks": tasks}), TYPES)
    assert found.graph is not None, found.problems
    return found.graph


def matched(tasks: Any, old: Any = OLD) -> Compatibility:
    return compatibility(graph(old), graph(tasks))


def rest(match: Compatibility) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(one.verdict, one.path, one.reasons) for one in match.tasks if one.verdict != "same"]


def test_what_is_the_same_maps_whole_down_to_items_steps_and_rounds() -> None:
    match = matched(OLD)
    assert match.maps and rest(match) == []
    assert [one.path for one in match.tasks] == [
        "price", "each", "each[]", "book", "book/hold", "book/pay", "again", "again[]/body",
        "again[]/body/once",
    ]  # fmt: skip
    assert match.as_json() == {"maps": True, "counts": {"same": 9}, "tasks": []}


@pytest.mark.parametrize(
    ("change", "maps", "found"),
    [
        ({"more": NOOP}, True, [("added", "more", ())]),
        ({"price": {"type": "fail", "input": {"error": "x"}}}, False,
         [("retyped", "price", ("it is of type 'fail', was of type 'noop'",))]),
        ({"price": {**NOOP, "total_timeout": 3, "input": {"a": 1}}}, True,
         [("changed", "price", ("its input is different", "its total timeout is different"))]),
        ({"book": {**OLD["book"], "depends_on": "price"}}, True,
         [("changed", "book", ("it waits for price",))]),
        ({"each": {**OLD["each"], "depends_on": []}}, True,
         [("changed", "each", ("it waits no more for price",))]),
        ({"book": {"type": "sequence", "steps": {"pay": NOOP, "hold": NOOP}}}, True,
         [("changed", "book", ("the way through what is inside is different",))]),
        ({"book": {"type": "group", "tasks": {"hold": NOOP, "pay": NOOP}}}, False,
         [("retyped", "book", ("it is of type 'group', a graph, was of type 'sequence', a sequence",))]),
        ({"book": {"type": "sequence", "steps": {"hold": NOOP}}}, False,
         [("missing", "book/pay", ("it is gone",))]),
        ({"again": {"type": "loop", "times": 2, "tasks": {"twice": NOOP}}}, False,
         [("missing", "again[]/body/once", ("it is gone",)), ("added", "again[]/body/twice", ())]),
    ],
)  # fmt: skip
def test_what_becomes_of_tasks(change: dict[str, Any], maps: bool, found: list[Any]) -> None:
    match = matched({**OLD, **change})
    assert (match.maps, rest(match)) == (maps, found)


def test_a_task_before_others_shifts_nothing() -> None:
    assert rest(matched({"first": NOOP, **OLD})) == [("added", "first", ())]
