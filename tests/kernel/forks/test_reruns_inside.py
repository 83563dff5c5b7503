"""Re-runs from inside composites and maps, of chains and of what still goes on, on both stores."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

from harmonia_core import TaskContext, task_type
from harmonia_core.host import Inspector, KernelSettings
from harmonia_core.testing.harness import Harness

pytestmark = pytest.mark.anyio
CALLS: list[str] = []
FAIL: set[str] = set()
HOLD: set[str] = set()


@pytest.fixture(autouse=True)
def calls() -> Iterator[None]:
    for each in (CALLS, FAIL, HOLD):
        each.clear()
    yield


@task_type("count")
async def count(ctx: TaskContext, input: dict[str, Any]) -> Any:
    """Return one more than was given; fail at the paths in FAIL, never end at those in HOLD."""
    CALLS.append(ctx.path)
    if ctx.path in FAIL:
        raise ValueError(ctx.path)
    if ctx.path in HOLD:
        await anyio.sleep_forever()
    return {"n": input.get("n", 0) + 1}


def one(n: Any = 0, *after: str) -> dict[str, Any]:
    """Return a task that counts, behind others."""
    return {"type": "count", "input": {"n": n}, **({"depends_on": list(after)} if after else {})}


BRANCHES = {
    "left": {"tasks": {"a": one(), "b": one("${tasks.a.output.n}", "a")}},
    "right": {"tasks": {"c": one(), "d": one("${tasks.c.output.n}", "c")}},
}
DEFINITION = {
    "name": "inside", "timeout": 900,
    "tasks": {
        "first": one(),
        "both": {"type": "parallel", "depends_on": ["first"], "branches": BRANCHES},
        "each": {
            "type": "map", "depends_on": ["first"], "input": {"range": {"stop": 4}},
            "task": {"type": "count", "input": {"n": "${item}"}},
        },
        "last": one("${tasks.each.output[3].n}", "both", "each"),
    },
    "output": {
        "both": "${tasks.both.output}", "each": "${tasks.each.output}", "last": "${tasks.last.output.n}",
    },
}  # fmt: skip


@asynccontextmanager
async def harness(store: str, tmp_path: Path, **settings: Any) -> AsyncIterator[Harness]:
    """Run an engine on a store, and check that store at the end."""
    url = "memory://" if store == "memory" else f"sqlite:///{tmp_path}/one.db"
    async with Harness(count, url=url, settings=KernelSettings(cancel_grace=0.1, **settings)) as run:
        yield run
        inspector = Inspector(run.engine.backend, run.engine.plugins, run.engine.settings)
        assert [found.problems async for found in inspector.check(deep=True) if found.problems] == []
        assert await run.engine.backend.requests(None) == []


STORES = pytest.mark.parametrize("store", ["memory", "sqlite"])


@STORES
async def test_from_every_task_it_gives_the_same_output(store: str, tmp_path: Path) -> None:
    async with harness(store, tmp_path) as run:
        before = await run.run(DEFINITION)
        paths = [
            event["data"]["path"]
            for event in await run.events(before["id"])
            if event["type"] == "TaskSucceeded"
        ]
        assert len(paths) == len(set(paths)) >= 11
        for path in paths:
            CALLS.clear()
            found = await run.engine.rerun(before["id"], [path])
            again = [one for one in found.plan.rewound.again if one in paths]
            after = await run.finish(found.execution_id or "")
            assert (after["status"], after["output"]) == ("completed", before["output"]), path
            assert path in again or any(one.startswith(path) for one in again)
            assert len(CALLS) == len(set(CALLS)) < 9 or path == "first", (path, CALLS)


@STORES
async def test_what_failed_inside_runs_again_there_and_nowhere_else(store: str, tmp_path: Path) -> None:
    async with harness(store, tmp_path) as run:
        FAIL.update({"both/right/d", "each[2]"})
        before = await run.run(DEFINITION)
        assert before["status"] == "failed"
        FAIL.clear()
        CALLS.clear()
        found = await run.engine.rerun(before["id"])
        await run.engine.backend.prune([before["id"]])
        after = await run.finish(found.execution_id or "")
        assert after["status"] == "completed" and after["output"]["last"] == 5
        assert [output["n"] for output in after["output"]["each"]] == [1, 2, 3, 4]
        assert sorted(CALLS) == ["both/right/d", "each[2]", "last"]


@STORES
async def test_a_fork_of_what_still_runs_leaves_that_alone(store: str, tmp_path: Path) -> None:
    async with harness(store, tmp_path) as run:
        HOLD.add("both/right/c")
        before = await run.engine.start(DEFINITION)
        await run.seen(before, "TaskSucceeded", 8)
        HOLD.clear()
        CALLS.clear()
        found = await run.engine.fork(before)
        after = await run.finish(found.execution_id or "")
        assert after["status"] == "completed" and sorted(CALLS) == ["both/right/c", "both/right/d", "last"]
        assert (await run.engine.get(before))["status"] == "running"
        assert [repeat.path for repeat in found.plan.rewound.repeats] == ["both/right/c"]
        await run.engine.cancel(before)


def looping(rounds: int) -> dict[str, Any]:
    """Return a loop that counts in a variable, between a map that is read at the end and a task."""
    keep = {"type": "set", "input": {"sum": "${tasks.step.output.n}"}}
    steps = {"step": one("${vars.sum}"), "keep": keep}
    kept = {
        "type": "map",
        "input": {"range": {"stop": 3}},
        "task": {"type": "count", "input": {"n": "${item}"}},
    }
    tasks = {
        "kept": kept, "loop": {"type": "loop", "depends_on": ["kept"], "times": rounds, "steps": steps},
        "end": one("${vars.sum}", "loop", "kept"),
    }  # fmt: skip
    output = {"sum": "${vars.sum}", "kept": "${tasks.kept.output[2].n}", "end": "${tasks.end.output.n}"}
    return {"name": "looping", "vars": {"sum": 0}, "tasks": tasks, "output": output}


@STORES
async def test_a_successor_is_forked_and_a_fork_rolls_over(store: str, tmp_path: Path) -> None:
    async with harness(store, tmp_path, roll_over_after=30) as run:
        FAIL.add("end")
        first = await run.engine.start(looping(30))
        before = await run.finish(first)
        assert before["origin"]["kind"] == "continued" and before["status"] == "failed"
        FAIL.clear()
        CALLS.clear()
        found = await run.engine.rerun(first)
        chain = [row.execution_id for row in await run.engine._owner.succession.chain(first)]
        after = await run.finish(found.execution_id or "")
        assert (after["status"], after["output"], CALLS) == (
            "completed",
            {"sum": 30, "kept": 3, "end": 31},
            ["end"],
        )
        fork = await run.engine.fork(chain[0], 12)
        await run.engine.backend.prune(chain)
        last = await run.finish(fork.execution_id or "")
        assert last["output"] == {"sum": 30, "kept": 3, "end": 31}
        assert last["root_id"] == fork.execution_id != last["id"]


async def test_what_was_undone_inside_a_result_is_not_reused() -> None:
    """A task with `compensate` and `finally` is a body that was undone, inside a task that was not."""
    undo = {"type": "count", "input": {"n": "${output.n}"}}
    paid = {**one(), "compensate": undo, "finally": {"task": one()}}
    steps = {"steps": {"pay": paid, "ship": one()}}
    tasks = {"side": {"type": "parallel", "branches": {"b": steps}}}
    FAIL.add("side/b/ship")
    async with Harness(count) as run:
        first = await run.run({"name": "w", "on_failure": "compensate", "tasks": tasks})
        assert first["status"] == "compensated"
        CALLS.clear()
        again = await run.engine.rerun(first["id"], ["side/b/ship"])
        assert again.plan.rewound.undone == ("side/b/pay/body",)
        assert (await run.finish(again.execution_id or ""))["status"] == "compensated"
        assert CALLS[0] == "side/b/pay/body" and CALLS[-1] == "side/b/pay/body~undo"
