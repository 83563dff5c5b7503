"""W1 to W4, W6, W6j, a map and a loop: each drives an engine by its public door and checks it."""

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import anyio
import shapes
import work
from floor import plain
from meter import Meter, quantile
from shapes import Definition

from harmonia_core.host import Engine, KernelSettings, create_backend, load_plugins

IN_FLIGHT, CHAIN_OF_MANY, IDLE, THOUSAND = 50, 5, 0.005, 1000
EVENTS_OF_A_ROUND, LOGS = 3, 10


def engine_on(url: str, types: Iterable[Any] = (), settings: KernelSettings | None = None) -> Engine:
    """Return an engine, not opened yet, with the benchmarks' task types; settings: default if not given."""
    settings = settings or KernelSettings()
    plugins = load_plugins(settings, extra=[work.step, *types])
    return Engine(create_backend(url, plugins, settings), plugins, settings)


async def check(engine: Engine, execution_id: str, n: int) -> int:
    """Return how many events an execution has; raise AssertionError unless it is completed with output n."""
    view = await engine.get(execution_id)
    assert view["status"] == "completed" and view["output"] == {"n": n}, (view["status"], view["error"])
    return int(view["seq"])


async def one(
    url: str,
    definition: Definition,
    result: int,
    meter: Meter,
    *types: Any,
    tasks: int | None = None,
    settings: KernelSettings | None = None,
) -> dict[str, Any]:
    """Run one execution; opening the store and compiling the definition, once, do not count.

    tasks: how many are run, if not those that are written.
    """
    async with engine_on(url, types, settings) as engine:
        compile_ms = compiled(engine, definition)
        with meter.running():
            execution_id = await engine.start(definition, {"n": 0})
            await engine.wait(execution_id)
        figures = meter.figures(tasks or len(definition["tasks"]))
        return {**figures, "compile_ms": compile_ms, "events": await check(engine, execution_id, result)}


def compiled(engine: Engine, definition: Definition) -> float:
    """Compile a definition, as publishing it would; return the milliseconds it took."""
    begun = time.perf_counter()
    engine.compile(definition)
    return round(1000 * (time.perf_counter() - begun), 1)


async def w1(url: str, n: int, meter: Meter) -> dict[str, Any]:
    """Run one chain of n."""
    return await one(url, shapes.chain(n), n, meter)


async def w2(url: str, n: int, meter: Meter) -> dict[str, Any]:
    """Run one fan-out 1 → n → 1."""
    return await one(url, shapes.fan(n), 2, meter)


async def w6j(url: str, n: int, meter: Meter) -> dict[str, Any]:
    """Run one fan-out 1 → n → 1 whose tasks sleep, then the same sleeps on the bare loop."""
    sleep = work.sleeper(n)
    figures = await one(url, shapes.fan(n, "bench.sleep"), 2, meter, sleep)
    return {**figures, "plain_seconds": round(await plain(n, sleep), 4)}


async def w3(url: str, n: int, meter: Meter) -> dict[str, Any]:
    """Run n executions of chains of five, fifty in flight."""
    definition, ids = shapes.chain(CHAIN_OF_MANY), list[str]()
    todo = iter(range(n))

    async def submit(engine: Engine) -> None:
        for number in todo:
            ids.append(await engine.start(definition, {"n": number}))
            await engine.wait(ids[-1])

    async with engine_on(url) as engine:
        compiled(engine, definition)
        with meter.running():
            async with anyio.create_task_group() as group:
                for _ in range(IN_FLIGHT):
                    group.start_soon(submit, engine)
        figures = meter.figures(n * CHAIN_OF_MANY)
        outputs = sorted([(await engine.get(execution_id))["output"]["n"] for execution_id in ids])
        assert outputs == list(range(CHAIN_OF_MANY, n + CHAIN_OF_MANY))
    return {**figures, "executions": n, "executions_per_s": round(n / meter.seconds, 1)}


async def w4(url: str, n: int, meter: Meter) -> dict[str, Any]:
    """Time n submissions to an idle engine until the second task of a chain is entered."""
    definition = shapes.chain(2, "bench.clocked")
    waits: list[float] = []
    async with engine_on(url, [work.clocked]) as engine:
        compiled(engine, definition)
        with meter.running():
            for _ in range(n):
                work.entered.clear()
                submitted = time.perf_counter()
                execution_id = await engine.start(definition, {"n": 0})
                await engine.wait(execution_id)
                waits.append(1000 * (work.entered[1] - submitted))
                await anyio.sleep(IDLE)
        await check(engine, execution_id, 2)
    figures = {"p50_ms": round(quantile(waits, 0.5), 3), "p99_ms": round(quantile(waits, 0.99), 3)}
    return {**meter.figures(2 * n), "samples": n, **figures, "max_ms": round(max(waits), 3)}


async def mapped(url: str, n: int, meter: Meter) -> dict[str, Any]:
    """Run one map over n numbers."""
    return await one(url, shapes.mapped(n), n, meter, tasks=n)


async def looped(url: str, n: int, meter: Meter, roll_over_after: int = 0) -> dict[str, Any]:
    """Run one loop of n rounds; also tell what each of the first and of the last thousand costs."""
    work.spent.clear()
    settings = KernelSettings(roll_over_after=roll_over_after)
    figures = await one(url, shapes.looped(n), n, meter, work.spending, tasks=n, settings=settings)
    first, last = work.spent[:THOUSAND], work.spent[-THOUSAND:]
    return {**figures, "first_cpu_ms": _apart(first), "last_cpu_ms": _apart(last)}


async def rolled(url: str, n: int, meter: Meter) -> dict[str, Any]:
    """Run the loop in ten logs instead of one."""
    return await looped(url, n, meter, max(1, EVENTS_OF_A_ROUND * n // LOGS))


def _apart(moments: list[float]) -> float:
    """Return how many milliseconds lie between two of some moments in seconds, on average."""
    return round(1000 * (moments[-1] - moments[0]) / max(1, len(moments) - 1), 4)


RUNS = {
    "W1": w1,
    "W2": w2,
    "W3": w3,
    "W4": w4,
    "W6": w2,
    "W6j": w6j,
    "map": mapped,
    "loop": looped,
    "rolled": rolled,
}


def measure(workload: str, url: str, n: int, profile: Path | None) -> dict[str, Any]:
    """Run one workload in this process and return its figures."""
    return anyio.run(RUNS[workload], url, n, Meter(profile))
