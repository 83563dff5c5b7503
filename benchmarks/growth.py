"""W7: W3 on stores that hold 0, n/10 and n finished executions, in turn, so that noise meets all alike."""

import json
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import Any

import anyio
import shapes
from places import Place
from workloads import CHAIN_OF_MANY, engine_on

from harmonia_core import ExecutionQuery, Unit
from harmonia_core.host import Engine

RUN = Path(__file__).with_name("run.py")
EXECUTIONS, ROUNDS, AT_ONCE = 500, 5, 500


def measure(place: Place, n: int, rounds: int = ROUNDS, executions: int = EXECUTIONS) -> dict[str, Any]:
    """Fill the stores, run W3 on each in turn, and return the medians by what was stored."""
    sizes = sorted({0, n // 10, n})
    urls = {size: place(f"stored-{size}") for size in sizes}
    for size, url in urls.items():
        anyio.run(fill, url, size)
    runs: dict[int, list[dict[str, Any]]] = {size: [] for size in sizes}
    for _ in range(rounds):
        for size, url in urls.items():
            runs[size].append(_w3(url, executions))
    cpu = {size: median(run["cpu_ms_per_task"] for run in found) for size, found in runs.items()}
    rate = {size: median(run["executions_per_s"] for run in found) for size, found in runs.items()}
    return {
        "cpu_ms_per_task": cpu,
        "executions_per_s": rate,
        "cpu_over_empty": {size: round(value / cpu[0], 3) for size, value in cpu.items()},
    }


def _w3(url: str, executions: int) -> dict[str, Any]:
    command = [sys.executable, str(RUN), "--workload", "W3", "--n", str(executions), "--db", url]
    line = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    print(line, file=sys.stderr, flush=True)
    figures: dict[str, Any] = json.loads(line)
    return figures


async def fill(url: str, count: int) -> None:
    """Run one chain of five, and store `count` more like it, as the engine would have left them."""
    async with engine_on(url) as engine:
        execution_id = await engine.start(shapes.chain(CHAIN_OF_MANY), {"n": 0})
        await engine.wait(execution_id)
        for start in range(0, count, AT_ONCE):
            await _store(engine, execution_id, min(AT_ONCE, count - start))
        if count:
            found, _ = await engine.backend.find(ExecutionQuery(limit=1))
            assert found[0].status == "completed"


async def _store(engine: Engine, execution_id: str, count: int) -> None:
    store = engine.backend
    head = await store.head(execution_id)
    events, tasks = await store.events(execution_id), await store.tasks(execution_id)
    assert head is not None
    units = []
    for _ in range(count):
        key = engine._new_id()
        units.append(
            Unit(
                created=head._replace(execution_id=key, root_id=key),
                events=[row._replace(execution_id=key) for row in events],
                tasks=[row._replace(execution_id=key) for row in tasks],
            )
        )
    done, left = anyio.Event(), [count]

    def written(results: Any) -> None:
        left[0] -= len(results)
        assert all(error is None for _, error in results), results[0]
        if not left[0]:
            done.set()

    store.submit(units, written)
    await done.wait()
