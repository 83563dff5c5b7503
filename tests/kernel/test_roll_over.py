"""Long loops go on in logs of their own: nothing is lost, doubled or changed, whoever dies in between."""

from collections import Counter
from collections.abc import Iterator
from contextlib import AsyncExitStack
from typing import Any

import anyio
import pytest

from harmonia_core import TaskContext, task_type
from harmonia_core.contracts.rows import RequestRow, Unit
from harmonia_core.contracts.state_backend import ExecutionQuery
from harmonia_core.errors import ExecutionFinished
from harmonia_core.host import Inspector, KernelSettings, Pruner, RetentionRule
from harmonia_core.testing.harness import Harness

pytestmark = pytest.mark.anyio
CALLS: list[str] = []
STOP: list[str] = []
KEPT = {"type": "map", "input": {"range": {"stop": 3}}, "task": {"type": "count", "input": {"n": "${item}"}}}


@pytest.fixture(autouse=True)
def calls() -> Iterator[None]:
    CALLS.clear()
    STOP.clear()
    yield


@task_type("count")
async def count(ctx: TaskContext, input: dict[str, Any]) -> Any:
    """Return one more, and note the key of the side effect; one that is to be stopped never ends."""
    CALLS.append(ctx.idempotency_key)
    ctx.log("info", ctx.path)
    if ctx.path in STOP:
        await anyio.sleep_forever()
    return {"n": input["n"] + 1, "text": "x" * input.get("size", 0)}


def harness(limit: int = 30, store: str = "", **more: Any) -> Harness:
    settings = KernelSettings(roll_over_after=limit, cancel_grace=0.1, **more)
    return Harness(count, settings=settings, url=f"memory://{store}")


def counting(rounds: int, size: int = 0, **more: Any) -> dict[str, Any]:
    """Return a workflow with a loop that counts in a variable, behind a map that is read at the end."""
    step = {"type": "count", "input": {"n": "${vars.sum}", "size": size}}
    keep = {"type": "set", "input": {"sum": "${tasks.step.output.n}"}}
    loop = {"type": "loop", "depends_on": ["kept"], "times": rounds, "steps": {"step": step, "keep": keep}}
    output = {"sum": "${vars.sum}", "kept": "${tasks.kept.output[2].n}"}
    tasks = {"kept": KEPT, "loop": {**loop, **more.pop("loop", {})}}
    return {"name": "counting", "vars": {"sum": 0}, "tasks": tasks, "output": output, **more}


async def ids(run: Harness) -> list[str]:
    """Return the executions of the store, the first of a chain first."""
    rows, _ = await run.engine.backend.find(ExecutionQuery(namespace=None, limit=1000))
    return [row.execution_id for row in reversed(rows)]


async def checked(run: Harness) -> None:
    """Assert that nothing in the store differs from what its logs say, and that nobody waits."""
    inspector = Inspector(run.engine.backend, run.engine.plugins, run.engine.settings)
    assert [report.problems async for report in inspector.check(deep=True) if report.problems] == []
    assert await run.engine.backend.requests(None) == []


async def test_it_gives_what_one_log_gives() -> None:
    found = {}
    for limit in (0, 60):
        CALLS.clear()
        async with harness(limit) as run:
            execution = await run.engine.start(counting(200))
            view = await run.finish(execution)
            events = await run.events(execution)
            keys = [key.removeprefix(execution) for key in CALLS]
            assert len(set(CALLS)) == len(CALLS) == 203 and view["root_id"] == execution
            found[limit] = view["status"], view["output"], keys, view["counts"]
            chain = list(dict.fromkeys(event["execution_id"] for event in events))
            for one in chain:
                own = [event["seq"] for event in events if event["execution_id"] == one]
                assert own == list(range(1, len(own) + 1)) and (not limit or len(own) < limit + 20)
            assert (len(chain) > 15) is bool(limit) and view["id"] == chain[-1]
            await checked(run)
    assert found[0] == found[60] and found[0][:2] == ("completed", {"sum": 200, "kept": 3})


async def test_large_values_go_along() -> None:
    async with harness(40, inline_limit=300, quick_limit=100) as run:
        view = await run.finish(await run.engine.start(counting(30, 400), {"a": "b" * 500}))
        assert (view["status"], view["output"]["sum"]) == ("completed", 30)
        assert view["input"]["$blob"] and view["origin"]["kind"] == "continued"
        await checked(run)


@pytest.mark.parametrize("units", range(1, 13))
async def test_whatever_unit_is_the_last_nothing_is_lost_or_doubled(units: int) -> None:
    """The store takes so many units of a chain of four and no more; another engine goes on."""
    store, left = f"sweep-{units}", units
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(harness(16, store))
        submit = first.engine.backend.submit

        def taken(batch: Any, done: Any) -> None:
            nonlocal left
            for unit in batch:
                if left:
                    left -= 1
                    submit([unit], done)

        first.engine.backend.submit = taken  # type: ignore[method-assign]
        execution = await first.engine.start(counting(6))
        with anyio.fail_after(10):
            while left and await _going(first, execution):
                await anyio.sleep(0)
        for _ in range(50):
            await anyio.sleep(0)
    before = Counter(CALLS)
    async with harness(16, store) as second:
        report = await second.engine.recover()
        assert not report.refused and len(report.adopted) <= 1
        view = await second.finish(execution)
        assert (view["status"], view["output"]) == ("completed", {"sum": 6, "kept": 3})
        assert len(set(CALLS)) == 9 and max(before.values()) == 1
        twice = [key for key, number in Counter(CALLS).items() if number > 1]
        assert len(twice) <= 3 and len([key for key in twice if "loop" in key]) <= 1, "what was in flight"
        assert len({key.partition(":")[0] for key in CALLS}) == 1
        await checked(second)
        assert not (await second.engine.recover()).adopted


async def _going(run: Harness, execution: str) -> bool:
    return (await run.engine.get(execution))["status"] == "running"


async def held(run: Harness, path: str, definition: dict[str, Any]) -> str:
    """Start a workflow and return its id once an attempt at a path has begun, and will not end."""
    STOP.append(path)
    execution = await run.engine.start(definition)
    with anyio.fail_after(10):
        while not any(key.endswith(path) for key in CALLS):
            await anyio.sleep(0)
    return execution


async def test_a_cancel_of_any_id_of_the_chain_reaches_its_end() -> None:
    async with harness() as run:
        execution = await held(run, "loop[9]/body/step", counting(20))
        await run.engine.cancel(execution, "enough")
        view = await run.engine.get(execution)
        assert (view["status"], view["reason"]) == ("cancelled", "enough")
        old = await run.engine.get(execution, follow=False)
        assert (old["id"], old["status"], old["owner"]) == (execution, "continued", None)
        assert old["successor"] and view["root_id"] == execution
        await run.engine.cancel(execution)
        await checked(run)
    async with harness() as run:
        STOP.clear()
        execution = await run.engine.start(counting(12))
        await run.finish(execution)
        with pytest.raises(ExecutionFinished, match="completed"):
            await run.engine.cancel(execution)


async def test_the_deadline_is_that_of_the_first() -> None:
    async with harness() as run:
        execution = await held(run, "loop[9]/body/step", counting(20, timeout=100))
        run.clock.advance(101)
        view = await run.finish(execution)
        assert (view["status"], view["error"]["code"]) == ("failed", "execution-timeout")
        assert view["id"] != execution
        assert [row for one in await ids(run) for row in await run.engine.backend.timers(one)] == []
        await checked(run)


async def test_the_time_of_the_loop_runs_on() -> None:
    async with harness() as run:
        execution = await held(run, "loop[9]/body/step", counting(20, loop={"total_timeout": 50}))
        run.clock.advance(51)
        view = await run.finish(execution)
        assert (view["status"], view["error"]["code"]) == ("failed", "total-timeout")
        await checked(run)


async def test_a_request_that_came_too_late_for_one_log_is_taken_in_the_next() -> None:
    """Another process wrote it for the first id, and nobody had read it when that rolled over."""
    async with harness() as run:
        execution = await held(run, "loop[9]/body/step", counting(20))
        row = RequestRow("late", execution, "default", "cancel", '{"reason": "late"}', None, 0.0)
        await run.engine.backend.add_request(row)
        run.engine._requests.changed()
        view = await run.finish(execution)
        assert (view["status"], view["reason"]) == ("cancelled", "late")
        await checked(run)


async def test_a_request_for_an_earlier_log_is_taken_by_who_adopts_the_last() -> None:
    async with harness(store="too-late") as first:
        execution = await held(first, "loop[9]/body/step", counting(20))
    async with harness(store="too-late") as second:
        row = RequestRow("late", execution, "default", "cancel", '{"reason": "late"}', None, 0.0)
        await second.engine.backend.add_request(row)
        await second.engine.recover()
        assert (await second.finish(execution))["reason"] == "late"
        await checked(second)


async def unbegun(store: str) -> str:
    """Leave an execution that was rolled over by an engine which then died."""
    async with AsyncExitStack() as stack:
        run = await stack.enter_async_context(harness(16, store))
        submit, over = run.engine.backend.submit, anyio.Event()

        def taken(batch: list[Unit], done: Any) -> None:
            if not over.is_set():
                if any(row.type == "ExecutionRolledOver" for unit in batch for row in unit.events):
                    over.set()
                submit(batch, done)

        run.engine.backend.submit = taken  # type: ignore[method-assign]
        execution = await run.engine.start(counting(6))
        with anyio.fail_after(10):
            await over.wait()
    return execution


async def test_a_cancel_ends_what_nobody_has_begun() -> None:
    execution = await unbegun("cancel-unbegun")
    async with harness(16, "cancel-unbegun") as second:
        assert (await second.engine.get(execution))["status"] == "continued"
        await second.engine.cancel(execution, "enough")
        view = await second.engine.get(execution)
        assert (view["status"], view["owner"], view["id"] != execution) == ("cancelled", None, True)
        await checked(second)


async def test_an_engine_that_looks_for_orphans_begins_what_nobody_has_begun() -> None:
    execution = await unbegun("adopter")
    async with harness(16, "adopter", adopt_orphans=True, adopt_interval=0.01) as second:
        assert (await second.finish(execution))["output"] == {"sum": 6, "kept": 3}
    execution = await unbegun("take-over")
    async with harness(16, "take-over") as second:
        await second.engine.adopt(execution, force=True)
        assert (await second.finish(execution))["output"] == {"sum": 6, "kept": 3}


async def test_logs_are_those_of_the_whole_chain() -> None:
    async with harness() as run:
        execution = await run.engine.start(counting(12))
        await run.finish(execution)
        wanted = [f"loop[{number}]/body/step" for number in range(12)]

        def steps(entries: list[dict[str, Any]]) -> list[str]:
            return [entry["text"] for entry in entries if entry["text"].startswith("loop")]

        assert steps(await run.engine.logs(execution)) == wanted
        assert steps(await run.engine.logs(execution, limit=5)) == wanted[:2]
        assert steps(await run.engine.logs(execution, limit=5, newest=True)) == wanted[-5:]
        followed = [entry async for entry in run.engine.follow_logs(execution)]
        assert steps(followed) == wanted
        last = (await run.engine.get(execution))["id"]
        assert len(steps(await run.engine.logs(last))) < 12


async def test_a_chain_goes_as_a_whole_when_its_end_is_let_go() -> None:
    async with harness() as run:
        execution = await run.engine.start(counting(12))
        await run.finish(execution)
        await run.engine.start({"name": "other", "tasks": {"a": {"type": "noop"}}})
        pruner = Pruner(run.engine.backend, [RetentionRule(keep_last=0, workflow="counting")], run.clock)
        assert len(await ids(run)) > 3
        doomed = [one async for part in pruner.due() for one in part]
        assert [one.status for one in doomed] == ["completed"]
        await pruner.prune(doomed)
        assert len(await ids(run)) == 1 and not await run.engine.backend.events(execution)
        await checked(run)


async def test_a_chain_that_goes_on_is_kept() -> None:
    async with harness() as run:
        execution = await held(run, "loop[9]/body/step", counting(20))
        pruner = Pruner(run.engine.backend, [RetentionRule(keep_last=0)], run.clock)
        assert [part async for part in pruner.due()] == []
        await run.engine.cancel(execution)
