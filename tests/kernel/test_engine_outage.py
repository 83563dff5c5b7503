"""A store that does not answer for a while costs time; one that stays away costs no execution for good."""

import logging
from collections.abc import Callable, Sequence
from typing import Any

import anyio
import pytest
from anyio.lowlevel import checkpoint

from harmonia_core import Unit, task_type
from harmonia_core.errors import StateBackendError, StateCorrupt, StateFull, StateLocked, StateUnavailable
from harmonia_core.host import Engine, KernelSettings, create_backend, load_plugins
from harmonia_core.testing.clock import FakeClock

CHAIN = {
    "name": "chain",
    "tasks": {
        "first": {"type": "count"},
        "second": {"type": "count", "depends_on": ["first"]},
        "third": {"type": "count", "depends_on": ["second"]},
    },
}
CALLS: list[str] = []
GATES: dict[str, anyio.Event] = {}


@task_type("count")
async def count(ctx: Any, input: Any) -> str:
    """Note that it was called; wait if there is a gate before it."""
    CALLS.append(ctx.path)
    if ctx.path in GATES:
        await GATES[ctx.path].wait()
    return str(ctx.path)


class Failing:
    """Stand before a backend's `submit`. error: what it meets instead, None to let it through."""

    def __init__(self, engine: Engine) -> None:
        self.error: StateBackendError | None = None
        self.refused = 0
        self._submit = engine.backend.submit
        engine.backend.submit = self.submit  # type: ignore[method-assign]

    def submit(self, units: Sequence[Unit], done: Callable[..., None]) -> None:
        if self.error is None:
            self._submit(units, done)
        else:
            self.refused += 1
            done([(unit, self.error) for unit in units])


def make(clock: FakeClock, url: str = "memory://", **settings: Any) -> Engine:
    CALLS.clear()
    told = KernelSettings(**settings)
    plugins = load_plugins(told, extra=[count])
    return Engine(create_backend(url, plugins, told), plugins, told, clock)


async def until(condition: Callable[[], bool]) -> None:
    with anyio.fail_after(10):
        while not condition():
            await checkpoint()


async def on(clock: FakeClock) -> None:
    """Let time pass for whoever sleeps, and things happen otherwise."""
    if clock.next_due is not None:
        clock.advance_to(clock.next_due)
    await checkpoint()


@pytest.mark.parametrize("error", [StateUnavailable("gone"), StateLocked("locked"), StateFull("full")])
async def test_an_outage_is_waited_for_and_nothing_runs_twice(
    error: StateBackendError, caplog: pytest.LogCaptureFixture
) -> None:
    clock = FakeClock()
    with caplog.at_level(logging.WARNING, "harmonia.engine"):
        async with make(clock) as engine:
            store = Failing(engine)
            async with anyio.create_task_group() as group:
                store.error = error
                ended: list[str] = []

                async def run() -> None:
                    ended.append(await engine.wait(await engine.start(CHAIN)))

                for _ in range(3):
                    group.start_soon(run)
                while store.refused < 6:
                    await on(clock)
                assert (CALLS, ended) == ([], []) and store.refused > 5
                store.error = None
                while len(ended) < 3:
                    await on(clock)
            assert ended == ["completed"] * 3 and len(CALLS) == 9
    texts = [record.getMessage() for record in caplog.records]
    assert len(texts) == 2 and texts[0].startswith(f"{error} Trying again"), texts
    assert texts[1].startswith("The store answers again after")


async def test_when_patience_ends_executions_are_let_go_and_can_be_adopted() -> None:
    clock = FakeClock()
    async with make(clock, "memory://outage", store_patience=5.0) as engine:
        store = Failing(engine)
        GATES["second"] = anyio.Event()
        execution_id = await engine.start(CHAIN)
        await until(lambda: "second" in CALLS)
        store.error = StateUnavailable("gone")
        GATES.pop("second").set()
        async with anyio.create_task_group() as group:
            raised: list[Exception] = []

            async def wait() -> None:
                try:
                    await engine.wait(execution_id)
                except StateUnavailable as error:
                    raised.append(error)

            group.start_soon(wait)
            while not raised:
                await on(clock)
        assert raised == [store.error]
        assert (await engine.get(execution_id))["status"] == "running"
    async with make(clock, "memory://outage") as other:
        assert (await other.recover()).adopted == [execution_id]
        assert await other.wait(execution_id) == "completed"


@pytest.mark.parametrize("question", ["unfinished", "alive", "blob", "snapshot", "events", "requests"])
async def test_whoever_recovers_outlives_an_outage(question: str, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, failures = FakeClock(), []
    async with make(clock, f"memory://{question}") as engine:
        GATES["second"] = anyio.Event()
        execution_id = await engine.start(CHAIN)
        await until(lambda: "second" in CALLS)
    del GATES["second"]
    async with make(clock, f"memory://{question}") as other:
        answer = getattr(other.backend, question)

        async def fail_first(*arguments: Any) -> Any:
            if len(failures) < 5:
                failures.append(StateUnavailable("gone"))
                raise failures[-1]
            return await answer(*arguments)

        monkeypatch.setattr(other.backend, question, fail_first)
        async with anyio.create_task_group() as group:
            ended: list[str] = []

            async def recover() -> None:
                assert (await other.recover()).adopted == [execution_id]
                ended.append(await other.wait(execution_id))

            group.start_soon(recover)
            while not ended:
                await on(clock)
    assert ended == ["completed"] and len(failures) == 5


async def test_damage_is_not_waited_for() -> None:
    async with make(FakeClock()) as engine:
        Failing(engine).error = StateCorrupt("damaged")
        with pytest.raises(StateCorrupt):
            await engine.start(CHAIN)


async def test_without_patience_an_outage_is_the_end() -> None:
    async with make(FakeClock(), store_patience=0.0) as engine:
        Failing(engine).error = StateFull("full")
        with pytest.raises(StateFull):
            await engine.start(CHAIN)
