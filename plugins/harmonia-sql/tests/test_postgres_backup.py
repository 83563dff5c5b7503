"""A dump of a PostgreSQL store at work: restored it is whole; no password where others can read it."""

import os
import shlex
import shutil
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import anyio
import anyio.lowlevel
import psycopg
import pytest
from copying import copied_at_work

from harmonia_core import BackupRefused, EngineRow, StateCorrupt, StateFull, StateUnavailable
from harmonia_core.testing.state_backend_rows import execution_id, start, step
from harmonia_sql import POSTGRES
from harmonia_sql.postgres import programs
from harmonia_sql.postgres.programs import find_dump, version

pytestmark = pytest.mark.anyio


@pytest.fixture
async def backend(postgres_url):
    backend = POSTGRES.create(postgres_url, "auto")
    await backend.open(EngineRow("engine-a", 1, "here", 1.0))
    yield backend
    await backend.close()


def script(folder, name, text):
    """Put a program into a folder."""
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{text}\n")
    (folder / name).chmod(0o755)


@pytest.fixture
def dump():
    """Return the real pg_dump."""
    return find_dump(13)


def environment(url, dump):
    """Return the environment in which the command to restore finds its password and its programs."""
    path = f"{dump.parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PGPASSWORD": urlsplit(url).password or "", "PATH": path}


async def test_a_dump_holds_one_instant_and_is_restored_by_its_command(postgres_cluster, tmp_path, dump):
    url = postgres_cluster.create_database("kept")
    backend = POSTGRES.create(url, "auto")
    await backend.open(EngineRow("engine-a", 1, "here", 1.0))
    await backend.commit(start(1))
    copy, shares = tmp_path / "copy.dump", []
    made, before, after = await copied_at_work(backend, copy, shares)
    assert after > before and shares == [1.0]
    assert made["path"] == str(copy) and made["bytes"] == copy.stat().st_size
    assert copy.stat().st_mode & 0o777 == 0o600 and [one.name for one in tmp_path.iterdir()] == ["copy.dump"]
    password = urlsplit(url).password or "none"
    assert password not in made["restore"] and shlex.quote(str(copy)) in made["restore"]
    subprocess.run(["bash", "-c", made["restore"]], check=True, env=environment(url, dump))
    restored = POSTGRES.create(url.replace("/kept", "/kept_restored"), "auto")
    await restored.open(EngineRow("engine-b", 1, "here", 1.0))
    head = await restored.head(execution_id(1))
    assert head.seq == len(await restored.events(execution_id(1))) and before <= head.seq <= after
    assert await restored.alive(["engine-a"]) == set() and await backend.alive(["engine-a"]) == {"engine-a"}
    await restored.commit(step(1, head.seq))
    await restored.close()
    await backend.close()
    postgres_cluster.drop_database(url.replace("/kept", "/kept_restored"))
    postgres_cluster.drop_database(url)


async def test_a_schema_of_its_own_is_dumped_alone(postgres_url, postgres_cluster, backend, tmp_path, dump):
    await backend.commit(start(1))
    made = await backend.backup(str(tmp_path / "copy.dump"))
    url = postgres_cluster.create_database("apart")
    fill = [
        str(dump.with_name("pg_restore")),
        "--no-owner",
        "--exit-on-error",
        f"--dbname={url}",
        made["path"],
    ]
    subprocess.run(fill, check=True)
    with psycopg.connect(url) as connection:
        tables = "SELECT DISTINCT schemaname FROM pg_tables WHERE tablename = 'execution'"
        [(schema,)] = connection.execute(tables).fetchall()
    assert schema in postgres_url
    postgres_cluster.drop_database(url)


async def test_no_program_sees_a_password_among_its_arguments(backend, tmp_path, dump, monkeypatch):
    folder, heard = tmp_path / "bin", tmp_path / "heard"
    script(folder, "pg_dump", f'echo "$@" "$PGPASSWORD" >> {heard}\nexec {dump} "$@"')
    script(folder, "pg_restore", f'echo "$@" >> {heard}\nexec {dump.with_name("pg_restore")} "$@"')
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    await backend.backup(str(tmp_path / "copy.dump"))
    said = [line for line in heard.read_text().splitlines() if "--format" in line]
    password = backend._database.address.parameters["password"]
    assert len(said) == 1 and said[0].count(password) == 1 and said[0].endswith(password)


async def test_what_exists_is_left_alone(backend, tmp_path):
    target = tmp_path / "copy.dump"
    target.write_text("mine")
    with pytest.raises(BackupRefused, match="never writes over"):
        await backend.backup(str(target))
    assert target.read_text() == "mine"
    with pytest.raises(BackupRefused, match="cannot be made"):
        await backend.backup(str(tmp_path / "no" / "copy.dump"))


FAULTS = {
    'echo "pg_dump: error: could not write: No space left on device" >&2; exit 1': (StateFull, "no room"),
    'echo "pg_dump: error: query failed: odd" >&2; exit 1': (StateUnavailable, "query failed: odd"),
    "exit 3": (StateUnavailable, "ended with 3"),
    "exit 0": (StateCorrupt, "cannot be read back"),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_nothing_is_left_of_a_dump_that_failed(backend, tmp_path, dump, monkeypatch, fault):
    folder = tmp_path / "bin"
    script(folder, "pg_dump", f'if [ "$1" = --version ]; then exec {dump} --version; fi\n{fault}')
    (folder / "pg_restore").symlink_to(dump.with_name("pg_restore"))
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    kind, words = FAULTS[fault]
    with pytest.raises(kind, match=words):
        await backend.backup(str(tmp_path / "copy.dump"))
    assert [one.name for one in tmp_path.iterdir()] == ["bin"]


async def test_who_cancels_ends_the_program_too(backend, tmp_path, dump, monkeypatch):
    folder, begun = tmp_path / "bin", tmp_path / "begun"
    os.mkfifo(begun)
    wait = f"echo $$ > {begun}; exec sleep 600"
    script(folder, "pg_dump", f'if [ "$1" = --version ]; then exec {dump} --version; fi\n{wait}')
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    async with anyio.create_task_group() as group:
        group.start_soon(backend.backup, str(tmp_path / "copy.dump"))
        process = int(await anyio.to_thread.run_sync(begun.read_text))
        group.cancel_scope.cancel()
    with anyio.fail_after(10):
        while is_there(process):
            await anyio.lowlevel.checkpoint()
    assert not list(tmp_path.glob("copy*"))


def is_there(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def test_the_program_must_be_there_and_new_enough(tmp_path, monkeypatch):
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.setenv("PATH", str(empty))
    with pytest.raises(BackupRefused, match="postgresql-client-15"):
        find_dump(15, empty)
    old, new = tmp_path / "13" / "bin", tmp_path / "15" / "bin"
    for folder, number in ((old, "13.4"), (new, "15.1 (Debian 15.1-1)")):
        folder.mkdir(parents=True)
        script(folder, "pg_dump", f"echo 'pg_dump (PostgreSQL) {number}'")
    assert find_dump(15, tmp_path) == new / "pg_dump" and version(old / "pg_dump") == 13
    monkeypatch.setenv("PATH", str(old))
    assert find_dump(13, tmp_path) == old / "pg_dump" and find_dump(14, tmp_path) == new / "pg_dump"
    with pytest.raises(BackupRefused, match="of version 15, but the server of 16"):
        find_dump(16, tmp_path)
    shutil.rmtree(tmp_path / "15")
    script(old, "pg_config", f"echo {new}")
    new.mkdir(parents=True)
    script(new, "pg_dump", "echo 'pg_dump (PostgreSQL) 18devel'")
    assert find_dump(15, Path(empty)) == new / "pg_dump"
    script(new, "pg_dump", "echo nothing")
    assert programs.version(new / "pg_dump") == 0
