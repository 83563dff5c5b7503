"""Limits beside everything that people do with executions: pause, end, re-run, fork, upgrade."""

from typing import Any

import pytest

from harmonia_core import SlotQuery, task_type
from harmonia_core.host import Inspector, KernelSettings
from harmonia_core.model.rewinding import AtSeq, FromTasks
from harmonia_core.testing.harness import Harness

ORDER: list[str] = []


@pytest.fixture(autouse=True)
def _afresh() -> None:
    ORDER.clear()


@task_type("note")
async def note(ctx: Any, input: Any) -> Any:
    """Note which execution came to run."""
    ORDER.append(input["name"])
    return input["name"]


def harness(store: str) -> Harness:
    settings = KernelSettings(freeze_at_start=False)
    return Harness(note, settings=settings, url=f"memory://steering-{store}")


def flow(version: str = "1.0.0", *, shut: bool = False, then: str | None = None) -> dict[str, Any]:
    """Return one task; shut: it waits for a gate that is not there. then: a task behind it."""
    tasks: dict[str, Any] = {"t": {"type": "note", "input": {"name": "${input.name}"}}}
    if shut:
        tasks["t"]["limits"] = "gate"
    if then:
        tasks[then] = {"type": "note", "depends_on": ["t"], "input": {"name": then}}
    return {"name": "w", "version": version, "tasks": tasks, "concurrency": 1}


async def shut(run: Harness) -> str:
    """Return an execution that holds the place of its workflow, and waits."""
    await run.engine.set_limit("resource", "gate", most=0)
    return await run.engine.start(flow(shut=True), {"name": "first"})


async def status(run: Harness, execution_id: str) -> str:
    return str((await run.engine.get(execution_id))["status"])


async def sound(run: Harness) -> None:
    """Assert that no row is left, and nothing in the store differs from what its logs say."""
    assert await run.engine.backend.slots(SlotQuery()) == []
    inspector = Inspector(run.engine.backend, run.engine.plugins, run.engine.settings)
    assert [report.problems async for report in inspector.check() if report.problems] == []


async def test_a_paused_execution_is_passed_over_and_has_its_turn_after_the_resume() -> None:
    async with harness("pause") as run:
        first = await shut(run)
        second = await run.engine.start(flow(), {"name": "second"})
        third = await run.engine.start(flow(), {"name": "third"})
        await run.engine.pause(second)
        assert await status(run, second) == "paused"
        await run.engine.set_limit("resource", "gate", most=1)
        for one in (first, third):
            assert (await run.finish(one))["status"] == "completed"
        assert (ORDER, await status(run, second)) == (["first", "third"], "paused")
        await run.engine.resume(second)
        assert (await run.finish(second))["status"] == "completed"
        await sound(run)


async def test_what_is_resumed_before_its_turn_is_queued_again() -> None:
    async with harness("queued") as run:
        first = await shut(run)
        second = await run.engine.start(flow(), {"name": "second"})
        await run.engine.pause(second)
        await run.engine.resume(second)
        view = await run.engine.get(second)
        assert (view["status"], view["reason"], ORDER) == ("queued", "limit", [])
        await run.engine.cancel(first)
        await run.finish(second)
        assert ORDER == ["second"]
        await sound(run)


async def test_a_queued_execution_is_terminated() -> None:
    async with harness("terminate") as run:
        first = await shut(run)
        second = await run.engine.start(flow(), {"name": "second"})
        await run.engine.terminate(second, reason="no need")
        assert await status(run, second) == "terminated"
        await run.engine.terminate(first)
        assert await status(run, first) == "terminated"
        await sound(run)


@pytest.mark.parametrize("point", [FromTasks(("t",)), AtSeq(1)])
async def test_what_goes_on_from_another_waits_for_its_turn_as_others_do(point: Any) -> None:
    async with harness(f"fork-{type(point).__name__}") as run:
        done = await run.run(flow(), {"name": "done"})
        first = await shut(run)
        if isinstance(point, FromTasks):
            again = await run.engine.rerun(done["id"], list(point.paths))
        else:
            again = await run.engine.fork(done["id"], point.seq)
        new = again.execution_id or ""
        assert await status(run, new) == "queued"
        await run.engine.cancel(first)
        assert (await run.finish(new))["status"] == "completed"
        assert ORDER == ["done", "done"]
        await sound(run)


async def test_an_upgrade_takes_over_the_place_of_what_it_replaces() -> None:
    async with harness("upgrade") as run:
        first = await shut(run)
        second = await run.engine.start(flow(), {"name": "second"})
        await run.engine.pause(first)
        found = await run.engine.upgrade(first, flow("1.1.0", then="after"))
        new = found.execution_id or ""
        for one in (new, second):
            assert (await run.finish(one))["status"] == "completed"
        assert sorted(ORDER) == ["after", "first", "second"]
        await sound(run)
