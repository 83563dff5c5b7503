"""A store that cannot be used: a clear error that names it and says what to do, exit code 4.

Nothing is half-written, and when the fault is gone, `recover` goes on.
"""

import os
import resource
import shutil
import signal
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import pytest
from programs import Answer, Place, Program, task, until

# A store that does not answer is waited for; these tests want the end of that at once.
AT_ONCE = {"HARMONIA_STORE_PATIENCE": "0"}
COMMANDS = [("run", "workflow.json"), ("recover",), ("executions", "list")]


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Return a place where an execution was left behind: its process was killed in its second task."""
    place = Place(tmp_path_factory.mktemp("left"))
    file = place.define(
        {"first": task("mark"), "held": task("hold", ["first"]), "last": task("mark", ["held"])}
    )
    program = place.start("run", file)
    place.begun("held", program)
    program.send(signal.SIGKILL)
    program.ended()
    return place


def interrupted(place: Place, left: Place) -> str:
    """Copy what a killed process has left to another place; return the execution's id."""
    for file in left.folder.glob("store.db*"):
        copy = shutil.copytree if file.is_dir() else shutil.copy
        copy(file, place.database.with_name(file.name))
    for file in (left.folder / "workflow.json", left.marks_file):
        shutil.copy(file, place.folder)
    return place.execution()


def refused(place: Place, said: Program | Answer, code: str, *words: str) -> None:
    """Check that a command ended with 4 and one clear message."""
    assert said.code == 4, said.stdout + said.stderr
    assert f"[{code}]" in said.stderr and str(place.database) in said.stderr, said.stderr
    assert all(word in said.stderr for word in words), said.stderr
    assert "Traceback" not in said.stderr


def goes_on(place: Place, execution_id: str) -> None:
    """Check that what was left can be continued, and that nothing was half-written before."""
    whole(place)
    place.let_through()
    recover = place.ask("recover")
    assert recover.code == 0, recover.stderr
    assert place.show(execution_id)["status"] == "completed"
    whole(place)


def whole(place: Place) -> None:
    """Check that file, logs and heads agree."""
    assert place.rows("PRAGMA integrity_check") == [("ok",)]
    for execution_id, seq in place.rows("SELECT execution_id, seq FROM execution"):
        log = place.rows("SELECT seq FROM event WHERE execution_id = ? ORDER BY seq", execution_id)
        assert [number for (number,) in log] == list(range(1, seq + 1))


@contextmanager
def locked(place: Place) -> Iterator[None]:
    """Hold the write lock, as a backup or an open shell would."""
    with closing(sqlite3.connect(place.database, timeout=10.0, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


def test_a_locked_store_is_reported_after_some_patience(place: Place, left: Place) -> None:
    execution_id = interrupted(place, left)
    before = place.events()
    with locked(place):
        said = place.start("run", "workflow.json"), place.start("recover")
        for program in said:
            program.ended()
            refused(place, program, "store-locked", "locked by another process", "try again")
    assert place.events() == before
    goes_on(place, execution_id)


def test_looking_needs_no_lock(place: Place, left: Place) -> None:
    execution_id = interrupted(place, left)
    with locked(place):
        assert place.show(execution_id)["status"] == "running"
        assert place.ask("executions", "list").code == 0


def test_a_lock_that_comes_while_it_runs_is_waited_for(place: Place) -> None:
    program = place.start("run", place.define({"held": task("hold"), "last": task("mark", ["held"])}))
    place.begun("held", program)
    with locked(place):
        place.let_through(program)
        until(lambda: "locked" in program.stderr, about="for a warning")
        assert program.process.poll() is None
    assert program.ended() == 0, program.stderr
    assert "Trying again" in program.stderr
    whole(place)


def bound_by_permissions() -> list[str]:
    """Return what makes a program obey permissions even if root runs it."""
    if os.geteuid() != 0:
        return []
    if shutil.which("setpriv") is None:
        pytest.skip("root obeys permissions only without its capabilities, which takes setpriv")
    return ["setpriv", "--bounding-set=-dac_override,-dac_read_search,-fowner"]


@pytest.fixture
def obedient(place: Place) -> Callable[..., Program]:
    """Return `place.call` for a program that obeys permissions."""
    prefix = bound_by_permissions()
    return lambda *arguments: place.call(*arguments, prefix=prefix)


@pytest.mark.parametrize("command", COMMANDS[:2], ids=" ".join)
@pytest.mark.parametrize("what", ["file", "folder"])
def test_a_read_only_store_is_reported(
    place: Place, left: Place, obedient: Callable[..., Program], what: str, command: tuple[str, ...]
) -> None:
    place.database = place.folder / "kept" / "store.db"
    place.database.parent.mkdir()
    place.url = f"sqlite:///{place.database}"
    execution_id = interrupted(place, left)
    # What the killed process left in the write-ahead log goes into the file, for no file may be made now.
    place.rows("PRAGMA wal_checkpoint(TRUNCATE)")
    subject = place.database if what == "file" else place.database.parent
    mode = subject.stat().st_mode
    subject.chmod(mode & ~0o222)
    try:
        program = obedient(*command)
    finally:
        subject.chmod(mode)
    refused(place, program, "store-read-only", "read-only", "--db")
    goes_on(place, execution_id)


def test_a_folder_that_may_not_be_made_is_reported(place: Place, obedient: Callable[..., Program]) -> None:
    kept = place.folder / "kept"
    kept.mkdir(mode=0o555)
    file = place.define({"one": task("mark")})
    place.database = kept / "deeper" / "store.db"
    place.url = f"sqlite:///{place.database}"
    program = obedient("run", file)
    assert program.process.returncode == 4
    assert str(kept) in program.stderr and "Traceback" not in program.stderr
    assert place.marks() == [] and list(kept.iterdir()) == []


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("content", [b"no database at all\n" * 500, b"SQLite format 3\0" + b"\xff" * 8000])
def test_a_file_that_is_no_database_is_refused_and_left_alone(
    place: Place, command: tuple[str, ...], content: bytes
) -> None:
    place.define({"one": task("mark")})
    place.database.write_bytes(content)
    refused(place, place.ask(*command), "store-corrupt", "not an SQLite database", "backup", "--db")
    assert place.database.read_bytes() == content
    assert place.marks() == []


def test_damaged_pages_are_reported_and_the_repaired_file_goes_on(place: Place, left: Place) -> None:
    execution_id = interrupted(place, left)
    place.rows("PRAGMA wal_checkpoint(TRUNCATE)")
    good = place.database.read_bytes()
    [(page_size,)] = place.rows("PRAGMA page_size")
    # The first page stays: header and schema are fine, what they point to is not.
    place.database.write_bytes(good[:page_size] + b"\xaa" * (len(good) - page_size))
    for command in COMMANDS[1:]:
        refused(place, place.call(*command), "store-corrupt", "damaged", "backup")
    for extra in place.folder.glob("store.db-*"):
        extra.unlink()
    place.database.write_bytes(good)
    goes_on(place, execution_id)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_newer_schema_is_refused_and_left_alone(
    place: Place, left: Place, command: tuple[str, ...]
) -> None:
    execution_id = interrupted(place, left)
    [(version,)] = place.rows("SELECT version_num FROM alembic_version")
    set_version(place, "9999")
    refused(place, place.ask(*command), "store-schema", "9999", version, "Use the version of Harmonia")
    assert place.rows("SELECT version_num FROM alembic_version") == [("9999",)]
    assert list(place.folder.glob("*.backup")) == []
    set_version(place, version)
    goes_on(place, execution_id)


def set_version(place: Place, version: str) -> None:
    with closing(sqlite3.connect(place.database)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (version,))


def test_a_strangers_database_is_refused_and_left_alone(place: Place) -> None:
    place.define({"one": task("mark")})
    with closing(sqlite3.connect(place.database)) as connection, connection:
        connection.execute("CREATE TABLE mine (x)")
    before = place.database.read_bytes()
    for command in COMMANDS:
        refused(place, place.ask(*command), "store-schema", "not one of Harmonia's", "--db")
    assert place.database.read_bytes() == before


@pytest.mark.parametrize("url", ["nowhere:///x", "x", "sqlite://"])
def test_a_store_that_cannot_be_named_so_is_refused(place: Place, url: str) -> None:
    file = place.define({"one": task("mark")})
    program = place.ask("run", file, "--db", url, db=False)
    assert program.code == 4
    assert "Traceback" not in program.stderr and program.stderr.count("\n") == 1
    assert place.marks() == []


@pytest.mark.parametrize("command", COMMANDS[1:], ids=" ".join)
def test_a_store_that_is_not_there_is_not_made_for_looking(place: Place, command: tuple[str, ...]) -> None:
    program = place.call("executions", "list")
    refused(place, program, "store-unavailable", "no database")
    assert not place.database.exists()


def limited(size: int) -> Callable[[], None]:
    """Return what lets no file of a process grow beyond a size."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def test_a_store_at_its_limit_refuses_and_goes_on_when_there_is_room(place: Place, left: Place) -> None:
    execution_id = interrupted(place, left)
    place.rows("PRAGMA wal_checkpoint(TRUNCATE)")
    before = place.events()
    size = place.database.stat().st_size
    place.environment.update(AT_ONCE)
    program = place.call("recover", preexec_fn=limited(2048))
    refused(place, program, "store-full", "no room", "raise its limit")
    assert place.events() == before and place.database.stat().st_size == size
    goes_on(place, execution_id)


FILL = """
set -u
mount -t tmpfs -o size=2500k none "$DISK" || exit 77
"$HARMONIA" run "$FILE" --db "sqlite:///$DISK/store.db"
echo "full: $?"
mount -o remount,size=60m "$DISK" || exit 77
cp "$DISK"/store.db* "$AFTER"
"$HARMONIA" recover --db "sqlite:///$DISK/store.db"
echo "room: $?"
cp "$DISK"/store.db* "$KEPT"
"""


def test_a_disk_that_fills_up_while_it_runs_stops_cleanly_and_goes_on_with_room(place: Place) -> None:
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        pytest.skip("a small disk takes a mount of its own, so root")
    from programs import HARMONIA

    disk, after, kept = (place.folder / name for name in ("disk", "after", "kept"))
    for folder in (disk, after, kept):
        folder.mkdir()
    tasks = {f"t{n}": task("grow", [f"t{n - 1}"] if n else [], args={"size": 40_000}) for n in range(60)}
    environment = {
        **os.environ, **place.environment, **AT_ONCE, "FILE": str(place.define(tasks)),
        "HARMONIA": str(HARMONIA), "DISK": str(disk), "AFTER": str(after), "KEPT": str(kept),
    }  # fmt: skip
    command = ["unshare", "--mount", "sh", "-c", FILL]
    ran = subprocess.run(
        command, env=environment, cwd=place.folder, capture_output=True, text=True, timeout=60, check=False
    )
    if ran.returncode == 77 or "unshare" in ran.stderr:
        pytest.skip("mounting is not allowed here")
    assert ran.stdout.splitlines()[0] == "full: 4", ran.stdout + ran.stderr
    assert f"no room for the database {disk / 'store.db'}" in ran.stderr and "[store-full]" in ran.stderr
    assert "Traceback" not in ran.stderr
    place.database = after / "store.db"
    whole(place)
    [(seq,)] = place.rows("SELECT seq FROM execution")
    assert 4 < seq < 121
    place.database = kept / "store.db"
    whole(place)
    assert "room: 0" in ran.stdout, ran.stdout + ran.stderr
    assert place.rows("SELECT status FROM execution") == [("completed",)]
    names = [mark.path for mark in place.marks()]
    assert set(names) == set(tasks) and len(names) <= len(tasks) + 1
