"""Limits over the engine: who waits, who comes to run, and that nothing is lost on the way."""

from collections.abc import Iterable
from typing import Any

import anyio
import pytest

from harmonia_core import SlotQuery, Unit, task_type
from harmonia_core.engine.inspection import Inspector
from harmonia_core.engine.limiting import LimitInvalid, LimitNotFound
from harmonia_core.settings import KernelSettings
from harmonia_core.testing.harness import Harness

RUNNING: list[str] = []
PEAK: list[int] = []
ORDER: list[Any] = []
FAILS: list[str] = []


@task_type("work")
async def work(ctx: Any, input: Any) -> Any:
    """Take a few turns of the loop, and note how many run at once."""
    RUNNING.append(ctx.path)
    ORDER.append(input.get("n", ctx.path))
    PEAK.append(len(RUNNING))
    try:
        for _ in range(5):
            await anyio.sleep(0)
        if ctx.path in FAILS:
            FAILS.remove(ctx.path)
            raise RuntimeError("as told")
        return input.get("n")
    finally:
        RUNNING.remove(ctx.path)


@pytest.fixture(autouse=True)
def _afresh() -> None:
    for seen in (RUNNING, PEAK, ORDER, FAILS):
        seen.clear()


def tasks(names: Iterable[str], **more: Any) -> dict[str, Any]:
    return {"name": "w", "tasks": {name: {"type": "work", **more} for name in names}}


async def rows(harness: Harness) -> list[Any]:
    return await harness.engine.backend.slots(SlotQuery())


async def test_no_more_attempts_run_at_once_than_there_is_of_a_resource() -> None:
    async with Harness(work) as harness:
        await harness.engine.set_limit("resource", "gpu", most=2)
        view = await harness.run(tasks("abcdef", limits="gpu"))
        assert (view["status"], max(PEAK), ORDER) == ("completed", 2, list("abcdef"))
        assert await rows(harness) == []


@pytest.mark.parametrize(("kind", "name"), [("type", "work"), ("namespace", None)])
async def test_types_and_namespaces_are_limited_without_a_word_of_the_definition(
    kind: str, name: Any
) -> None:
    async with Harness(work) as harness:
        await harness.engine.set_limit(kind, name, most=1)
        item = {"type": "work", "input": {"n": "${item}"}}
        flow = {
            "name": "w",
            "tasks": {"m": {"type": "map", "input": {"items": list(range(12))}, "task": item}},
        }
        view = await harness.run(flow)
        assert (view["status"], max(PEAK), ORDER) == ("completed", 1, list(range(12)))
        assert await rows(harness) == []


async def test_a_limit_holds_over_executions_and_a_retry_waits_anew() -> None:
    async with Harness(work) as harness:
        await harness.engine.set_limit("resource", "gpu", most=1)
        FAILS.append("a")
        policy = {"max_retries": 1, "initial_delay": 5, "jitter": 0}
        one = await harness.engine.start(tasks("a", limits="gpu", retry_policy=policy))
        two = await harness.engine.start(tasks("b", limits=["gpu"]))
        assert (await harness.finish(two))["status"] == "completed"
        assert (await harness.finish(one))["status"] == "completed"
        assert (max(PEAK), ORDER) == (1, ["a", "b", "a"])
        kinds = [event["type"] for event in await harness.events(one)]
        assert kinds.count("SlotsRequested") == kinds.count("SlotsGranted") == 2
        assert await rows(harness) == []


async def test_a_resource_that_nobody_has_defined_is_a_clear_error() -> None:
    async with Harness(work) as harness:
        view = await harness.run(tasks("a", limits="gpu"))
        assert (view["status"], view["error"]["code"]) == ("failed", "limit-unknown")
        assert await rows(harness) == []


async def test_a_rate_lets_so_many_begin_within_its_time() -> None:
    async with Harness(work) as harness:
        await harness.engine.set_limit("type", "work", starts=2, seconds=60)
        began = harness.clock.now()
        view = await harness.run(tasks("abcde"))
        assert view["status"] == "completed"
        at = [event["at"] for event in await harness.events(view["id"]) if event["type"] == "TaskScheduled"]
        assert len(set(at[:2])) == 1 and at[1] < at[2] <= at[3] < at[4]
        assert 120 <= harness.clock.now() - began <= 125


def queued(policy: str = "queue", **more: Any) -> dict[str, Any]:
    return {**tasks("a"), "concurrency": {"max": 1, "policy": policy, **more}}


async def test_executions_wait_for_their_turn_in_order() -> None:
    async with Harness(work) as harness:
        await harness.engine.set_limit("resource", "gate", most=0)
        first = await harness.engine.start({**tasks("a", limits="gate"), "concurrency": 1})
        others = []
        for _ in range(3):
            harness.clock.advance(0.001)
            others.append(await harness.engine.start({**tasks("b"), "concurrency": 1}))
        assert [(await harness.engine.get(one))["status"] for one in others] == ["queued"] * 3
        seen = (await harness.engine.limit("concurrency", "w"))["waiters"]
        assert [(one["place"], one["execution_id"]) for one in seen] == list(enumerate(others, 1))
        await harness.engine.cancel(others[1])
        await harness.engine.set_limit("resource", "gate", most=1)
        for one in (first, others[0], others[2]):
            assert (await harness.finish(one))["status"] == "completed"
        assert (await harness.engine.get(others[1]))["status"] == "cancelled"
        assert await rows(harness) == []


async def test_one_too_many_is_skipped_or_takes_the_place_of_the_oldest() -> None:
    async with Harness(work) as harness:
        await harness.engine.set_limit("resource", "gate", most=0)
        shut = tasks("a", limits="gate")
        first = await harness.engine.start({**shut, "concurrency": {"max": 1, "policy": "skip"}})
        view = await harness.run({**shut, "concurrency": {"max": 1, "policy": "skip"}})
        assert (view["status"], view["reason"]) == ("cancelled", "skipped: concurrency")
        view = await harness.run({**tasks("b"), "concurrency": {"max": 1, "policy": "cancel-older"}})
        assert view["status"] == "completed"
        stood = await harness.engine.get(first)
        assert (stood["status"], stood["reason"]) == ("cancelled", f"superseded by {view['id']}")
        assert await rows(harness) == []


async def test_executions_are_counted_by_their_key() -> None:
    async with Harness(work) as harness:
        await harness.engine.set_limit("resource", "gate", most=0)
        flow = {**tasks("a", limits="gate"), "concurrency": {"max": 1, "key": "${input.customer}"}}
        one, two = [await harness.engine.start(flow, {"customer": name}) for name in "xy"]
        three = await harness.engine.start(flow, {"customer": "x"})
        statuses = [(await harness.engine.get(each))["status"] for each in (one, two, three)]
        assert statuses == ["running", "running", "queued"]


async def test_a_queued_execution_that_is_out_of_time_fails() -> None:
    async with Harness(work) as harness:
        await harness.engine.set_limit("workflow", "w", most=0)
        view = await harness.run({**tasks("a"), "timeout": 30})
        assert (view["status"], view["error"]["code"]) == ("failed", "execution-timeout")
        assert await rows(harness) == []


async def test_limits_that_cannot_be() -> None:
    async with Harness(work) as harness:
        for kind, name, most in (
            ("gpu", "x", 1),
            ("resource", None, 1),
            ("namespace", "x", 1),
            ("type", "x", None),
        ):
            with pytest.raises(LimitInvalid):
                await harness.engine.set_limit(kind, name, most=most)
        with pytest.raises(LimitNotFound):
            await harness.engine.limit("resource", "gpu")
        with pytest.raises(LimitNotFound):
            await harness.engine.remove_limit("resource", "gpu")


async def test_a_check_finds_rows_that_are_lost_or_left_and_a_rebuild_mends_them() -> None:
    async with Harness(work) as harness:
        engine, backend = harness.engine, harness.engine.backend
        await engine.set_limit("resource", "gpu", most=0)
        execution_id = await engine.start(tasks("ab", limits="gpu"))
        inspector = Inspector(backend, engine.plugins, engine.settings)
        assert [found.problems async for found in inspector.check()] == [[]]
        stood = await rows(harness)
        left = stood[0]._replace(path="c", state="held")
        await backend.commit(Unit(closed_slots=[(execution_id, "a")], slots=[left]))
        found = [problem async for one in inspector.check() for problem in one.problems]
        assert [(one.code, one.path.rpartition("/")[2]) for one in found] == [
            ("projection-differs", "a:resource:gpu"),
            ("projection-differs", "c:resource:gpu"),
        ]
        assert [one.outcome async for one in inspector.rebuild()] == ["rebuilt"]
        assert await rows(harness) == stood


async def test_an_engine_runs_so_many_attempts_at_once_and_cancels_those_that_wait() -> None:
    async with Harness(work, settings=KernelSettings(max_running=2)) as harness:
        view = await harness.run(tasks("abcde"))
        assert (view["status"], max(PEAK), ORDER) == ("completed", 2, list("abcde"))
        execution_id = await harness.engine.start(tasks("abcde"))
        await harness.engine.cancel(execution_id)
        stood = await harness.engine.get(execution_id)
        assert (stood["status"], {task["status"] for task in stood["tasks"]}) == ("cancelled", {"cancelled"})
        assert (harness.engine._driver.dispatcher.held_back, harness.engine._driver.dispatcher.quiet) == (
            [],
            True,
        )
        assert (await harness.run(tasks("ab")))["status"] == "completed"
