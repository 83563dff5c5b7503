"""Time passes only when nothing else happens: what takes none is never overtaken by what takes a little."""

from typing import Any

import anyio
import pytest

from harmonia_core import TaskContext, task_type
from harmonia_core.testing import Rehearsal, never, takes


def raced(*steps: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return a workflow in which steps that take no time race a thousandth of a second."""
    listed = [{"id": f"s{number}", **step} for number, step in enumerate(steps)]
    branches = {
        "quick": {"steps": listed},
        "clock": {"task": {"type": "wait", "input": {"duration": 0.001}}},
    }
    return {"name": "raced", "tasks": {"race": {"type": "race", "branches": branches}}, **more}


@task_type("threaded")
def threaded(ctx: TaskContext, input: Any) -> Any:
    """Work in a thread."""
    return {"n": sum(range(200_000))}


@task_type("awaiting")
async def awaiting(ctx: TaskContext, input: Any) -> Any:
    """Wait for real, on the loop."""
    await anyio.sleep(0.03)
    return {}


CHILD = {"name": "child", "tasks": {"a": {"type": "noop"}, "b": {"type": "noop", "depends_on": "a"}}}
PARENT = {"name": "parent", "tasks": {"c": {"type": "subworkflow", "workflow": "child"}}}
QUICK: dict[str, list[dict[str, Any]]] = {
    "kernel tasks": [{"type": "noop"}] * 5,
    "mocks": [{"type": "http", "input": {"url": "https://x.example"}}] * 5,
    "mocks that take none": [{"type": "shell", "input": {"command": ["true"]}}] * 3,
    "threads": [{"type": "threaded"}] * 2,
    "real waits": [{"type": "awaiting"}],
    "transform": [{"type": "transform", "input": {"value": [1]}}] * 3,
    "children": [{"type": "subworkflow", "workflow": CHILD}] * 3,
    "children by name": [{"type": "subworkflow", "workflow": "parent@^1"}] * 3,
    "messages": [
        {"type": "emit", "input": {"name": "told"}},
        {"type": "event", "input": {"name": "told"}},
    ],
    "large values": [
        {
            "type": "map",
            "input": {"range": {"stop": 400}},
            "task": {"type": "noop", "input": {"text": "x" * 4000}},
        },
        {"type": "noop", "input": {"n": "${size(tasks.s0.output)}"}},
    ],
    "folds": [
        {
            "type": "map",
            "input": {"range": {"stop": 600}},
            "task": {"type": "noop", "input": {"n": "${item}"}},
            "reduce": {"initial": 0, "value": "result + output.n"},
        }
    ],
    "limits": [{"type": "http", "input": {"url": "https://x.example"}, "limits": {"gpu": 1}}] * 3,
}  # fmt: skip


@pytest.mark.parametrize("what", QUICK)
def test_what_takes_no_time_is_not_overtaken(what: str) -> None:
    definition = raced(*QUICK[what])
    rehearsal = Rehearsal(definition, task_types=[threaded, awaiting], workflows=[CHILD, PARENT])
    rehearsal.mock_type("http", {"status": 200})
    rehearsal.mock_type("shell", lambda input: {"exit_code": 0})
    run = rehearsal.run()
    assert (run.status, run["race/clock"].status, run.took.total_seconds()) == (
        "completed",
        "cancelled",
        0,
    ), run


def test_resources_are_waited_for_if_the_test_says_how_much_there_is() -> None:
    call = {"type": "http", "input": {"url": "https://x.example"}, "limits": {"gpu": 1}}
    both = {"name": "both", "tasks": {"one": call, "two": call}}
    for resources, seconds in (({}, 60), ({"gpu": 1}, 120)):
        rehearsal = Rehearsal(both, resources=resources)
        rehearsal.mock_type("http", takes(60))
        assert rehearsal.run().took.total_seconds() == seconds


def test_decisions_and_messages_of_tests_are_not_overtaken() -> None:
    ask = {"type": "approval", "input": {"title": "?"}}
    hear = {"type": "event", "input": {"name": "heard"}}
    with Rehearsal(raced(ask, hear, ask)) as rehearsal:
        rehearsal.on("race/quick/s0").approve()
        rehearsal.on("s1").publish("heard")
        rehearsal.on("s2").reject()
        run = rehearsal.run()
    assert run.took.total_seconds() == 0 and run["race/clock"].status == "cancelled"


def test_two_executions_of_one_rehearsal_are_the_same() -> None:
    who = {"type": "noop", "input": {"id": "${context.execution}", "now": "${context.now}"}}
    rehearsal = Rehearsal(
        {"name": "same", "tasks": {"who": who, "part": {"type": "subworkflow", "workflow": CHILD}}}
    )
    one, two = rehearsal.run(), rehearsal.run()
    assert one.id == two.id and one["who"].output == two["who"].output
    assert str(one) == str(two)


def test_a_year_of_days_is_over_in_a_moment() -> None:
    year = {
        "name": "year",
        "tasks": {
            "days": {"type": "loop", "times": 365, "task": {"type": "wait", "input": {"duration": "P1D"}}}
        },
    }
    assert Rehearsal(year).run().took.days == 365


def test_an_attempt_that_never_ends_does_not_hold_up_the_others() -> None:
    both = {
        "name": "both",
        "tasks": {
            "hangs": {"type": "http", "input": {"url": "https://x.example"}},
            "waits": {"type": "wait", "input": {"duration": "P1D"}},
        },
    }
    rehearsal = Rehearsal(both)
    rehearsal.mock("hangs", never())
    run = rehearsal.run()
    assert (run.rest, run.waiting, run.took.days) == ("standstill", ["hangs"], 1)


def test_an_assertion_in_a_mock_fails_the_test() -> None:
    def answer(input: Any) -> Any:
        assert input["url"].endswith("/right")

    call = {
        "type": "http",
        "input": {"url": "https://x.example/wrong"},
        "catch": [{"task": {"type": "noop"}}],
    }
    rehearsal = Rehearsal({"name": "told", "tasks": {"call": call}})
    rehearsal.mock("call", answer)
    with pytest.raises(AssertionError):
        rehearsal.run()
