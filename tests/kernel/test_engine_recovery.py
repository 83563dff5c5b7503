"""A second engine goes on where a first one stopped: losses, timers, open questions, large values."""

from collections.abc import Iterator
from typing import Any

import anyio
import pytest

from harmonia_core import TaskContext, task_type
from harmonia_core.errors import ExecutionFinished, ExecutionNotFound
from harmonia_core.host import KernelSettings
from harmonia_core.testing.harness import Harness

pytestmark = pytest.mark.anyio
CALLS: list[Any] = []
STUCK = True
LARGE = "x" * 100_000


@pytest.fixture(autouse=True)
def calls() -> Iterator[None]:
    global STUCK
    CALLS.clear()
    STUCK = True
    yield


@task_type("stuck")
async def stuck(ctx: TaskContext, input: dict[str, Any]) -> Any:
    """Never end while the first engine lives."""
    CALLS.append((ctx.path, ctx.attempt, len(str(input.get("text", "")))))
    if STUCK:
        await anyio.sleep_forever()
    return input.get("n", 0)


@task_type("charge", idempotent=False)
async def charge(ctx: TaskContext, input: dict[str, Any]) -> Any:
    """Do what must not be done twice."""
    return await stuck.handler(ctx, input)  # type: ignore[misc]


@task_type("flaky")
async def flaky(ctx: TaskContext, input: dict[str, Any]) -> Any:
    """Fail the first attempt."""
    if ctx.attempt == 1:
        raise ValueError("again")
    return ctx.attempt


@task_type("later")
async def later(ctx: TaskContext, input: dict[str, Any]) -> None:
    """End when somebody completes it."""
    CALLS.append(ctx.defer())


def harness(store: str, **more: Any) -> Harness:
    return Harness(stuck, charge, flaky, later, url=f"memory://{store}", settings=KernelSettings(**more))


async def interrupted(store: str, tasks: dict[str, Any], type: str, count: int = 1, **more: Any) -> str:
    """Start a workflow, and stop its engine once it has recorded an event of a type."""
    global STUCK
    async with harness(store, cancel_grace=0.2) as first:
        execution = await first.engine.start({"name": "w", "tasks": tasks, **more}, {"text": LARGE})
        await first.seen(execution, type, count)
    STUCK = False
    return execution


async def test_what_ran_is_lost_and_begins_again_under_the_same_number() -> None:
    every = {"type": "map", "input": {"items": [1, 2]}, "task": {"type": "stuck"}}
    tasks = {"t": {"type": "stuck", "input": {"n": 3}}, "m": every}
    execution = await interrupted("lost", tasks, "TaskScheduled", 4, output="${tasks.t.output}")
    async with harness("lost") as second:
        report = await second.engine.recover()
        assert report.adopted == [execution] and not report.refused
        view = await second.finish(execution)
        assert view["status"] == "completed" and view["output"] == 3
        types = [event["type"] for event in await second.events(execution)]
        assert types.count("AttemptLost") == 3 and types.count("ExecutionAdopted") == 1
        assert all(attempt == 1 for _, attempt, _ in CALLS)
        assert (await second.engine.recover()).adopted == []
        with pytest.raises(ExecutionFinished):
            await second.engine.cancel(execution)


async def test_a_lost_task_that_must_not_be_repeated_waits_for_a_person() -> None:
    execution = await interrupted("held", {"t": {"type": "charge"}}, "TaskScheduled")
    async with harness("held") as second:
        await second.engine.recover()
        view = await second.finish(execution)
        assert view["status"] == "attention" and view["tasks"][0]["reason"] == "lost"
        assert len(CALLS) == 1
    async with harness("held") as third:
        assert (await third.engine.recover(retry_lost=True)).adopted == [execution]
        assert (await third.finish(execution))["status"] == "completed"


async def test_timers_go_on_and_deferred_attempts_survive() -> None:
    tasks = {
        "wait": {"type": "wait", "input": {"duration": 3600}},
        "again": {"type": "flaky", "retry_policy": {"max_retries": 1, "initial_delay": 60}},
        "later": {"type": "later", "timeout": 7200},
    }
    execution = await interrupted("timers", tasks, "TaskDeferred")
    async with harness("timers") as second:
        await second.engine.recover()
        await second.engine.complete(CALLS[0], {"done": True})
        view = await second.finish(execution)
        assert view["status"] == "completed"
        assert "AttemptLost" not in [event["type"] for event in await second.events(execution)]


async def test_a_large_input_reaches_the_attempt_of_the_second_engine() -> None:
    tasks = {"t": {"type": "stuck", "input": {"text": "${input.text}"}}}
    execution = await interrupted("large", tasks, "TaskScheduled")
    async with harness("large") as second:
        await second.engine.recover()
        assert (await second.finish(execution))["status"] == "completed"
        assert [length for _, _, length in CALLS] == [100_000, 100_000]


async def test_a_cancel_of_an_execution_that_nobody_drives_is_carried_out() -> None:
    execution = await interrupted("cancelled", {"t": {"type": "stuck"}}, "TaskScheduled")
    async with harness("cancelled") as second:
        await second.engine.cancel(execution, "enough")
        view = await second.engine.get(execution)
        assert view["status"] == "cancelled" and len(CALLS) == 1
        with pytest.raises(ExecutionNotFound):
            await second.engine.cancel("unknown")


async def test_snapshots_give_the_same_state_as_the_log() -> None:
    tasks = {f"t{n}": {"type": "noop"} for n in range(30)} | {"t": {"type": "stuck"}}
    async with harness("snap", snapshot_every=10, cancel_grace=0.2) as first:
        execution = await first.engine.start({"name": "w", "tasks": tasks})
        await first.seen(execution, "TaskScheduled", 31)
        row = await first.engine.backend.head(execution)
        found = await first.engine.backend.snapshot(execution, None)
        assert row is not None and found is not None and found[0] > 10
        global STUCK
        STUCK = False
    async with harness("snap") as second:
        await second.engine.recover()
        view = await second.finish(execution)
        assert view["counts"] == {"succeeded": 31}
