"""Faults of the file and its disk: a clear error, nothing half written, and work goes on afterwards."""

import os
import sqlite3
import subprocess
import sys
import textwrap
from contextlib import closing
from pathlib import Path

import pytest
from anyio import to_thread

from harmonia_core import (
    SchemaMismatch,
    StateBackendError,
    StateCorrupt,
    StateFull,
    StateLocked,
    StateReadOnly,
    StateUnavailable,
    Unit,
)
from harmonia_core.testing.state_backend_log import submit
from harmonia_core.testing.state_backend_rows import ENGINE, event_row, execution_id, put, start, step
from harmonia_sql import SQLITE, writer
from harmonia_sql.sqlite.address import Address, refuse_network
from harmonia_sql.sqlite.errors import translate

both_ways = pytest.mark.parametrize("in_place", ["auto", "never"])


@pytest.fixture
def short_patience(monkeypatch):
    monkeypatch.setattr(writer, "PATIENCE", 0.05)


@both_ways
async def test_a_locked_database_says_so_and_works_again_afterwards(path, opened, in_place, short_patience):
    backend = await opened(in_place=in_place)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StateLocked, match=f"{path} is locked by another process.*then try again"):
            await backend.commit(start(1))
        with pytest.raises(StateLocked):
            await backend.upload("u", 0, b"x")
        assert (await backend.health())["code"] == "store-locked"
        other.execute("ROLLBACK")
    assert await backend.head(execution_id(1)) is None
    await backend.commit(start(1))
    assert len(await backend.events(execution_id(1))) == 1


@both_ways
async def test_a_full_disk_refuses_whole_units_and_later_ones_succeed(opened, in_place):
    backend = await opened(in_place=in_place)
    await backend.commit(start(1))
    connection = backend._opened.writer.connection._connection
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages + 4}")
    large = step(1, 1, 2)
    large.events = [event_row(1, seq, data='"' + "x" * 60_000 + '"') for seq in (2, 3)]
    errors = await submit(backend, [large]) + await submit(backend, [start(2), large])
    assert [type(error) for error in errors] == [StateFull] * 3
    assert "free space" in str(errors[0]) and str(backend._database.address.path) in str(errors[0])
    assert [event.seq for event in await backend.events(execution_id(1))] == [1]
    assert await backend.head(execution_id(2)) is None
    connection.execute("PRAGMA max_page_count = 1000000")
    assert await submit(backend, [large, start(2)]) == [None, None]
    assert len(await backend.events(execution_id(1))) == 3


@both_ways
async def test_a_row_that_cannot_be_stored_refuses_its_unit_alone(opened, in_place):
    backend = await opened(in_place=in_place)
    lone_surrogate = start(1, labels="\ud800")
    huge = start(2, epoch=2**70)
    twice = start(3)
    twice.events.append(event_row(3, 1))
    errors = await submit(backend, [lone_surrogate, start(4), huge, twice, start(5)])
    assert [error is None for error in errors] == [False, True, False, False, True]
    assert all(
        type(error) is StateBackendError and "cannot be stored" in str(error) for error in errors if error
    )
    assert [row.execution_id for row in await backend.unfinished()] == [execution_id(4), execution_id(5)]
    await backend.commit(start(3))


async def test_a_file_that_is_no_database_is_refused_and_left_alone(path, opened):
    path.write_bytes(b"this is no database, but a note\n" * 100)
    before = path.read_bytes()
    with pytest.raises(StateCorrupt, match=r"not an SQLite database .*Restore it from a backup"):
        await opened()
    assert path.read_bytes() == before


async def test_damaged_pages_are_reported_when_they_are_read(path, opened):
    backend = await opened()
    for number in range(300):
        await backend.commit(start(number))
    await backend.close()
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (path.stat().st_size - 4096))
    with pytest.raises(StateCorrupt, match="damaged"):
        again = await opened("engine-b")
        await again.unfinished()


async def test_an_engine_that_could_not_open_leaves_no_sign_of_life(path, opened):
    backend = await opened()
    await backend.close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TABLE engine")
        connection.commit()
    with pytest.raises(SchemaMismatch, match="does not have the tables"):
        await opened("engine-b")
    assert os.listdir(backend._database.address.engines) == []


async def test_what_is_not_there_is_not_made_by_a_reader(path, opened):
    with pytest.raises(StateUnavailable, match=f"no database at {path}"):
        await opened(name=None)
    assert not path.exists()


async def test_a_name_that_no_file_can_have_is_said(path):
    backend = SQLITE.create(f"sqlite:///{path.parent / ('x' * 300)}", "auto")
    with pytest.raises(StateBackendError, match="too long"):
        await backend.open(ENGINE)


async def test_a_folder_is_no_database(path, opened):
    path.mkdir()
    with pytest.raises(StateUnavailable, match="is a folder"):
        await opened()


OPEN_AND_WRITE = """
    import os, sys
    import anyio
    from harmonia_core import EngineRow, StateReadOnly, StreamAppend, Unit
    from harmonia_sql import SQLITE

    async def main(path):
        backend = SQLITE.create(f"sqlite:///{path}", "auto")
        try:
            await backend.open(EngineRow("engine-x", 1, "here", 1.0))
            await backend.commit(Unit(appends=[StreamAppend("default", "s", "1")]))
        except StateReadOnly as error:
            print(error)
        else:
            print("written")
        await backend.close()

    scratch, path = sys.argv[1:]
    # Everything is imported before the rights are given up: the installation may not be a stranger's to read.
    anyio.run(main, scratch)
    os.setgid(65534)
    os.setuid(65534)
    anyio.run(main, path)
"""


def as_a_stranger(scratch, path):
    """Open and write as a user without rights over the tests' files; return what it is told."""
    command = [sys.executable, "-c", textwrap.dedent(OPEN_AND_WRITE), str(scratch / "own.db"), str(path)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0, ran.stderr
    first, told = ran.stdout.split("\n", 1)
    assert first == "written"
    return told


@pytest.fixture
def shared(tmp_path_factory):
    """Return a folder that a stranger may enter but not write."""
    folder = tmp_path_factory.mktemp("shared")
    reachable = folder
    while reachable.owner() != "root" or reachable.stat().st_mode & 0o005 != 0o005:
        reachable.chmod(reachable.stat().st_mode | 0o055)
        reachable = reachable.parent
    return folder


@pytest.mark.skipif(os.geteuid() != 0, reason="needs a second user, so root")
@pytest.mark.parametrize("place", ["harmonia.db", "deeper/harmonia.db"])
def test_a_folder_without_the_right_to_write_is_read_only(shared, tmp_path, place):
    told = as_a_stranger(tmp_path, shared / place)
    assert "read-only" in told or "cannot be made" in told
    assert str(shared) in told


@pytest.mark.skipif(os.geteuid() != 0, reason="needs a second user, so root")
async def test_a_file_without_the_right_to_write_is_read_only(shared, tmp_path):
    file = shared / "harmonia.db"
    backend = SQLITE.create(f"sqlite:///{file}", "auto")
    await backend.open(ENGINE)
    await backend.commit(start(1))
    told = await to_thread.run_sync(as_a_stranger, tmp_path, file)
    assert f"{file} cannot be written" in told and "--db" in told
    await backend.commit(step(1, 1))
    await backend.close()


def test_network_file_systems_are_refused(tmp_path):
    mounts = tmp_path / "mounts"
    root = "/dev/vda / ext4 rw 0 0\n"
    mounts.write_text(
        root
        + "server:/export /mnt/team\\040share nfs4 rw 0 0\n/dev/vdb /mnt/team\\040share/local xfs rw 0 0\n"
    )
    with pytest.raises(StateUnavailable, match=r"network file system \(nfs4\).*local disk"):
        refuse_network(Path("/mnt/team share/a/harmonia.db"), mounts)
    refuse_network(Path("/mnt/team share/local/harmonia.db"), mounts)
    refuse_network(Path("/mnt/team/harmonia.db"), mounts)
    refuse_network(Path("/mnt/team share/a/harmonia.db"), tmp_path / "unreadable")


@pytest.mark.parametrize(
    ("url", "file", "synchronous"),
    [
        ("sqlite:////data/h.db", "/data/h.db", "full"),
        ("sqlite:////data/h.db?synchronous=NORMAL", "/data/h.db", "normal"),
        ("sqlite:///here.db", f"{os.getcwd()}/here.db", "full"),
        ("sqlite:///~/h.db", os.path.expanduser("~/h.db"), "full"),
    ],
)
def test_addresses(url, file, synchronous):
    address = Address.parse(url)
    assert (str(address.path), address.synchronous) == (file, synchronous)


@pytest.mark.parametrize(
    "url",
    ["sqlite://", "sqlite:///", "sqlite:///:memory:", "sqlite:////a?synchronous=off", "sqlite:////a?x=1"],
)
def test_addresses_that_are_refused(url):
    with pytest.raises(StateUnavailable, match="sqlite:"):
        SQLITE.create(url, "auto")


def test_errors_of_the_disk_are_told_apart(tmp_path, monkeypatch):
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR_WRITE
    assert type(translate(error, tmp_path / "h.db")) is StateUnavailable
    monkeypatch.setattr("harmonia_sql.sqlite.errors._free", lambda path: 0)
    assert type(translate(error, tmp_path / "h.db")) is StateFull
    assert type(translate(OSError(28, "No space left on device"), tmp_path / "h.db")) is StateFull
    assert type(translate(OSError(30, "Read-only file system"), tmp_path / "h.db")) is StateReadOnly


async def test_a_version_conflict_leaves_the_rest_of_its_group(opened):
    backend = await opened(in_place="never")
    await backend.commit(Unit(documents=[put("k", "1")]))
    errors = await submit(backend, [Unit(documents=[put("k", "2", if_version=9), put("l", "1")]), start(1)])
    assert [error is None for error in errors] == [False, True]
    assert await backend.document("default", "things", "l") is None


async def test_an_sqlite_that_is_too_old_is_named(opened, monkeypatch):
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 26, 0))
    with pytest.raises(StateUnavailable, match=r"needs 3\.35"):
        await opened()
