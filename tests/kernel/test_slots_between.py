"""Limits between engines and executions: who dies, continues in another log, starts others, is taken over."""

from collections.abc import Callable, Sequence
from typing import Any

import anyio
import pytest

from harmonia_core import SlotQuery, Unit, task_type
from harmonia_core.contracts.slots import HOLDING
from harmonia_core.host import Inspector, KernelSettings
from harmonia_core.testing.harness import Harness

GPU = SlotQuery("default", "resource:gpu")


@task_type("count")
async def count(ctx: Any, input: dict[str, Any]) -> Any:
    """Return one more."""
    await anyio.sleep(0)
    return {"n": input["n"] + 1}


@task_type("stay")
async def stay(ctx: Any, input: Any) -> None:
    """Never end."""
    await anyio.sleep_forever()


def harness(store: str, **more: Any) -> Harness:
    settings = KernelSettings(cancel_grace=0.1, freeze_at_start=False, **more)
    return Harness(count, stay, settings=settings, url=f"memory://{store}")


def counting(name: str, *, limits: Any = "gpu", kind: str = "count", **more: Any) -> dict[str, Any]:
    return {"name": name, "tasks": {"t": {"type": kind, "input": {"n": 1}, "limits": limits}}, **more}


def watch(run: Harness, key: str) -> list[int]:
    """Keep how much of a limit is held after each commit."""
    held: list[int] = []
    backend: Any = run.engine.backend
    submit: Callable[..., None] = backend.submit

    def watched(units: Sequence[Unit], done: Any) -> None:
        submit(units, done)
        rows = backend._store.slots.values()
        held.append(sum(row.units for row in rows if row.key == key and row.state in HOLDING))

    backend.submit = watched
    return held


async def sound(run: Harness) -> None:
    """Assert that no row is left, and nothing in the store differs from what its logs say."""
    assert await run.engine.backend.slots(SlotQuery()) == []
    inspector = Inspector(run.engine.backend, run.engine.plugins, run.engine.settings)
    assert [report.problems async for report in inspector.check() if report.problems] == []


async def test_an_execution_that_goes_on_in_another_log_keeps_its_place() -> None:
    step = {"type": "count", "input": {"n": "${vars.sum}"}}
    keep = {"type": "set", "input": {"sum": "${tasks.step.output.n}"}}
    loop = {"type": "loop", "times": 30, "steps": {"step": step, "keep": keep}}
    flow = {
        "name": "long",
        "vars": {"sum": 0},
        "tasks": {"loop": loop},
        "output": "${vars.sum}",
        "concurrency": 1,
    }
    async with harness("slots-long", roll_over_after=20) as run:
        held = watch(run, "concurrency:long")
        one, two = await run.engine.start(flow), await run.engine.start(flow)
        for execution_id in (one, two):
            view = await run.finish(execution_id)
            assert (view["status"], view["output"]) == ("completed", 30)
            assert view["id"] != execution_id
        assert max(held) == 1
        await sound(run)


async def test_children_wait_for_their_turn_as_others_do() -> None:
    inner = {"name": "inner", "tasks": {"t": {"type": "count", "input": {"n": 1}}}, "concurrency": 2}
    item = {"type": "subworkflow", "workflow": inner}
    flow = {"name": "outer", "tasks": {"m": {"type": "map", "input": {"range": {"stop": 7}}, "task": item}}}
    async with harness("slots-children") as run:
        held = watch(run, "concurrency:inner")
        assert (await run.run(flow))["status"] == "completed"
        assert max(held) == 2
        await sound(run)


async def test_who_was_let_run_while_its_engine_was_gone_runs_when_it_is_taken_over() -> None:
    async with harness("slots-gone") as first:
        await first.engine.set_limit("resource", "gpu", most=0)
        one = await first.engine.start(counting("one"))
        two = await first.engine.start(counting("two"))
    async with harness("slots-gone") as second:
        await second.engine.set_limit("resource", "gpu", most=1)
        held = [row.execution_id for row in await second.engine.backend.slots(GPU) if row.state in HOLDING]
        assert len(held) == 1 and held[0] in (one, two)
        kept = await second.engine.waiting_for(held[0], "t")
        assert [(view["state"], view["place"], view["max"]) for view in kept] == [("held", None, 1)]
    async with harness("slots-gone") as third:
        await third.engine.recover()
        for execution_id in (one, two):
            assert (await third.finish(execution_id))["status"] == "completed"
        await sound(third)


async def test_a_slot_of_an_engine_that_has_died_is_held_until_it_is_taken_over() -> None:
    async with harness("slots-died") as first:
        await first.engine.set_limit("resource", "gpu", most=1)
        one = await first.engine.start(counting("one", kind="stay"))
        await first.seen(one, "TaskScheduled")
    async with harness("slots-died") as second:
        two = await second.engine.start(counting("two"))
        shown = await second.engine.limit("resource", "gpu")
        assert [(line["execution_id"], line["driven"]) for line in shown["holders"]] == [(one, False)]
        assert [(line["execution_id"], line["place"]) for line in shown["waiters"]] == [(two, 1)]
        await second.engine.recover()
        await second.seen(one, "TaskScheduled", 2)
        assert (await second.engine.get(two))["tasks"][0]["status"] == "blocked"
        await second.engine.cancel(one)
        assert (await second.finish(two))["status"] == "completed"
        await sound(second)


async def test_two_engines_share_a_limit_and_tell_each_other() -> None:
    async with harness("slots-shared") as first, harness("slots-shared") as second:
        await first.engine.set_limit("resource", "gpu", most=1)
        one = await first.engine.start(counting("one", kind="stay"))
        await first.seen(one, "TaskScheduled")
        two = await second.engine.start(counting("two"))
        assert (await second.engine.get(two))["tasks"][0]["reason"] == "limit"
        await first.engine.cancel(one)
        assert (await second.finish(two))["status"] == "completed"
        await second.engine.set_limit("type", "count", most=0)
        three = await first.engine.start(counting("three", limits=[]))
        view = await first.engine.get(three)
        assert view["tasks"][0]["reason"] == "limit", "the limit that another engine has set is known here"
        await second.engine.remove_limit("type", "count")
        assert (await first.finish(three))["status"] == "completed"
        await sound(first)


@pytest.mark.parametrize("how", ["skip", "cancel"])
async def test_a_person_ends_what_waits(how: str) -> None:
    async with harness(f"slots-{how}") as run:
        await run.engine.set_limit("resource", "gpu", most=0)
        execution_id = await run.engine.start(counting("one"))
        if how == "skip":
            await run.engine.resolve(execution_id, "t", "skip")
            await run.finish(execution_id)
        else:
            await run.engine.cancel(execution_id)
        view = await run.engine.get(execution_id)
        assert view["status"] == ("completed" if how == "skip" else "cancelled")
        await sound(run)
