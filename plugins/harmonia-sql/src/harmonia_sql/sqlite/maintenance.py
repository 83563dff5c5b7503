"""Small slices of upkeep, off the hot path: checkpoints and giving back free pages.

A checkpoint copies pages from the write-ahead log into the database. Most of it is
done on a connection of its own while commits go on; what came in meanwhile is done
under the writer's lock, so that the log can begin anew.
"""

import logging
import sqlite3

from harmonia_core import StateBackendError
from harmonia_sql.sqlite.address import Address
from harmonia_sql.sqlite.connection import connect
from harmonia_sql.sqlite.errors import busy, translate
from harmonia_sql.sqlite.writing import SqliteWriting

logger = logging.getLogger(__name__)

# Pages in the log that are worth a checkpoint; seconds of quiet after which any are.
ENOUGH_PAGES, QUIET = 1000, 1.0
# Free pages given back per slice.
SLICE = 128
# Seconds between two reports of a fault that lasts.
REPORT_EVERY = 60.0


class Maintenance:
    """Keep the write-ahead log short. Runs on the writer's thread."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._connection: sqlite3.Connection | None = None
        self._pages, self._changed = 0, 0.0
        self._reported = float("-inf")

    def tick(self, writing: SqliteWriting, now: float) -> None:
        """Do a slice of what is due; a fault here is reported and tried again later."""
        if writing.pages != self._pages:
            self._pages, self._changed = writing.pages, now
        quiet = now - self._changed >= QUIET
        if not writing.pages or not (quiet or writing.pages >= ENOUGH_PAGES):
            return
        try:
            if self._connection is None:
                self._connection = connect(self._address)
            self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            with writing.lock:
                writing.checkpoint()
                if quiet:
                    writing.vacuum(SLICE)
        except sqlite3.Error as error:
            # While somebody else writes, free pages are kept; they do no harm.
            if not busy(error):
                self.report(translate(error, writing.path), now)
        self._pages, self._changed = writing.pages, now

    def report(self, error: StateBackendError, now: float) -> None:
        """Warn of a fault between transactions, at most once a minute; the next round tries again."""
        if now - self._reported >= REPORT_EVERY:
            self._reported = now
            logger.warning("Upkeep is put off, and the write-ahead log grows meanwhile: %s", error)

    def close(self) -> None:
        """Close the connection, if there was a need for one."""
        if self._connection is not None:
            self._connection.close()
