"""Copy a database at work: page by page from one reading transaction, checked before it has its name.

Commits go on meanwhile; only checkpoints wait, so that the write-ahead log grows by what is
committed until the copy is done.
"""

import shlex
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from threading import Event
from typing import Any

import anyio
from anyio import to_thread
from anyio.lowlevel import checkpoint_if_cancelled

from harmonia_core import StateBackendError, StateCorrupt
from harmonia_sql.loop import LoopPort
from harmonia_sql.new_file import claim, put_in_place, sync
from harmonia_sql.sqlite.address import Address
from harmonia_sql.sqlite.connection import connect
from harmonia_sql.sqlite.errors import translate

# Pages copied at once, and how often what was copied is brought to the disk: a little at a time, for
# a commit that waits for the disk waits for all that was written before it.
STEP, STEPS_PER_SYNC = 512, 4
COPIED = 0.9  # how much is done when everything is copied and the check begins


class Stopped(Exception):
    """Tell the copying thread that nobody waits for it any more."""


async def back_up(address: Address, target: Path, progress: Callable[[float], None] | None) -> dict[str, Any]:
    """Write a copy in a thread; when cancelled, stop soon and leave nothing behind."""
    port, stop, begun = LoopPort(), Event(), time.monotonic()

    def report(done: float) -> None:
        if stop.is_set():
            raise Stopped
        if progress is not None:
            port.post(progress, done)

    async def watch() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            stop.set()

    size, trouble = 0, None
    async with anyio.create_task_group() as group:
        group.start_soon(watch)
        try:
            size = await to_thread.run_sync(_copy, address, target, report)
        except (StateBackendError, Stopped) as error:
            trouble = error
        group.cancel_scope.cancel()
    if trouble is not None:
        await checkpoint_if_cancelled()  # then it is Stopped
        raise trouble
    seconds = round(time.monotonic() - begun, 3)
    return {"path": str(target), "bytes": size, "seconds": seconds, "restore": _restore(address.path, target)}


def _restore(path: Path, target: Path) -> str:
    """Return the command: what stands in an old log must never be read into the copy."""
    aside = " ".join(shlex.quote(f"{path}{suffix}") for suffix in ("-wal", "-shm"))
    return f"rm -f {aside} && cp {shlex.quote(str(target))} {shlex.quote(str(path))}"


def _copy(address: Address, target: Path, report: Callable[[float], None]) -> int:
    partial = claim(target)
    try:
        _copy_pages(address, partial, target, report)
        sync(partial)
        size = partial.stat().st_size
        put_in_place(partial, target)
    except OSError as error:
        raise translate(error, target) from error
    finally:
        partial.unlink(missing_ok=True)
    report(1.0)
    return size


def _copy_pages(address: Address, partial: Path, target: Path, report: Callable[[float], None]) -> None:
    try:
        with closing(connect(address, read_only=True)) as source:
            # Held open, so that every step sees the same instant.
            source.execute("BEGIN")
            tables = _tables(source)
            with closing(sqlite3.connect(partial, isolation_level=None)) as copy:
                copy.execute("PRAGMA journal_mode = OFF")
                copy.execute("PRAGMA synchronous = OFF")
                source.backup(copy, pages=STEP, progress=_steps(partial, report), sleep=0)
            source.execute("ROLLBACK")
    except sqlite3.Error as error:
        raise _told_apart(error, address.path, target) from error
    report(COPIED)
    _check(partial, tables)


def _steps(partial: Path, report: Callable[[float], None]) -> Callable[[int, int, int], None]:
    count = 0

    def step(_: int, remaining: int, total: int) -> None:
        nonlocal count
        count += 1
        if count % STEPS_PER_SYNC == 0:
            sync(partial)
        report(COPIED * (1 - remaining / max(total, 1)))

    return step


def _told_apart(error: sqlite3.Error, source: Path, target: Path) -> StateBackendError:
    """Return the error with the path of that of the two files which it concerns."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    ours = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
    return translate(error, source if code in ours else target)


def _tables(connection: sqlite3.Connection) -> list[tuple[Any, ...]]:
    return connection.execute("SELECT type, name, sql FROM sqlite_master ORDER BY type, name").fetchall()


def _check(partial: Path, tables: list[tuple[Any, ...]]) -> None:
    """Read the copy back, as it is on its own; raise StateCorrupt if it is not what it was made from."""
    # Immutable: it is nobody else's yet, and no files are made beside it.
    with closing(sqlite3.connect(f"{partial.as_uri()}?immutable=1", uri=True)) as copy:
        try:
            faults = [row[0] for row in copy.execute("PRAGMA quick_check(10)")]
            same = _tables(copy) == tables
        except sqlite3.Error as error:
            faults, same = [str(error)], True
    if faults != ["ok"] or not same:
        what = "; ".join(faults) if faults != ["ok"] else "its tables differ"
        raise StateCorrupt(
            f"The copy is not sound ({what}), so it was removed. See whether the database itself is: "
            "harmonia db check"
        )
