"""Between transactions: whether another process has committed, and the file's upkeep."""

import logging
import sqlite3
from collections.abc import Callable

from harmonia_core import StateUnavailable
from harmonia_sql.sqlite.address import Address
from harmonia_sql.sqlite.errors import translate
from harmonia_sql.sqlite.maintenance import Maintenance
from harmonia_sql.sqlite.writing import SqliteWriting

logger = logging.getLogger(__name__)

# Seconds between two looks for strangers.
WATCH_EVERY = 0.1


class SqliteRounds:
    """Look round every tenth of a second. Runs on the writer's thread.

    seen: the last number of the file's changes by others, None before the first look.
    """

    def __init__(self, address: Address, connection: SqliteWriting) -> None:
        self.every: float | None = WATCH_EVERY
        self.seen: int | None = None
        self._connection, self._gone = connection, False
        self._maintenance = Maintenance(address)

    def go(self, now: float, wake: Callable[[], None] | None) -> None:
        """Tell of commits by others, then do a slice of upkeep; neither where the file is another one."""
        if self._is_gone():
            return
        try:
            if wake is not None:
                with self._connection.lock:
                    seen = self._connection.data_version()
                if seen != self.seen:
                    self.seen = seen
                    wake()
        except sqlite3.Error as error:
            self._maintenance.report(translate(error, self._connection.path), now)
        self._maintenance.tick(self._connection, now)

    def _is_gone(self) -> bool:
        try:
            self._connection.whereabouts.check()
        except StateUnavailable as error:
            if not self._gone:
                logger.error("%s", error)
            self._gone = True
        else:
            self._gone = False
        return self._gone

    def close(self) -> None:
        """Close the connection of the upkeep."""
        self._maintenance.close()
