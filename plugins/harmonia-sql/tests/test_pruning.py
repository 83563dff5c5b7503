"""Pruning an SQLite file: what a crash leaves, how much one transaction deletes, what size remains."""

import sqlite3
from contextlib import closing

import anyio
import pytest
from sqlalchemy.event import listen

from harmonia_core import FinishedQuery, Pruned, StateUnavailable
from harmonia_core.testing.state_backend_log import submit
from harmonia_core.testing.state_backend_rows import event_row, execution_id, start, step, task_row
from harmonia_core.testing.state_backend_upkeep import blob, ended, full
from harmonia_sql import pruning
from harmonia_sql.pruning import Weight
from harmonia_sql.slices import GOAL, LARGE, LEAST, MOST, TOGETHER, Slices
from harmonia_sql.tables import metadata

EMPTY_ANYWAY = {"alembic_version", "engine", "document", "document_index", "document_stream"}


def counts(path):
    """Return how many rows each table has, those left out that have any."""
    with closing(sqlite3.connect(path)) as connection:
        names = [table.name for table in metadata.sorted_tables if table.name not in EMPTY_ANYWAY]
        found = {name: connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in names}
    return {name: count for name, count in found.items() if count}


def large(number, seq=3000):
    """Return the unit of an execution that is deleted in pieces, with a file of three mebibytes."""
    unit = full(number, ended(number, seq=seq))
    unit.events += [event_row(number, place) for place in range(2, seq + 1)]
    unit.tasks += [task_row(number, place, scope="wide") for place in range(500)]
    unit.blobs = [blob(number, "sha256:file", None, 3 * 2**20, "up-1"), blob(number, "sha256:a", b"a", 1)]
    return unit


async def upload(backend):
    for number in range(3):
        await backend.upload("up-1", number, b"x" * 2**20)


@pytest.mark.parametrize("transactions", range(1, 16, 3))
async def test_a_crash_between_two_transactions_leaves_what_the_next_engine_deletes(
    path, opened, monkeypatch, transactions
):
    first = await opened()
    await upload(first)
    await submit(first, [large(1), start(2)])
    left = iter(range(transactions))
    original = first._write

    async def dying(write):
        if next(left, None) is None:
            raise StateUnavailable("the process is gone")
        await original(write)

    monkeypatch.setattr(first, "_write", dying)
    with pytest.raises(StateUnavailable):
        await first.prune([execution_id(1)])
    await first.close()
    # From the first transaction on it is gone for everybody.
    second = await opened("engine-b")
    assert await second.head(execution_id(1)) is None
    assert await second.finished(FinishedQuery()) == ([], None)
    await (second.sweep(0.0) if transactions % 2 else second.prune([]))
    assert counts(path) == {"execution": 1, "execution_label": 1, "event": 1}


async def test_no_transaction_deletes_much_more_than_it_may(path, opened, monkeypatch):
    backend = await opened()
    await upload(backend)
    await submit(backend, [large(1, 9000), *[full(number, ended(number)) for number in range(2, 200)]])
    changes = []
    call = backend._opened.writer.connection.call

    def counting(write, patience):
        before = backend._opened.writer.connection._connection.total_changes
        call(write, patience)
        changes.append(backend._opened.writer.connection._connection.total_changes - before)

    monkeypatch.setattr(backend._opened.writer.connection, "call", counting)
    gone = await backend.prune([execution_id(number) for number in range(1, 200)])
    assert gone == Pruned(199, 9198, 2, 3 * 2**20 + 1)
    assert counts(path) == {}
    assert len(changes) > 10 and max(changes) <= MOST + TOGETHER


async def test_the_file_keeps_its_size_while_executions_come_and_go(path, opened):
    backend = await opened(query="?synchronous=normal")
    kept, sizes = [], []
    for first in range(0, 600, 50):
        units = [full(number, ended(number, float(number))) for number in range(first, first + 50)]
        for unit in units:
            unit.events += [event_row(int(unit.created.execution_id[-12:]), seq) for seq in range(2, 12)]
        await submit(backend, units)
        kept += [unit.created.execution_id for unit in units]
        await backend.prune(kept[:-100])
        kept = kept[-100:]
        with closing(sqlite3.connect(path)) as connection:
            sizes.append(connection.execute("PRAGMA page_count").fetchone()[0])
    rows, _ = await backend.finished(FinishedQuery(limit=1000))
    assert [row.execution_id for row in rows] == kept
    assert max(sizes[3:]) <= 1.2 * min(sizes[3:])


async def test_vacuum_gives_space_back_alone_and_beside_others(path, opened):
    backend = await opened()
    for beside in (False, True):
        other = await opened("engine-b") if beside else None
        await upload(backend)
        await backend.commit(large(1))
        full_size = pages(path)
        await backend.prune([execution_id(1)])
        await backend.vacuum()
        assert pages(path) < full_size / 3
        if other is not None:
            await other.commit(start(7))
            await other.commit(step(7, 1))


@pytest.mark.parametrize("beside", [False, True])
async def test_a_vacuum_waits_until_another_process_has_written(path, opened, beside):
    backend = await opened()
    if beside:
        await opened("engine-b")
    await upload(backend)
    await backend.commit(large(1))
    full_size = pages(path)
    await backend.prune([execution_id(1)])
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        async with anyio.create_task_group() as group:
            group.start_soon(backend.vacuum)
            with anyio.fail_after(4):
                while backend._opened.writer.connection.failure is None:
                    await anyio.sleep(0)
            other.execute("ROLLBACK")
    assert pages(path) < full_size / 3


async def test_a_blob_that_is_deleted_while_it_is_read_is_whole_or_not_there(opened):
    backend = await opened()
    await upload(backend)
    await backend.commit(large(1))
    other = await opened("engine-b")
    core, gone = other._opened.reader._engine, []

    def delete(*arguments):
        if not gone:
            gone.append(anyio.from_thread.run(backend.prune, [execution_id(1)]))

    listen(core, "after_cursor_execute", delete)
    assert await other.blob("default", "sha256:file") == b"x" * 3 * 2**20
    assert gone[0].executions == 1 and await other.blob("default", "sha256:file") is None


def pages(path):
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("PRAGMA page_count").fetchone()[0]


async def test_what_is_half_deleted_is_not_deleted_at_once(path, opened):
    backend = await opened()
    await upload(backend)
    await backend.commit(large(1))
    await backend._slice(pruning.begin_large, execution_id(1))
    found = counts(path)
    assert "execution" not in found and found["event"] == 3000 and found["pruning"] == 1


def test_a_transaction_takes_as_many_as_fit():
    slices = Slices()
    small = [Weight(str(number), 30, ()) for number in range(200)]
    assert slices.next(small) == slices.rows // 30
    slices.rows = MOST
    assert slices.next(small) == TOGETHER
    assert slices.next([Weight("a", LARGE, ()), *small]) == 1 + (MOST - LARGE) // 30
    assert slices.next([Weight("a", LARGE + 1, ()), *small]) == 0
    slices.rows = LEAST
    assert slices.next([Weight("a", 2 * LEAST, ())]) == 1


def test_transactions_become_shorter_when_they_are_slow():
    slices = Slices()
    for _ in range(50):
        slices.took(2 * GOAL)
    assert slices.rows == LEAST
    slices.took(0.75 * GOAL)
    assert slices.rows == LEAST
    for _ in range(50):
        slices.took(0.0)
    assert slices.rows == MOST
