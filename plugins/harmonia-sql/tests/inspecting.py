"""What the checks of both databases share: an execution that has ended, and what is found wrong with it."""

from harmonia_core.host import Inspector
from harmonia_core.testing.harness import Harness

WORK = {
    "name": "w",
    "tasks": {
        "a": {"type": "noop"},
        "m": {"type": "map", "input": {"items": list(range(3))}, "task": {"type": "noop"}},
        "w": {"type": "wait", "input": {"duration": 5}, "depends_on": ["a"]},
    },
}


def inspector(harness):
    return Inspector(harness.engine.backend, harness.engine.plugins, harness.engine.settings)


async def found(harness, but=""):
    """Return (code, place) of what a check of the store and of its executions finds, one code left out."""
    problems = [one for one in await inspector(harness).verify() if one.code != but]
    async for report in inspector(harness).check(deep=True):
        problems += report.problems
    return sorted((one.code, one.path) for one in problems)


async def end_one(url, but=""):
    """Run an execution to its end and find nothing wrong with it; return its id."""
    async with Harness(url=url) as harness:
        view = await harness.run(WORK)
        assert view["status"] == "completed" and await found(harness, but) == []
    return view["id"]
