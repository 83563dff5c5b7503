"""A copy of an SQLite file at work: of one instant, checked, over nothing, and nothing left of a failure."""

import os
import shlex
import sqlite3
import subprocess

import anyio
import pytest
from copying import copied_at_work

from harmonia_core import BackupRefused, BlobRow, StateCorrupt, StateReadOnly
from harmonia_core.testing.state_backend_rows import execution_id, start
from harmonia_sql.new_file import claim
from harmonia_sql.sqlite import backup

pytestmark = pytest.mark.anyio
MIB = 1024 * 1024


def large(number):
    """Return a unit with a blob of 16 MiB, so that a copy takes many steps."""
    unit = start(number)
    data = os.urandom(MIB) * 16
    unit.blobs = [BlobRow("default", f"sha256:{number}", len(data), "x", execution_id(number), data, None)]
    return unit


async def test_a_copy_holds_one_instant_while_commits_go_on(opened, path, tmp_path):
    backend = await opened()
    await backend.commit(large(1))
    copy, shares = tmp_path / "copy.db", []
    made, before, after = await copied_at_work(backend, copy, shares)
    assert made["path"] == str(copy) and made["bytes"] == copy.stat().st_size > 16 * MIB
    await anyio.wait_all_tasks_blocked()
    assert shares == sorted(shares) and len(shares) > 5 and shares[-1] == 1.0
    with sqlite3.connect(copy) as connection:
        [(seq, events)] = connection.execute("SELECT seq, (SELECT count(*) FROM event) FROM execution")
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()
    assert seq == events and before <= seq < after, "it is of one instant, and commits came after it"
    assert sorted(one.name for one in tmp_path.iterdir() if "copy" in one.name) == ["copy.db"]


async def test_the_command_to_restore_restores(opened, path, tmp_path):
    backend = await opened("a")
    await backend.commit(start(1))
    made = await backend.backup(str(tmp_path / "a copy.db"))
    await backend.commit(start(2))
    await backend.close()
    (path.parent / f"{path.name}-wal").write_bytes(b"left by a crash")
    subprocess.run(["bash", "-c", made["restore"]], check=True)
    assert shlex.quote(str(tmp_path / "a copy.db")) in made["restore"]
    again = await opened("b")
    assert await again.head(execution_id(1)) is not None and await again.head(execution_id(2)) is None


async def test_who_cancels_a_backup_finds_nothing_left_of_it(opened, tmp_path):
    backend = await opened()
    await backend.commit(large(1))
    with anyio.CancelScope() as scope:
        await backend.backup(str(tmp_path / "copy.db"), lambda done: scope.cancel())
    assert scope.cancelled_caught
    assert [one.name for one in tmp_path.iterdir() if "copy" in one.name] == []
    assert (await backend.backup(str(tmp_path / "copy.db")))["bytes"] > 0


async def test_two_backups_to_one_target_do_not_meet(opened, tmp_path):
    backend = await opened()
    await backend.commit(large(1))
    refusals = []

    def meet(done):
        if not refusals:
            with pytest.raises(BackupRefused, match="exists"):
                claim(tmp_path / "copy.db")
            refusals.append(done)

    await backend.backup(str(tmp_path / "copy.db"), meet)
    assert refusals and [one.name for one in tmp_path.iterdir() if "copy" in one.name] == ["copy.db"]


async def test_a_target_that_appears_meanwhile_is_left_alone(opened, tmp_path, monkeypatch):
    backend = await opened()
    target = tmp_path / "copy.db"
    check = backup._check

    def appear(*arguments):
        target.write_text("mine")
        check(*arguments)

    monkeypatch.setattr(backup, "_check", appear)
    with pytest.raises(BackupRefused, match="meanwhile"):
        await backend.backup(str(target))
    monkeypatch.setattr(os, "link", _no_links)
    target.unlink()
    with pytest.raises(BackupRefused, match="meanwhile"):
        await backend.backup(str(target))
    assert target.read_text() == "mine"
    assert [one.name for one in tmp_path.iterdir() if "copy" in one.name] == ["copy.db"]


def _no_links(*arguments):
    raise OSError(95, "Operation not supported")


async def test_a_file_system_without_links_will_do(opened, tmp_path, monkeypatch):
    backend = await opened()
    monkeypatch.setattr(os, "link", _no_links)
    assert (await backend.backup(str(tmp_path / "copy.db")))["bytes"] == (tmp_path / "copy.db").stat().st_size


async def test_a_copy_that_is_not_sound_is_removed(opened, tmp_path, monkeypatch):
    backend = await opened()
    await backend.commit(start(1))
    check = backup._check

    def spoil(partial, tables):
        with partial.open("r+b") as file:
            file.seek(4096)
            file.write(b"\xff" * 4096)
        check(partial, tables)

    monkeypatch.setattr(backup, "_check", spoil)
    with pytest.raises(StateCorrupt, match="not sound"):
        await backend.backup(str(tmp_path / "copy.db"))
    monkeypatch.setattr(backup, "_check", lambda partial, tables: check(partial, tables[1:]))
    with pytest.raises(StateCorrupt, match="tables differ"):
        await backend.backup(str(tmp_path / "copy.db"))
    assert [one.name for one in tmp_path.iterdir() if "copy" in one.name] == []


async def test_a_place_that_takes_no_file_is_named(opened, tmp_path, monkeypatch):
    backend = await opened()
    with pytest.raises(BackupRefused, match=r"no/copy\.db"):
        await backend.backup(str(tmp_path / "no" / "copy.db"))
    with pytest.raises(BackupRefused, match="too long"):
        await backend.backup(str(tmp_path / ("x" * 300)))

    def refuse(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(backup, "sync", refuse)
    with pytest.raises(StateReadOnly, match=r"copy\.db"):
        await backend.backup(str(tmp_path / "copy.db"))
    assert [one.name for one in tmp_path.iterdir() if "copy" in one.name] == []
