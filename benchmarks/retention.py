"""Prune under constant load: the size of the store at each thousand executions, and what commits wait.

W3's load, chains of five with fifty in flight, on an engine that keeps the last so many
executions; then the same load, shorter, on an engine without rules, for comparison.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import anyio
import places
import shapes
import work
from meter import Meter, quantile
from workloads import CHAIN_OF_MANY, IN_FLIGHT

from harmonia_core.contracts.upkeep import FinishedQuery
from harmonia_core.engine.pruner import Pruner
from harmonia_core.host import Engine, KernelSettings, SystemClock, create_backend, load_plugins

# Seconds a commit may be kept waiting by pruning, and by how much the size may vary.
PAUSE, SPREAD = 0.050, 0.2


class Watched:
    """Time what goes through a backend: units from their handing over to their result, and slices.

    slices: seconds of every transaction of upkeep, its commit included; the writer commits
    nothing else meanwhile.
    """

    def __init__(self, backend: Any) -> None:
        self.waits: list[float] = []
        self.slices: list[float] = []
        self._submit, backend.submit = backend.submit, self.submit
        connection = backend._opened.writer.connection
        self._call, connection.call = connection.call, self.call

    def submit(self, units: Sequence[Any], done: Callable[[Any], None]) -> None:
        """Hand units over, and note how long each transaction's results took."""
        start = time.perf_counter()

        def told(results: Any) -> None:
            self.waits.append(time.perf_counter() - start)
            done(results)

        self._submit(units, told)

    def call(self, *arguments: Any) -> None:
        """Do a transaction of upkeep."""
        start = time.perf_counter()
        self._call(*arguments)
        self.slices.append(time.perf_counter() - start)


def engine_on(url: str, keep: int | None) -> Engine:
    """Return an engine, not opened yet, that keeps the last so many executions; None for all."""
    rules = () if keep is None else ({"keep_last": keep},)
    settings = KernelSettings.model_validate({"retention": rules})
    plugins = load_plugins(settings, extra=[work.step])
    return Engine(create_backend(url, plugins, settings), plugins, settings)


async def drive(url: str, executions: int, keep: int | None, every: int) -> dict[str, Any]:
    """Run so many executions and return the figures."""
    definition, todo, meter = shapes.chain(CHAIN_OF_MANY), iter(range(executions)), Meter()
    sizes: list[int] = []

    async def submit(engine: Engine) -> None:
        for number in todo:
            await engine.wait(await engine.start(definition, {"n": number}))
            if number % every == every - 1:
                sizes.append(size(url))
                print(f"{number + 1:>8,} executions  {sizes[-1]:>13,} bytes", file=sys.stderr, flush=True)

    async with engine_on(url, keep) as engine:
        watched = Watched(engine.backend)
        with meter.running():
            async with anyio.create_task_group() as group:
                for _ in range(IN_FLIGHT):
                    group.start_soon(submit, engine)
    kept = await settled(url, keep)
    return {
        **meter.figures(executions * CHAIN_OF_MANY),
        "executions_per_s": round(executions / meter.seconds, 1),
        "kept": kept,
        "sizes": sizes,
        "commits_ms": spread(watched.waits),
        "commits_over_50_ms": sum(wait > PAUSE for wait in watched.waits),
        "slices_ms": spread(watched.slices),
    }


def size(url: str) -> int:
    """Return the bytes of the store: the file without its log, or the tables of the database."""
    if url.startswith("sqlite"):
        return Path(url.partition("://")[2][1:]).stat().st_size
    import psycopg

    with psycopg.connect(url) as connection:
        found = connection.execute(
            "SELECT sum(pg_total_relation_size(oid)) FROM pg_class "
            "WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace"
        )
        return int((found.fetchone() or (0,))[0])


async def settled(url: str, keep: int | None) -> int:
    """Let another pruner finish, and return how many executions are kept."""
    engine = engine_on(url, keep)
    await engine.backend.open(None)
    pruner = Pruner(engine.backend, engine.settings.retention, SystemClock())
    async for doomed in pruner.due():
        await pruner.prune(doomed)
    count, cursor = 0, None
    while rows := (page := await engine.backend.finished(FinishedQuery(limit=1000, cursor=cursor)))[0]:
        count, cursor = count + len(rows), page[1]
    await engine.backend.close()
    return count


def spread(seconds: list[float]) -> dict[str, float]:
    """Return how values are spread, in milliseconds."""
    if not seconds:
        return {"count": 0}
    shares = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999, "max": 1.0}
    return {
        "count": len(seconds),
        **{name: round(1000 * quantile(seconds, share), 2) for name, share in shares.items()},
    }


def measure(place: Any, executions: int, keep: int, every: int) -> dict[str, Any]:
    """Return the figures with and without pruning, and what is judged."""
    pruned = anyio.run(drive, place("pruned"), executions, keep, every)
    plain = anyio.run(drive, place("plain"), max(executions // 10, every), None, every)
    # The first sizes are those of a store that is still filling up.
    full = pruned["sizes"][2 * -(-keep // every) :]
    varies = max(full) / min(full) - 1 if full else 0.0
    longest = pruned["slices_ms"].get("max", 0.0)
    judged = {
        "size_varies_by": round(varies, 4),
        "size_within_20_percent": varies <= SPREAD,
        "longest_slice_ms": longest,
        "no_pause_over_50_ms_by_pruning": longest <= 1000 * PAUSE,
    }
    return {"workload": "retention", "keep": keep, **judged, "pruned": pruned, "unpruned": plain}


def main() -> None:
    """Read the command line, measure, and print one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=20_000, help="executions (default: 20,000)")
    parser.add_argument("--keep", type=int, default=1000, help="executions that are kept (default: 1,000)")
    parser.add_argument("--every", type=int, default=1000, help="executions between two sizes")
    parser.add_argument("--postgres", action="store_true", help="on a PostgreSQL cluster of its own")
    options = parser.parse_args()
    sizes = options.n, options.keep, options.every
    if options.postgres:
        with places.cluster() as make, make() as place:
            found = measure(place, *sizes)
    else:
        with places.files() as place:
            found = measure(place, *sizes)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
