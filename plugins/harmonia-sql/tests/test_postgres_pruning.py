"""Pruning on PostgreSQL: what two transactions do to one blob, and space that is usable again."""

import anyio
import psycopg
import pytest

from harmonia_core.testing.state_backend_log import submit
from harmonia_core.testing.state_backend_rows import ENGINE, event_row, execution_id
from harmonia_core.testing.state_backend_upkeep import blob, ended
from harmonia_sql import POSTGRES
from harmonia_sql.postgres.tidying import LEAST, Tidying


@pytest.fixture
async def backend(postgres_url):
    backend = POSTGRES.create(postgres_url, "auto")
    await backend.open(ENGINE)
    yield backend
    await backend.close()


async def test_a_blob_stays_while_somebody_is_about_to_refer_to_it(backend, postgres_url):
    first = ended(1)
    first.blobs = [blob(1, "sha256:shared", b"data", 4)]
    await backend.commit(first)
    pruned = []

    async def prune():
        pruned.append(await backend.prune([execution_id(1)]))

    looked = backend._opened.writer.connection._statements.stored_blob.replace("?", "%s")
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND state = 'active'"
    with psycopg.connect(postgres_url) as writer, psycopg.connect(postgres_url, autocommit=True) as watcher:
        # Another engine has found the blob stored, and writes the reference a moment later.
        assert writer.execute(looked, ("default", "sha256:shared")).fetchone()
        async with anyio.create_task_group() as group:
            group.start_soon(prune)
            with anyio.fail_after(20):
                while not pruned and not watcher.execute(waiting).fetchone()[0]:
                    await anyio.sleep(0.01)
            row = (execution_id(2), "default", "sha256:shared")
            writer.execute("INSERT INTO blob_reference VALUES (%s, %s, %s)", row)
            writer.commit()
    assert [(gone.executions, gone.blobs) for gone in pruned] == [(1, 0)]
    assert await backend.blob("default", "sha256:shared") == b"data"


def size(url):
    with psycopg.connect(url) as connection:
        return connection.execute("SELECT pg_total_relation_size('event')").fetchone()[0]


@pytest.fixture
def lonely_url(own_postgres):
    """Give a database of a server that nobody else uses.

    PostgreSQL uses an emptied page of an index again when no transaction of the whole server,
    in whichever database, is older than the page's end: a neighbour would decide about the size.
    """
    return own_postgres.create_database()


async def test_tables_keep_their_size_though_nobody_waits_for_autovacuum(lonely_url, monkeypatch):
    monkeypatch.setattr("harmonia_sql.postgres.tidying.LEAST", 50)
    backend = POSTGRES.create(lonely_url, "auto")
    await backend.open(ENGINE)
    backend._database._tidying._enough = 50
    kept, sizes = [], []
    for first in range(0, 600, 50):
        units = [ended(number, float(number), seq=20) for number in range(first, first + 50)]
        for number, unit in enumerate(units, first):
            unit.events += [event_row(number, seq) for seq in range(2, 21)]
        await submit(backend, units)
        kept += [unit.created.execution_id for unit in units]
        await backend.prune(kept[:-100])
        kept = kept[-100:]
        sizes.append(size(lonely_url))
    await backend.close()
    assert max(sizes[4:]) <= 1.2 * min(sizes[4:])


def test_a_large_store_is_vacuumed_more_rarely(monkeypatch):
    tidying = Tidying(None)
    monkeypatch.setattr("harmonia_sql.postgres.tidying.vacuum", lambda *arguments: 100_000.0)
    assert not tidying.note(LEAST - 1)
    assert tidying.note(1)
    tidying.vacuum()
    assert not tidying.note(9_999)
    assert tidying.note(1)
