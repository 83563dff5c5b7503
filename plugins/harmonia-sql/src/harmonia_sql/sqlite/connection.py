"""Connections to one SQLite file, with the settings that every one of them has."""

import sqlite3
import time

from harmonia_sql.sqlite.address import Address

# Checkpoints are the writer's job; this is the stop for the case that it does not get to them.
LAST_RESORT_PAGES = 16_000
# Both in seconds: how long a lock is waited for, and between two tries where SQLite itself does not wait.
PATIENCE = 5.0
STEP = 0.01


def connect(address: Address, *, new: bool = False, read_only: bool = False) -> sqlite3.Connection:
    """Open a connection in autocommit; any thread may use it, one at a time.

    It waits up to 5 s for a lock. new: the file may be empty, and gets what must be set first.
    """
    # Whatever is not there must not be made by a question about it.
    place = f"{address.path.as_uri()}?mode={'rwc' if new else 'rw'}"
    connection = sqlite3.connect(
        place,
        uri=True,
        timeout=PATIENCE,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=512,
    )
    try:
        if new:
            # This one writes, so it would disturb a database at work.
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        _write_ahead(connection)
        connection.execute(f"PRAGMA synchronous = {address.synchronous}")
        connection.execute(f"PRAGMA wal_autocheckpoint = {LAST_RESORT_PAGES}")
        connection.execute("PRAGMA journal_size_limit = 67108864")
        connection.execute("PRAGMA cache_size = -16384")
        connection.execute(f"PRAGMA query_only = {int(read_only)}")
    except BaseException:
        connection.close()
        raise
    return connection


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Switch to the write-ahead log, which changes a new file once and for all.

    While another process writes to a file that is not switched yet, SQLite refuses at once,
    whatever its timeout.
    """
    until = time.monotonic() + PATIENCE
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            locked = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
            if not locked or time.monotonic() >= until:
                raise
        time.sleep(STEP)
