"""The one connection that writes: transactions, and the lock between the two threads that use it."""

import sqlite3
import time
from collections.abc import Callable, Sequence
from functools import partial
from threading import Lock
from typing import Any

from harmonia_core import StateBackendError, Unit
from harmonia_sql.commit_times import CommitTimes
from harmonia_sql.dialect import Cursor, Discord
from harmonia_sql.sqlite.address import Address
from harmonia_sql.sqlite.cascade import cascade
from harmonia_sql.sqlite.connection import connect
from harmonia_sql.sqlite.errors import busy, fatal, translate
from harmonia_sql.sqlite.log_room import make_room
from harmonia_sql.sqlite.whereabouts import Whereabouts
from harmonia_sql.statements import Statements
from harmonia_sql.transaction import Results, write_each, write_group

# Pages that a commit adds to the write-ahead log, and rows that share one, about.
PAGES_PER_COMMIT, ROWS_PER_PAGE = 4, 8
# Seconds between two looks at a lock that another process holds.
SHORTEST_WAIT, LONGEST_WAIT = 0.001, 0.025


class WritingCursor(sqlite3.Cursor):
    """The driver's cursor, with a look at what an update has touched."""

    def expect(self, sql: str, parameters: Sequence[Any], count: int) -> None:
        """Run an update; raise Discord unless it touches so many rows."""
        if self.execute(sql, parameters).rowcount != count:
            raise Discord("a head has moved")

    def settle(self) -> None:
        """Do nothing: each statement is done when it returns."""


class SqliteWriting:
    """Commit units and other writes; whoever calls a method holds `lock`.

    pages: about how many pages the write-ahead log holds that are not in the database yet.
    failure: what a transaction or a vacuum that has begun waits for, None if it does not.
    """

    def __init__(self, address: Address, statements: Statements, times: CommitTimes) -> None:
        self.path, self.lock, self.pages = address.path, Lock(), 0
        self.failure: StateBackendError | None = None
        self._statements, self._times = statements, times
        self._connection = connect(address)
        # From here on waiting is done here: a commit in place must not wait at all.
        self._connection.execute("PRAGMA busy_timeout = 0")
        self._cursor = self._connection.cursor(WritingCursor)
        self._lock_file = partial(self._cursor.execute, "BEGIN IMMEDIATE")
        self._cursor.execute("PRAGMA schema_version").fetchone()
        self.whereabouts = Whereabouts(address.path)
        self._cursor.execute(cascade())

    def make_room(self) -> None:
        """Bring the write-ahead log to its usual length; see `log_room`."""
        make_room(self._connection, self.path)

    def commit(self, units: Sequence[Unit], weight: int, patience: float) -> Results:
        """Commit units in one transaction; return what came of each, never raise a store's error.

        patience: seconds to wait for the write lock of another process before StateLocked.
        """
        try:
            results = self._write(units, patience)
            self._end()
        except Exception as error:
            self._undo()
            failure = translate(error, self.path)
            return [(unit, failure) for unit in units]
        except BaseException:
            self._undo()
            raise
        self.pages += PAGES_PER_COMMIT + weight // ROWS_PER_PAGE
        return results

    def _write(self, units: Sequence[Unit], patience: float) -> Results:
        self._begin(patience)
        try:
            write_group(self._cursor, self._statements, units)
        except Exception as error:
            if fatal(error):
                raise
        else:
            return [(unit, None) for unit in units]
        self._cursor.execute("ROLLBACK")
        self._begin(patience)
        return write_each(self._cursor, self._statements, units)

    def call(self, write: Callable[[Cursor, Statements], object], patience: float) -> None:
        """Run other writes in a transaction of their own; raise the contract's error."""
        try:
            self._begin(patience)
            write(self._cursor, self._statements)
            self._end()
        except Exception as error:
            self._undo()
            raise translate(error, self.path) from error
        except BaseException:
            self._undo()
            raise
        self.pages += PAGES_PER_COMMIT

    def data_version(self) -> int:
        """Return a number that changes when another connection has committed."""
        version: int = self._cursor.execute("PRAGMA data_version").fetchone()[0]
        return version

    def checkpoint(self) -> None:
        """Bring what is left of the write-ahead log into the database, so that the log begins anew."""
        self._cursor.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        self.pages = 0

    def vacuum(self, most: int, patience: float = 0.0) -> bool:
        """Give free pages back to the file system, at most so many, once there are that many; tell if so.

        patience: seconds to wait for the write lock of another process.
        """
        free: int = self._cursor.execute("PRAGMA freelist_count").fetchone()[0]
        if free < most:
            return False
        # It gives back a page with each step, and only a script is stepped to its end.
        give_back = partial(self._cursor.executescript, f"PRAGMA incremental_vacuum({most})")
        self._waiting(give_back, patience)
        self.pages += most
        return True

    def rewrite(self, patience: float) -> None:
        """Write the whole file anew, without free pages; nobody else can write meanwhile."""
        self._waiting(partial(self._cursor.execute, "VACUUM"), patience)
        self._cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        self.pages = 0

    def close(self) -> None:
        """Close the connection; the last one of a database also ends its write-ahead log."""
        self._connection.close()

    def _begin(self, patience: float) -> None:
        self._waiting(self._lock_file, patience)
        self.whereabouts.check()

    def _waiting(self, act: Callable[[], object], patience: float) -> None:
        """Do what needs the write lock as soon as nobody else holds it."""
        deadline, pause = time.monotonic() + patience, SHORTEST_WAIT
        while True:
            try:
                act()
                self.failure = None
                return
            except sqlite3.OperationalError as error:
                if not busy(error) or time.monotonic() >= deadline:
                    raise
                self.failure = translate(error, self.path)
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_WAIT)

    def _end(self) -> None:
        # Here the disk is waited for, and for nothing else.
        start = time.perf_counter()
        self._cursor.execute("COMMIT")
        self._times.took(time.perf_counter() - start)

    def _undo(self) -> None:
        # A full disk or an I/O error may have ended the transaction already.
        if self._connection.in_transaction:
            try:
                self._cursor.execute("ROLLBACK")
            except sqlite3.Error:
                return
