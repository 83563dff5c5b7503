"""Faults of a server: each with its code and message, without the password, and work goes on afterwards."""

import os
import subprocess
import time
from contextlib import contextmanager

import anyio
import psycopg
import pytest

from harmonia_core import (
    EngineRow,
    StateBackendError,
    StateCorrupt,
    StateFull,
    StateLocked,
    StateReadOnly,
    StateUnavailable,
)
from harmonia_core.testing.state_backend_log import submit
from harmonia_core.testing.state_backend_rows import event_row, execution_id, start, step
from harmonia_sql import POSTGRES, writer
from harmonia_sql.postgres import connection as connection_module
from harmonia_sql.testing.cluster import Cluster
from harmonia_sql.testing.fixtures import refuse_or_skip

ENGINE = EngineRow("engine-a", 1, "here", 1.0)


@pytest.fixture(scope="module")
def server():
    """Give a server of this module's own: its settings change."""
    refuse_or_skip()
    cluster = Cluster.make()
    yield cluster
    cluster.remove()


@pytest.fixture
def url(server):
    url = server.create_database()
    yield url
    server.drop_database(url)


@pytest.fixture
async def backend(url):
    backend = POSTGRES.create(url, "auto")
    await backend.open(ENGINE)
    yield backend
    await backend.close()


@pytest.fixture
def short_patience(monkeypatch):
    monkeypatch.setattr(writer, "PATIENCE", 0.3)


def name_of(url):
    return url.rpartition("/")[2]


async def refusal(url, password=""):
    """Open a database that cannot be; return the error, which names it and shows no password."""
    backend = POSTGRES.create(url, "auto")
    with pytest.raises(StateBackendError) as caught:
        await backend.open(ENGINE)
    await backend.close()
    assert "Traceback" not in str(caught.value) and "\n" not in str(caught.value)
    assert "127.0.0.1" in str(caught.value) and name_of(url) in str(caught.value)
    return caught.value


async def test_a_wrong_password(server, url):
    error = await refusal(url.replace(server.password, "s3cret-but-wrong"))
    assert type(error) is StateUnavailable
    assert "refused the user" in str(error) and "Check user and password" in str(error)
    assert "s3cret" not in str(error)


async def test_a_database_that_does_not_exist(server):
    error = await refusal(server.url("nowhere"))
    assert type(error) is StateUnavailable
    assert "does not exist" in str(error) and "createdb" in str(error)
    assert server.password not in str(error)


async def test_nobody_listens(server):
    error = await refusal(server.url("x").replace(f":{server.port}/", ":1/"))
    assert type(error) is StateUnavailable
    assert "cannot be reached" in str(error) and "Check that the server runs there" in str(error)
    assert server.password not in str(error)


async def test_a_role_without_rights(server):
    server.psql('CREATE DATABASE "of_another" OWNER admin')
    try:
        error = await refusal(server.url("of_another"))
    finally:
        server.drop_database(server.url("of_another"))
    assert type(error) is StateReadOnly
    assert "lacks a right" in str(error) and "It needs CREATE" in str(error)


@contextmanager
def crowd(server):
    """Take every connection that the server has for ordinary roles."""
    taken = []
    try:
        while True:
            taken.append(psycopg.connect(server.url()))
    except psycopg.OperationalError:
        yield
    finally:
        for connection in taken:
            connection.close()


async def test_a_server_without_connections(server, url):
    with crowd(server):
        error = await refusal(url)
    assert type(error) is StateUnavailable
    assert "no connection left" in str(error) and "raise max_connections" in str(error)


async def test_a_default_of_read_only_does_not_bind_the_writer(server, url):
    server.psql(f'ALTER DATABASE "{name_of(url)}" SET default_transaction_read_only = on')
    backend = POSTGRES.create(url, "auto")
    await backend.open(ENGINE)
    await backend.commit(start(1))
    assert (await backend.health())["ok"] is True
    await backend.close()


RAISES = """
CREATE OR REPLACE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'told so' USING ERRCODE = '{}'; END $$;
CREATE TRIGGER fail BEFORE INSERT OR UPDATE ON {} FOR EACH ROW EXECUTE FUNCTION fail()
"""


@pytest.mark.parametrize(
    ("state", "kind", "told"),
    [
        ("25006", StateReadOnly, "cannot be written .*Name the primary server"),
        ("42501", StateReadOnly, "lacks a right"),
        ("53100", StateFull, "no room .*free space on the server's disk"),
        ("53200", StateUnavailable, "gave up a statement"),
        ("57014", StateUnavailable, "gave up a statement .*pg_stat_activity"),
        ("57P03", StateUnavailable, "not available now .*try again"),
        ("55P03", StateLocked, "locked by another session .*pg_stat_activity"),
        ("58030", StateUnavailable, "gave up a statement"),
        ("XX001", StateCorrupt, "damaged .*Restore it from a backup"),
    ],
)
async def test_what_the_server_says_has_its_code_and_advice(backend, server, url, state, kind, told):
    await backend.commit(start(1))
    for table in ("event", "document"):
        server.psql(RAISES.format(state, table), name_of(url))
    with pytest.raises(kind, match=told) as caught:
        await backend.commit(step(1, 1))
    assert type(caught.value) is kind and f"'{name_of(url)}' on 127.0.0.1:" in str(caught.value)
    health = await backend.health()
    assert (health["ok"], health["code"]) == (False, kind.code)
    assert server.password not in str(health)
    for table in ("event", "document"):
        server.psql(f"DROP TRIGGER fail ON {table}", name_of(url))
    await backend.commit(step(1, 1))
    # What was damaged once is believed when the database has been opened anew.
    assert (await backend.health())["ok"] is (kind is not StateCorrupt)


async def test_a_statement_that_takes_too_long(url, monkeypatch):
    monkeypatch.setitem(connection_module.WRITING, "statement_timeout", "300ms")
    backend = POSTGRES.create(url, "auto")
    await backend.open(ENGINE)
    await backend.commit(start(1))
    with psycopg.connect(url) as other:
        other.execute("LOCK TABLE event, document IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(StateUnavailable, match=r"gave up a statement .*statement timeout"):
            await backend.commit(step(1, 1))
        health = await backend.health()
        assert (health["ok"], health["code"]) == (False, "store-unavailable")
        other.rollback()
    await backend.commit(step(1, 1))
    assert (await backend.health())["ok"] is True
    await backend.close()


async def test_a_transaction_that_idled_too_long_is_done_again(url, monkeypatch):
    monkeypatch.setitem(connection_module.WRITING, "idle_in_transaction_session_timeout", "100ms")
    backend = POSTGRES.create(url, "never")
    await backend.open(ENGINE)
    times = []

    def dawdle(cursor, statements):
        cursor.execute(statements.drop_chunks, ("u",))
        cursor.settle()
        times.append(time.monotonic())
        if len(times) == 1:
            time.sleep(0.5)

    await backend._write(dawdle)
    assert len(times) == 2
    assert (await backend.health())["ok"] is True
    await backend.close()


async def test_a_database_that_is_dropped_under_it(server, short_patience):
    url = server.create_database()
    backend = POSTGRES.create(url, "auto")
    await backend.open(ENGINE)
    await backend.commit(start(1))
    server.drop_database(url)
    with pytest.raises(StateUnavailable, match="does not exist"):
        await backend.commit(step(1, 1))
    health = await backend.health()
    assert (health["ok"], health["code"]) == (False, "store-unavailable")
    assert server.password not in str(health)
    await backend.close()


async def test_a_server_that_is_full_of_others_while_its_connections_are_lost(
    server, backend, short_patience
):
    await backend.commit(start(1))
    server.psql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'harmonia'")
    with crowd(server):
        with pytest.raises(StateUnavailable, match="no connection left"):
            while True:
                await backend.commit(start(2))
                server.psql(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE usename = 'harmonia' AND application_name = 'harmonia'"
                )
        assert (await backend.health())["ok"] is False
    with anyio.fail_after(20):
        while not (await backend.health())["ok"]:
            await anyio.sleep(0.05)


@pytest.fixture
def small_disk(server):
    """Give a folder of 40 MB that the server may use; it ends with the test."""
    if os.geteuid() != 0:
        pytest.skip("a small disk takes a mount, so root")
    folder = server.folder / "small"
    folder.mkdir()
    size = ["-o", "size=40m,mode=0777", "-t", "tmpfs", "none", str(folder)]
    if subprocess.run(["mount", *size], check=False, capture_output=True).returncode:
        pytest.skip("mounting is not allowed here")
    place = folder / "tables"
    place.mkdir()
    stat = (server.folder / "data").stat()
    os.chown(place, stat.st_uid, stat.st_gid)
    yield place
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


async def test_a_full_disk_of_the_server(server, small_disk):
    server.psql(f"CREATE TABLESPACE small LOCATION '{small_disk}'")
    server.psql("CREATE DATABASE on_small OWNER harmonia TABLESPACE small")
    backend = POSTGRES.create(server.url("on_small"), "auto")
    await backend.open(ENGINE)
    await backend.commit(start(1))
    ballast = small_disk.parent / "ballast"
    files = os.statvfs(small_disk)
    ballast.write_bytes(bytes(files.f_bavail * files.f_frsize))
    large = step(1, 1, 3)
    large.events = [event_row(1, seq, data='"' + os.urandom(300_000).hex() + '"') for seq in (2, 3, 4)]
    [error] = await submit(backend, [large])
    assert type(error) is StateFull and "No space left on device" in str(error)
    assert "free space on the server's disk" in str(error) and "'on_small' on 127.0.0.1" in str(error)
    health = await backend.health()
    assert (health["ok"], health["code"]) == (False, "store-full")
    ballast.unlink()
    assert await submit(backend, [large]) == [None]
    assert [row.seq for row in await backend.events(execution_id(1))] == [1, 2, 3, 4]
    assert (await backend.health())["ok"] is True
    await backend.close()
    server.drop_database(server.url("on_small"))
    server.psql("DROP TABLESPACE small")
