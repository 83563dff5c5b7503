"""Connections to one SQLite file, with the settings that every one of them has."""

import sqlite3

from harmonia_sql.sqlite.address import Address

# Checkpoints are the writer's job; this is the stop for the case that it does not get to them.
LAST_RESORT_PAGES = 16_000


def connect(address: Address, *, new: bool = False, read_only: bool = False) -> sqlite3.Connection:
    """Open a connection in autocommit; any thread may use it, one at a time.

    It waits up to 5 s for a lock. new: the file may be empty, and gets what must be set first.
    """
    # Whatever is not there must not be made by a question about it.
    place = f"{address.path.as_uri()}?mode={'rwc' if new else 'rw'}"
    connection = sqlite3.connect(
        place, uri=True, timeout=5.0, isolation_level=None, check_same_thread=False, cached_statements=512
    )
    try:
        if new:
            # This one writes, so it would disturb a database at work.
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {address.synchronous}")
        connection.execute(f"PRAGMA wal_autocheckpoint = {LAST_RESORT_PAGES}")
        connection.execute("PRAGMA journal_size_limit = 67108864")
        connection.execute("PRAGMA cache_size = -16384")
        connection.execute(f"PRAGMA query_only = {int(read_only)}")
    except BaseException:
        connection.close()
        raise
    return connection
