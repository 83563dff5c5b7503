"""A paused execution goes on by another version, in another one's name: both never run, and none is lost."""

from collections.abc import Iterator
from contextlib import AsyncExitStack
from typing import Any

import anyio
import pytest

from harmonia_core import TaskContext, task_type
from harmonia_core.engine.operating import ActionRefused
from harmonia_core.errors import ProblemsError
from harmonia_core.host import Inspector
from harmonia_core.testing.harness import Harness

pytestmark = pytest.mark.anyio
CALLS: list[str] = []
HOLD: set[str] = set()


@pytest.fixture(autouse=True)
def calls() -> Iterator[None]:
    CALLS.clear()
    HOLD.clear()
    yield


@task_type("step")
async def step(ctx: TaskContext, input: dict[str, Any]) -> Any:
    """Return the path, note it; those in HOLD never end."""
    CALLS.append(ctx.path)
    if ctx.path in HOLD:
        await anyio.sleep_forever()
    return {"at": ctx.path}


def steps(*names: str, version: str = "1.0.0", **more: Any) -> dict[str, Any]:
    """Return a workflow of tasks behind each other; `wait` is a minute."""
    tasks: dict[str, Any] = {}
    for before, name in zip((None, *names), names, strict=False):
        kind = {"type": "wait", "input": {"duration": 60}} if name == "wait" else {"type": "step"}
        tasks[name] = {**kind, **({"depends_on": [before]} if before else {})}
    return {"name": "steps", "version": version, "tasks": tasks, "output": {"done": True}, **more}


OLD, NEW = steps("a", "wait", "b"), steps("a", "wait", "extra", "b", version="2.0.0")


async def paused(run: Harness, definition: dict[str, Any] = OLD) -> str:
    """Start a workflow and pause it in its wait."""
    execution = await run.engine.start(definition)
    await run.seen(execution, "TimerSet")
    await run.engine.pause(execution)
    return execution


async def checked(run: Harness) -> None:
    """Assert that nothing in the store differs from what its logs say, and that nobody waits."""
    inspector = Inspector(run.engine.backend, run.engine.plugins, run.engine.settings)
    assert [report.problems async for report in inspector.check(deep=True) if report.problems] == []
    assert await run.engine.backend.requests(None) == []


async def test_it_goes_on_by_a_version_with_a_task_inserted() -> None:
    async with Harness(step) as run:
        old = await paused(run)
        planned = await run.engine.upgrade(old, NEW, dry_run=True)
        assert planned.as_json()["definition"]["to"]["version"] == "2.0.0"
        assert (await run.engine.get(old))["status"] == "paused"
        found = await run.engine.upgrade(old, NEW, comment="better", actor={"kind": "person", "id": "ann"})
        before = await run.engine.get(old)
        assert (before["status"], before["reason"]) == ("terminated", "upgraded")
        assert before["upgraded_to"] == found.execution_id
        after = await run.finish(found.execution_id or "")
        assert (after["status"], CALLS) == ("completed", ["a", "extra", "b"])
        assert after["origin"]["kind"] == "upgrade" and after["workflow"]["version"] == "2.0.0"
        first = (await run.events(after["id"]))[0]
        assert first["data"]["comment"] == "better" and first["actor"]["id"] == "ann"
        assert first["data"]["origin_hash"] == before["workflow"]["hash"]
        await checked(run)


async def test_what_does_not_map_is_refused_and_the_execution_stays_as_it_was() -> None:
    async with Harness(step) as run:
        old = await paused(run)
        with pytest.raises(ProblemsError) as refused:
            await run.engine.upgrade(old, steps("a", "b", version="3.0.0"))
        assert [problem.path for problem in refused.value.problems] == ["wait"]
        seq = (await run.engine.get(old))["seq"]
        with pytest.raises(ActionRefused, match="version it has"):
            await run.engine.upgrade(old, OLD)
        view = await run.engine.get(old)
        assert (view["status"], view["seq"]) == ("paused", seq)
        await run.engine.resume(old)
        with pytest.raises(ActionRefused, match="only a paused"):
            await run.engine.upgrade(old, NEW)
        assert (await run.finish(old))["status"] == "completed" and CALLS == ["a", "b"]
        await checked(run)


@pytest.mark.parametrize("units", range(0, 5))
async def test_whatever_unit_is_the_last_one_of_the_two_goes_on(units: int) -> None:
    """The store takes so many units of an upgrade and no more; another engine goes on."""
    store = f"upgrade-{units}"
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(Harness(step, url=f"memory://{store}"))
        old = await paused(first)
        left, submit = units, first.engine.backend.submit

        def taken(batch: Any, done: Any) -> None:
            nonlocal left
            for unit in batch:
                if left:
                    left -= 1
                    submit([unit], done)

        first.engine.backend.submit = taken  # type: ignore[method-assign]
        with anyio.move_on_after(0.3):
            await first.engine.upgrade(old, NEW)
    async with Harness(step, url=f"memory://{store}") as second:
        await second.engine.recover()
        view = await second.engine.get(old)
        if view["status"] == "paused":
            assert units < 2, "nothing had happened but that the definition was stored"
            found = await second.engine.upgrade(old, NEW)
            view = await second.engine.get(old)
            assert view["upgraded_to"] == found.execution_id
        after = await second.finish(view["upgraded_to"])
        assert (after["status"], sorted(CALLS)) == ("completed", ["a", "b", "extra"])
        await checked(second)
