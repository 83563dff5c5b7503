"""Races that the simulator has found (docs/simulation.md), each told once more without it."""

from collections.abc import Callable, Sequence
from typing import Any

import anyio
import pytest

from harmonia_core import TaskContext, task_type
from harmonia_core.builtin.memory import MemoryBackend
from harmonia_core.contracts.rows import RequestRow, Unit
from harmonia_core.contracts.state_backend import Results
from harmonia_core.engine.arrivals import Ended, Requested
from harmonia_core.engine.inspection import Inspector
from harmonia_core.engine.live import Live
from harmonia_core.engine.runner import Engine
from harmonia_core.errors import Fenced, StateUnavailable
from harmonia_core.host import ExecutionFinished, KernelSettings, load_plugins
from harmonia_core.model.outcomes import AttemptKey, ErrorInfo, Outcome
from harmonia_core.testing.harness import Harness


@task_type("later")
async def later(ctx: TaskContext, input: Any) -> None:
    """Leave the attempt open."""
    ctx.defer()


@task_type("stay")
async def stay(ctx: TaskContext, input: Any) -> None:
    """Never end."""
    await anyio.sleep_forever()


def flow(**tasks: Any) -> dict[str, Any]:
    return {"name": "flow", "tasks": tasks}


LOOP = flow(loop={"type": "loop", "times": 9, "steps": {
    "a": {"type": "noop", "input": {}}, "b": {"type": "wait", "input": {"duration": 1}}}})  # fmt: skip


class Late(MemoryBackend):
    """A store whose answers to units that roll over come late, while somebody looks for successors.

    group: in which that happens. before: the look is over when the answer comes.
    """

    group: Any
    before = True
    look: Callable[[], Any]

    def submit(self, units: Sequence[Unit], done: Callable[[Results], None]) -> None:
        rolls = any(event.type == "ExecutionRolledOver" for unit in units for event in unit.events)
        super().submit(units, self._later(done) if rolls else done)

    def _later(self, done: Callable[[Results], None]) -> Callable[[Results], None]:
        def told(results: Results) -> None:
            self.group.start_soon(self._looked, results, done)

        return told

    async def _looked(self, results: Results, done: Callable[[Results], None]) -> None:
        if self.before:
            await self.look()
            done(results)
        else:
            async with anyio.create_task_group() as group:
                group.start_soon(self.look)
                await anyio.lowlevel.checkpoint()
                done(results)


@pytest.mark.parametrize("before", [True, False])
async def test_who_looks_for_successors_and_who_rolls_over_begin_one(before: bool) -> None:
    run = Harness(settings=KernelSettings(roll_over_after=15, freeze_at_start=False))
    store = Late("memory://")
    store.before = before
    run.engine = Engine(store, run.engine.plugins, run.engine.settings, run.clock)
    store.look = run.engine._owner.begin_successors
    async with anyio.create_task_group() as store.group, run:
        view = await run.finish(await run.engine.start(LOOP))
        assert view["status"] == "completed" and view["origin"]["kind"] == "continued"
        assert await store.requests() == []


async def test_what_ended_while_it_was_read_is_not_adopted() -> None:
    async with Harness(stay, url="memory://ended-meanwhile") as first:
        execution = await first.engine.start(flow(t={"type": "stay", "input": {}}))
        stale = await first.engine.backend.head(execution)
        assert stale is not None
        await first.engine.terminate(execution)
        events = await first.events(execution)
        async with Harness(stay, url="memory://ended-meanwhile") as second:
            with pytest.raises(Fenced):
                await second.engine._owner.adopt(stale, "forced")
            second.engine._requests.open_head = _reads([stale])  # type: ignore[method-assign]
            with pytest.raises(ExecutionFinished):
                await second.engine.adopt(execution, force=True)
        assert await first.events(execution) == events


def _reads(rows: list[Any]) -> Any:
    """Return what reads a head: the rows first, then that it has ended."""

    async def read(execution_id: str) -> Any:
        if not rows:
            raise ExecutionFinished(execution_id, "terminated")
        return rows.pop()

    return read


async def _live(run: Harness, definition: dict[str, Any], until: str) -> tuple[str, Live]:
    execution = await run.engine.start(definition)
    await run.seen(execution, until)
    return execution, run.engine._driver.lives[execution]


async def test_a_deferral_that_is_told_twice_counts_once() -> None:
    async with Harness(later) as run:
        execution, live = await _live(run, flow(t={"type": "later", "input": {}}), "TaskDeferred")
        again = Outcome(AttemptKey(execution, "t", 1), "deferred", token_hash="another")
        run.engine._driver.arrive(live, Ended(again, 0.0))
        await live.settled()
        assert [event["type"] for event in await run.events(execution)][-1] == "LateResultRefused"
        assert live.state.scope.task(0).status == "blocked"


async def test_an_end_that_is_told_twice_does_not_touch_the_retry_that_stands_in_line() -> None:
    task = {
        "type": "stay",
        "limits": "gpu",
        "input": {},
        "retry_policy": {"max_retries": 1, "initial_delay": 1},
    }
    async with Harness(stay) as run:
        await run.engine.set_limit("resource", "gpu", most=1)
        execution, live = await _live(run, flow(t=task), "TaskScheduled")
        error = ErrorInfo("task", "no", "It was no use.")
        failed = Outcome(AttemptKey(execution, "t", 1), "failed", error=error)
        run.engine._driver.dispatcher.cancel(execution)
        run.engine._driver.arrive(live, Ended(failed, 0.0))
        await run.seen(execution, "RetryScheduled")
        await run.engine.set_limit("resource", "gpu", most=0)
        run.clock.advance(2.0)
        await run.seen(execution, "SlotsRequested", 2)
        run.engine._driver.arrive(live, Ended(failed, 0.0))
        await live.settled()
        types = [event["type"] for event in await run.events(execution)]
        assert types.count("RetryScheduled") == 1 and types[-1] == "LateResultRefused"


async def test_what_is_let_pass_and_cancelled_at_once_leaves_nothing_behind() -> None:
    group = {"type": "group", "tasks": {"t": {"type": "stay", "limits": "gpu", "input": {}}}}
    async with Harness(stay) as run:
        await run.engine.set_limit("resource", "gpu", most=0)
        execution, live = await _live(run, flow(g=group), "SlotsRequested")
        claim = live.state.slots.claims["g/t"]
        body = f'{{"path": "g/t", "seq": {claim.seq}, "granted": true}}'
        cancel = RequestRow("c", execution, "default", "cancel", "{}", None, 0.0)
        granted = RequestRow("s", execution, "default", "slots", body, None, 0.0)
        run.engine._driver.arrive(live, Requested(cancel, False, 0.0), Requested(granted, False, 0.0))
        await live.settled()
        assert (await run.engine.get(execution))["status"] == "cancelled"
        inspector = Inspector(run.engine.backend, run.engine.plugins, run.engine.settings)
        assert [one.problems async for one in inspector.check(deep=True) if one.problems] == []


async def test_an_engine_that_cannot_start_says_what_the_store_said() -> None:
    class Gone(MemoryBackend):
        async def find_documents(self, query: Any) -> Any:
            raise StateUnavailable("The store is gone.")

    settings = KernelSettings(store_patience=0, freeze_at_start=False)
    with pytest.raises(StateUnavailable, match="gone"):
        async with Engine(Gone("memory://"), load_plugins(settings), settings):
            pass


async def test_who_takes_over_from_itself_goes_on() -> None:
    gate = anyio.Event()

    @task_type("gated")
    async def gated(ctx: TaskContext, input: Any) -> int:
        """End when it may."""
        await gate.wait()
        return 7

    async with Harness(gated) as run:
        execution, live = await _live(run, flow(t={"type": "gated", "input": {}}), "TaskScheduled")
        await run.engine.adopt(execution, force=True)
        assert run.engine._driver.lives[execution] is live
        gate.set()
        assert (await run.finish(execution))["status"] == "completed"


async def test_an_outage_while_orphans_are_adopted_is_one_error_of_the_store() -> None:
    class Gone(MemoryBackend):
        async def events(self, *given: Any, **named: Any) -> Any:
            raise StateUnavailable("The store is gone.")

    settings = KernelSettings(store_patience=0, freeze_at_start=False)
    async with Harness(stay, url="memory://outage-at-adoption") as first:
        for _ in range(3):
            await first.engine.start(flow(t={"type": "stay", "input": {}}))
        plugins = load_plugins(settings, extra=[stay])
        async with Engine(Gone("memory://outage-at-adoption"), plugins, settings) as second:
            rows = await second.backend.unfinished()
            with pytest.raises(StateUnavailable, match="gone"):
                await second._owner.adopt_all(rows)


async def test_a_request_is_taken_though_it_could_not_be_read_when_it_came() -> None:
    class Blinking(MemoryBackend):
        blinks = 0

        async def requests(self, *given: Any) -> Any:
            self.blinks -= 1
            if self.blinks >= 0:
                raise StateUnavailable("The store has blinked.")
            return await super().requests(*given)

    settings = KernelSettings(freeze_at_start=False)
    wait = flow(t={"type": "event", "input": {"name": "go"}})
    async with Harness(url="memory://blinking") as other:
        store = Blinking("memory://blinking")
        async with Engine(store, load_plugins(settings), settings) as owner:
            execution = await owner.start(wait)
            store.blinks = 1
            await other.engine.signal(execution, "go")
            with anyio.fail_after(10):
                assert await owner.wait(execution) == "completed"
