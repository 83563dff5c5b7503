"""Maps and loops of any length keep the state of an execution small: what has ended leaves it."""

from collections.abc import Mapping
from typing import Any

import pytest

from harmonia_core import task_type
from harmonia_core.host import KernelSettings
from harmonia_core.model.snapshot import dump
from harmonia_core.model.state import ExecutionState, GraphState, TaskState
from harmonia_core.testing.harness import Harness

LONG = "x" * 200
QUICK: dict[str, Any] = {}
SLOW = {"inline_limit": 100, "quick_limit": 50}
"""Settings under which `LONG` is kept beside the log, and what reads it is asked beside the core."""


@task_type("give")
async def give(ctx: Any, input: Any) -> Any:
    """Give back what was given."""
    return input


def in_scope(scope: GraphState) -> int:
    """Count the tasks that a scope holds, at any depth."""
    return sum(in_task(task) for page in scope.pages for task in page)


def in_task(task: TaskState) -> int:
    """Count a task and those that it holds."""
    items = task.items.flight.values() if task.items is not None else ()
    inside = in_scope(task.inside.graph) if task.inside is not None else 0
    return 1 + inside + sum(map(in_task, items))


class Largest:
    """Hold the most that any state held: tasks, questions and answers, bytes of a snapshot.

    snapshots: the seqs at which one was taken.
    """

    def __init__(self) -> None:
        self.tasks = self.asked = self.bytes = self.states = 0
        self.snapshots: set[int] = set()

    def see(self, state: ExecutionState, snapshot: int) -> None:
        """Look at one more state, and at the seq of its execution's last snapshot, 0 before the first."""
        self.snapshots |= {snapshot} if snapshot else set()
        self.states += 1
        self.tasks = max(self.tasks, in_scope(state.scope))
        self.asked = max(self.asked, len(state.asks) + len(state.answers))
        self.bytes = max(self.bytes, len(dump(state)))


async def largest(task: Mapping[str, Any], settings: Mapping[str, Any], read: str, last: int) -> Largest:
    """Run one task, and look at the state after every commit. read, last: what must stand in the output."""
    found = Largest()
    definition = {"name": "w", "tasks": {"t": task}, "output": f"${{tasks.t.{read}}}"}
    async with Harness(give, settings=KernelSettings(**settings)) as h:
        lives = h.engine._driver.lives

        def look(recorded: Any) -> None:
            for live in lives.values():
                found.see(live.state, live.snapshot)

        h.engine.view(look)
        ended = await h.run(definition)
    assert (ended["status"], ended["output"]) == ("completed", last)
    return found


def rows(count: int) -> dict[str, Any]:
    """Return a map of groups, each of two tasks of which one reads the other; three items at a time."""
    group = {
        "type": "group",
        "tasks": {
            "first": {"type": "give", "input": {"number": "${item}", "text": LONG}},
            "second": {
                "type": "give",
                "depends_on": "first",
                "input": "${tasks.first.output.text == '' ? -1 : tasks.first.output.number}",
            },
        },
        "output": "${tasks.second.output}",
    }
    return {"type": "map", "input": {"range": {"stop": count}}, "max_concurrency": 3, "task": group}


def tries(count: int) -> dict[str, Any]:
    """Return a loop of so many rounds over a sequence of two steps, of which one reads the other."""
    steps = [
        {"id": "first", "type": "give", "input": {"number": "${index}", "text": LONG}},
        {
            "id": "second",
            "type": "give",
            "input": "${tasks.first.output.text == '' ? -1 : tasks.first.output.number}",
        },
    ]
    return {"type": "loop", "times": count, "steps": steps}


@pytest.mark.parametrize("settings", [QUICK, SLOW], ids=["quick", "slow"])
async def test_a_map_holds_the_items_in_its_window_only(settings: dict[str, Any]) -> None:
    """Each of the three items is a group of two; the map itself is one more."""
    few = await largest(rows(6), settings, "output[5]", 5)
    many = await largest(rows(60), settings, "output[59]", 59)
    assert many.states > few.states
    assert few.tasks == many.tasks == 1 + 3 * 3
    assert max(few.asked, many.asked) <= 3 * 3
    # One byte an item stays, and the numbers become longer.
    assert many.bytes - few.bytes < 5 * (60 - 6)


@pytest.mark.parametrize("settings", [QUICK, SLOW], ids=["quick", "slow"])
async def test_a_loop_holds_one_round_only(settings: dict[str, Any]) -> None:
    """The loop, its body and the two steps in it."""
    few = await largest(tries(4), settings, "output", 3)
    many = await largest(tries(40), settings, "output", 39)
    assert many.states > few.states
    assert few.tasks == many.tasks == 1 + 1 + 2
    assert max(few.asked, many.asked) <= 2
    assert many.bytes - few.bytes < 40


async def test_a_snapshot_weighs_the_tasks_inside_too() -> None:
    """A chain of 40 inside a group is 80 events, as many as its 41 tasks weigh; a loop holds four at most."""
    text = {"type": "give", "input": {"number": 1}}
    wide = {f"t{n}": {**text, "depends_on": [f"t{n - 1}"] if n else []} for n in range(40)}
    group = {"type": "group", "tasks": wide, "output": 1}
    rare = await largest(group, {"snapshot_every": 10}, "output", 1)
    assert rare.states > 40 and len(rare.snapshots) <= 1
    often = await largest(tries(20), {"snapshot_every": 10}, "output", 19)
    assert len(often.snapshots) > 4
