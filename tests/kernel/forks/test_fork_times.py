"""What goes on in a fork has its own time: the whole of its `total_timeout`, from the fork's beginning."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from harmonia_core import TaskContext, task_type
from harmonia_core.host import Inspector
from harmonia_core.testing.harness import Harness

pytestmark = pytest.mark.anyio
FAIL: set[str] = set()
LONG = {"type": "wait", "input": {"duration": 60}, "depends_on": ["step"]}
INSIDE = {"tasks": {"step": {"type": "step", "input": {}}, "long": LONG}}
SHAPES: dict[str, tuple[dict[str, Any], str]] = {
    "group": ({"type": "group", "total_timeout": 10, **INSIDE}, "here/step"),
    "map": (
        {
            "type": "map", "total_timeout": 10, "input": {"range": {"stop": 2}},
            "task": {"type": "group", **INSIDE},
        },
        "here[1]/step",
    ),
    "item": (
        {
            "type": "map", "input": {"range": {"stop": 2}},
            "task": {"type": "group", "total_timeout": 10, **INSIDE},
        },
        "here[1]/step",
    ),
    "group in a loop": (
        {
            "type": "loop", "times": 1,
            "tasks": {"in": {"type": "group", "total_timeout": 10, **INSIDE}},
        },
        "here[0]/in/step",
    ),
}  # fmt: skip


@task_type("step")
async def step(ctx: TaskContext, input: Any) -> str:
    """Fail at the paths in FAIL."""
    if ctx.path in FAIL:
        raise ValueError(ctx.path)
    return ctx.path


@pytest.fixture(autouse=True)
def nothing_fails() -> Iterator[None]:
    FAIL.clear()
    yield


@asynccontextmanager
async def harness(tmp_path: Path) -> AsyncIterator[Harness]:
    """Run an engine on SQLite; at the end every row must be one that the logs demand."""
    async with Harness(step, url=f"sqlite:///{tmp_path}/one.db") as run:
        yield run
        inspector = Inspector(run.engine.backend, run.engine.plugins, run.engine.settings)
        assert [found.problems async for found in inspector.check(deep=True) if found.problems] == []


@pytest.mark.parametrize("shape", SHAPES)
async def test_what_goes_on_inside_has_all_of_its_time_again(shape: str, tmp_path: Path) -> None:
    task, fails = SHAPES[shape]
    FAIL.add(fails)
    async with harness(tmp_path) as run:
        before = await run.run({"name": "timed", "tasks": {"here": task}})
        assert before["status"] == "failed"
        FAIL.clear()
        again = await run.engine.rerun(before["id"])
        after = await run.finish(again.execution_id or "")
        assert (after["status"], after["error"]["category"]) == ("failed", "timeout")
        begun, ended = (datetime.fromisoformat(after[name]) for name in ("started_at", "ended_at"))
        assert ended - begun == timedelta(seconds=10)


@pytest.mark.parametrize("shape", SHAPES)
async def test_what_is_forked_under_way_has_it_too(shape: str, tmp_path: Path) -> None:
    task, _ = SHAPES[shape]
    async with harness(tmp_path) as run:
        before = await run.engine.start({"name": "timed", "tasks": {"here": task}})
        await run.seen(before, "TaskSucceeded")
        forked = await run.engine.fork(before)
        assert "here" in forked.plan.rewound.reopened
        await run.engine.cancel(before)
        after = await run.finish(forked.execution_id or "")
        assert (after["status"], after["error"]["category"]) == ("failed", "timeout")


async def test_its_time_is_that_of_the_definition_it_goes_on_by(tmp_path: Path) -> None:
    FAIL.add("here/step")
    task, _ = SHAPES["group"]
    async with harness(tmp_path) as run:
        before = await run.run({"name": "timed", "tasks": {"here": task}})
        FAIL.clear()
        longer = {"name": "timed", "tasks": {"here": {**task, "total_timeout": 90}}}
        again = await run.engine.rerun(before["id"], version=longer)
        assert (await run.finish(again.execution_id or ""))["status"] == "completed"


async def test_whoever_adopts_it_keeps_to_that_time(tmp_path: Path) -> None:
    FAIL.add("here/step")
    task, _ = SHAPES["group"]
    async with harness(tmp_path) as run:
        before = await run.run({"name": "timed", "tasks": {"here": task}})
        FAIL.clear()
        again = await run.engine.rerun(before["id"], drive=False)
    async with harness(tmp_path) as other:
        await other.engine.recover()
        after = await other.finish(again.execution_id or "")
        assert after["error"]["code"] == "total-timeout"
