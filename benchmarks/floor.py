"""What nothing durable can beat on this disk, and what the event loop does without any durability."""

import sqlite3
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import anyio
import work
from meter import Meter, quantile

SLOTS, PLAIN_TASKS = 1000, 10_000
COLUMNS = """
    execution_id TEXT NOT NULL, seq INTEGER NOT NULL, at FLOAT NOT NULL, type TEXT NOT NULL,
    v INTEGER NOT NULL, actor TEXT, causation TEXT, data TEXT NOT NULL, PRIMARY KEY (execution_id, seq)
"""
TABLE = f"CREATE TABLE IF NOT EXISTS floor ({COLUMNS})"
ROW = "INSERT INTO floor VALUES (?, ?, ?, 'TaskSucceeded', 1, NULL, NULL, ?)"
EXECUTION = "0190f0d4-7a5e-7bbb-8b55-3f8f8d2b8c11"
DATA = '{"path":"t0001","attempt":1,"output":{"n":2},"size":7}'


def commits(url: str, n: int, meter: Meter) -> list[float]:
    """Commit n rows one by one, on one connection; return how many milliseconds each took."""
    if url.startswith("sqlite"):
        return _on_sqlite(url, n, meter)
    return _on_postgres(url, n, meter)


def _on_sqlite(url: str, n: int, meter: Meter) -> list[float]:
    """WAL and synchronous=FULL, as the engine's connection has them."""
    connection = sqlite3.connect(url.partition(":///")[2], isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(f"{TABLE} WITHOUT ROWID")
    connection.execute("DELETE FROM floor")
    taken = _timed(lambda values: connection.execute(ROW, values), n, meter)
    connection.close()
    return taken


def _on_postgres(url: str, n: int, meter: Meter) -> list[float]:
    """Let each statement, prepared once, be its own transaction: one round trip and one flush a row."""
    import psycopg

    row = ROW.replace("?", "%s").encode()
    with psycopg.connect(url, autocommit=True, prepare_threshold=0) as connection:
        connection.execute(TABLE.encode())
        connection.execute(b"TRUNCATE floor")
        cursor = connection.cursor()
        return _timed(lambda values: cursor.execute(row, values), n, meter)


def _timed(write: Callable[[Sequence[Any]], object], n: int, meter: Meter) -> list[float]:
    taken = []
    with meter.running():
        for seq in range(n):
            start = time.perf_counter()
            write((EXECUTION, seq, start, DATA))
            taken.append(1000 * (time.perf_counter() - start))
    return taken


async def plain(count: int, function: Callable[[Any, Any], Awaitable[Any]]) -> float:
    """Return the seconds that `count` calls of a task's function take on the bare loop, 1,000 at once."""
    slots = anyio.Semaphore(SLOTS)

    async def call(position: int) -> None:
        async with slots:
            await function(Place(position), {"n": 1})

    start = time.perf_counter()
    async with anyio.create_task_group() as group:
        for position in range(count):
            group.start_soon(call, position)
    return time.perf_counter() - start


class Place:
    """Stand for the context of a task at some place in a fan-out."""

    def __init__(self, position: int) -> None:
        self.path = f"t{position:05}"


def measure(url: str, n: int) -> dict[str, Any]:
    """Return the figures of both floors; `tasks` are commits here."""
    meter = Meter()
    taken = commits(url, n, meter)
    return {
        **meter.figures(n),
        "commits_per_s": round(n / meter.seconds, 1),
        "p50_ms": round(quantile(taken, 0.5), 4),
        "p99_ms": round(quantile(taken, 0.99), 4),
        "plain_tasks_per_s": round(PLAIN_TASKS / anyio.run(plain, PLAIN_TASKS, work.step), 1),
    }
