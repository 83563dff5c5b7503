"""Health tells the truth: false with a code while a fault lasts, true afterwards, and never late."""

import sqlite3
import threading
import time
from contextlib import ExitStack, closing

import anyio
import pytest

from harmonia_core import StateFull
from harmonia_core.testing.state_backend_log import submit
from harmonia_core.testing.state_backend_rows import event_row, start, step
from harmonia_sql import health as health_module
from harmonia_sql import writer

BOUND = 0.4


@pytest.fixture
def short_bound(monkeypatch):
    monkeypatch.setattr(health_module, "BOUND", BOUND)


async def told(backend):
    """Return `ok` and the code, after checking that the answer came in time."""
    begun = time.perf_counter()
    health = await backend.health()
    assert time.perf_counter() - begun < backend._health.bound + 1
    assert health["ok"] or health["error"]
    return health["ok"], health.get("code")


async def test_a_healthy_store_says_what_it_is_and_how_quick(path, opened):
    backend = await opened()
    health = await backend.health()
    assert health["ok"] is True and health["path"] == str(path)
    assert health["commits"]["median"] > 0 and health["seconds"] > 0


@pytest.mark.parametrize("patience", [0.05, 5.0], ids=["shorter", "longer"])
async def test_a_locked_store(path, opened, short_bound, monkeypatch, patience):
    monkeypatch.setattr(writer, "PATIENCE", patience)
    backend = await opened()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert await told(backend) == (False, "store-locked")
        assert await told(backend) == (False, "store-locked")
        other.execute("ROLLBACK")
    assert await told(backend) == (True, None)


async def test_a_writer_that_is_stuck_gets_no_more_to_do(opened, short_bound):
    backend = await opened()
    with backend._opened.writer.connection.lock:
        for _ in range(3):
            assert await told(backend) == (False, "store-stuck")
        assert backend._opened.writer._queue.qsize() <= 1
    assert await told(backend) == (True, None)


async def test_readers_that_are_stuck(opened, short_bound):
    backend = await opened()
    pool = backend._opened.reader._engine
    with ExitStack() as stack:
        for _ in range(4):
            stack.enter_context(pool.connect())
        for _ in range(3):
            assert await told(backend) == (False, "store-stuck")
    while (await told(backend)) == (False, "store-stuck"):
        pass
    assert await told(backend) == (True, None)


class Watched:
    """A lock that says how many have asked for it."""

    def __init__(self, lock):
        self.asked, self.release, self._lock = 0, lock.release, lock

    def acquire(self, *arguments, **named):
        self.asked += 1
        return self._lock.acquire(*arguments, **named)


async def test_two_who_ask_at_once_are_told_the_same(opened):
    backend, go_on, answers = await opened(), threading.Event(), []
    watched = backend._health._reading = Watched(backend._health._reading)
    backend._opened.examine = go_on.wait

    async def ask():
        answers.append(await told(backend))

    async with anyio.create_task_group() as group:
        group.start_soon(ask)
        group.start_soon(ask)
        while watched.asked < 2:
            await anyio.sleep(0)
        go_on.set()
    assert answers == [(True, None)] * 2


async def test_a_full_store_whose_probe_still_fits(opened, monkeypatch):
    backend = await opened(in_place="never")
    await backend.commit(start(1))
    assert await told(backend) == (True, None)
    connection = backend._opened.writer.connection._connection
    connection.execute("PRAGMA max_page_count = 1")
    large = step(1, 1)
    large.events = [event_row(1, 2, data='"' + "x" * 60_000 + '"')]
    [error] = await submit(backend, [large])
    assert isinstance(error, StateFull)
    assert await told(backend) == (False, "store-full")
    connection.execute("PRAGMA max_page_count = 1000000")
    assert await submit(backend, [large]) == [None]
    assert await told(backend) == (True, None)


async def test_an_old_want_of_room_does_not_count_where_nothing_was_tried_since(opened, monkeypatch):
    backend = await opened()
    backend._opened.writer.no_room = (StateFull("full"), time.monotonic() - health_module.COUNTS)
    assert await told(backend) == (True, None)


async def test_a_disk_without_room(opened, monkeypatch):
    def full(folder):
        raise OSError(28, "No space left on device")

    backend = await opened()
    monkeypatch.setattr("harmonia_sql.sqlite.errors._try_folder", full)
    assert await told(backend) == (False, "store-full")
    monkeypatch.undo()
    assert await told(backend) == (True, None)


async def test_what_nobody_has_thought_of_is_no_exception(opened, monkeypatch):
    backend = await opened()
    writing = backend._opened.writer

    def fault(call):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(type(writing), "call", lambda self, call: fault(call))
    assert await told(backend) == (False, "store-error")


async def test_a_writer_whose_thread_has_ended_is_stuck(opened, short_bound):
    backend = await opened()
    backend._opened.writer.stop()
    assert await told(backend) == (False, "store-stuck")


async def test_a_store_that_is_closed(opened):
    backend = await opened()
    await backend.close()
    health = await backend.health()
    assert (health["ok"], health["code"]) == (False, "store-unavailable")
