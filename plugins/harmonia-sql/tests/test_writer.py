"""The writer: who commits where, in what groups, and who is woken."""

import sqlite3
from contextlib import closing

import anyio
import pytest

from harmonia_core import StateBackendError
from harmonia_core.testing.state_backend_rows import execution_id, request_row, start, step
from harmonia_sql.pace import QUICK, TRY_AGAIN, Pace
from harmonia_sql.sqlite import log_room, maintenance, rounds
from harmonia_sql.sqlite.connection import connect


def reported(results, into):
    into.append([unit for unit, error in results if error is None])


async def eventually(condition):
    """Return when a condition holds, that another thread brings about; fail after 10 s."""
    with anyio.fail_after(10):
        while not condition():
            await anyio.sleep(0.005)


async def test_a_lone_unit_is_committed_before_submit_returns(opened):
    backend, told = await opened(), []
    for unit in (start(1), step(1, 1), step(1, 2)):
        backend.submit([unit], lambda results: reported(results, told))
        assert told.pop() == [unit]


async def test_never_means_never(opened):
    backend, told = await opened(in_place="never"), []
    backend.submit([start(1)], lambda results: reported(results, told))
    assert told == []
    await eventually(lambda: told)


async def test_units_of_several_executions_in_turn_go_to_the_writer_and_are_grouped(opened):
    backend, told = await opened(), []

    def done(results):
        reported(results, told)

    with backend._opened.writer.connection.lock:
        for number in range(1, 31):
            backend.submit([start(number)], done)
        assert told == []
    await eventually(lambda: sum(map(len, told)) == 30)
    # The thread waits for the lock with what it has taken up; all the others are one transaction.
    assert len(told) <= 2


async def test_a_large_submit_is_split_by_weight_and_told_once_per_transaction(opened):
    backend, told = await opened(), []
    units = [start(number) for number in range(1250)]
    backend.submit(units, lambda results: reported(results, told))
    await eventually(lambda: sum(map(len, told)) == len(units))
    # Each weighs 2: 500 of them fill a transaction of about 1,000 rows.
    assert [len(part) for part in told] == [500, 500, 250]


async def test_a_lone_unit_that_meets_a_lock_waits_in_the_writer(path, opened):
    backend, told = await opened(), []
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with anyio.fail_after(1):
            backend.submit([start(1)], lambda results: reported(results, told))
        assert told == []
        other.execute("COMMIT")
    await eventually(lambda: told)
    assert await backend.head(execution_id(1)) is not None


async def test_an_answer_that_raises_does_not_end_the_writer(opened):
    backend = await opened(in_place="never")
    heard = []

    def faulty(results):
        heard.append("faulty")
        raise ValueError("a bug of the asker")

    faults = []
    anyio.lowlevel.current_token().native_token.set_exception_handler(
        lambda loop, context: faults.append(context["exception"])
    )
    backend.submit([start(1)], faulty)
    await eventually(lambda: heard)
    await backend.commit(start(2))
    assert [type(fault) for fault in faults] == [ValueError]


async def test_only_the_commits_of_others_wake(opened):
    backend, woken = await opened(), []
    backend.watch(lambda: woken.append(1))
    # The first look finds out where the file stands, and may wake.
    await eventually(lambda: backend._opened.writer.rounds.seen is not None)
    await anyio.sleep(0)
    woken.clear()
    for seq in range(1, 40):
        await backend.commit(start(1) if seq == 1 else step(1, seq - 1))
    looked = backend._opened.writer._looked
    await eventually(lambda: backend._opened.writer._looked > looked)
    assert woken == []
    other = await opened(name=None)
    with anyio.fail_after(2):
        await other.add_request(request_row("r"))
        await eventually(lambda: woken)
    assert [row.request_id for row in await backend.requests()] == ["r"]


async def test_the_log_begins_anew_while_work_goes_on(path, opened, monkeypatch):
    async def log_after_six_rounds():
        backend = await opened(query="?synchronous=normal")
        connection = backend._opened.writer.connection
        await backend.commit(start(1))
        for first in range(1, 600, 100):
            for seq in range(first, first + 100):
                await backend.commit(step(1, seq))
            await eventually(lambda: connection.pages < maintenance.ENOUGH_PAGES)
        size = path.with_name("harmonia.db-wal").stat().st_size
        await backend.close()
        path.unlink()
        return size

    monkeypatch.setattr(log_room, "ROOM", 0)  # the log's own growth is looked at
    monkeypatch.setattr(maintenance, "ENOUGH_PAGES", 1_000_000)
    monkeypatch.setattr(maintenance, "QUIET", 1_000_000)
    endless = await log_after_six_rounds()
    monkeypatch.setattr(maintenance, "ENOUGH_PAGES", 50)
    # At the most it holds what one round writes, of six.
    assert await log_after_six_rounds() < endless / 2


async def test_free_pages_are_given_back_in_slices(path, opened, monkeypatch):
    monkeypatch.setattr(maintenance, "QUIET", 0.0)
    monkeypatch.setattr(maintenance, "SLICE", 16)
    monkeypatch.setattr(rounds, "WATCH_EVERY", 0.005)
    backend = await opened()
    for number in range(3):
        await backend.upload("up", number, b"x" * 1024 * 1024)

    def free():
        with closing(connect(backend._database.address)) as connection:
            return connection.execute("PRAGMA freelist_count").fetchone()[0]

    await backend._write(lambda cursor, statements: cursor.execute(statements.drop_chunks, ("up",)))
    await eventually(lambda: free() < 16)
    await eventually(lambda: path.stat().st_size < 1024 * 1024)


async def test_pages_that_cannot_be_given_back_now_are_no_fault_of_the_log(path, opened, monkeypatch, caplog):
    monkeypatch.setattr(maintenance, "QUIET", 1e9)
    backend = await opened()
    writing = backend._opened.writer.connection
    await backend.upload("up", 0, b"x" * 1024 * 1024)
    await backend._write(lambda cursor, statements: cursor.execute(statements.drop_chunks, ("up",)))
    upkeep = maintenance.Maintenance(backend._database.address)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        for now in (0.0, 2e9):
            upkeep.tick(writing, now)
        with pytest.raises(sqlite3.OperationalError, match="locked"), writing.lock:
            writing.vacuum(maintenance.SLICE)
    upkeep.close()
    assert caplog.records == []


async def test_a_write_that_is_refused_leaves_no_transaction_open(opened):
    backend = await opened()

    def faulty(cursor, statements):
        cursor.execute(statements.drop_chunks, ("up",))
        raise ValueError("no")

    with pytest.raises(StateBackendError, match="ValueError: no"):
        await backend._write(faulty)
    await backend.commit(start(1))


def test_a_loop_that_has_ended_is_told_nothing(path):
    from harmonia_sql.loop import LoopPort

    async def make():
        return LoopPort()

    port = anyio.run(make)
    port.post(pytest.fail, "nobody listens any more")


def test_pace_takes_steps_of_one_execution_and_units_after_a_pause():
    pace = Pace(True)
    assert pace.lone("a", 0.0)
    assert pace.lone("a", 0.0001)
    assert not pace.lone("b", 0.0002)
    assert pace.lone("b", 0.0003)
    assert pace.lone("c", 1.0)
    pace.delivered(1.0019)
    assert not pace.lone("d", 1.002)
    assert not Pace(False).lone("a", 0.0)


def test_pace_follows_the_disk():
    pace = Pace(True)
    for _ in range(100):
        pace.took(QUICK * 3, 5)
    assert [pace.lone("a", 0.0) for _ in range(TRY_AGAIN)].count(True) == 1
    for _ in range(100):
        pace.took(QUICK / 10, 5)
    assert pace.lone("a", 0.0)
    for _ in range(100):
        pace.took(QUICK + 0.01, 1000)
    assert pace.lone("a", 0.0), "a large unit may take longer"
