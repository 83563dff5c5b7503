"""A place whose store is a PostgreSQL database: what tests ask a file elsewhere, they ask the server here."""

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from programs import Place

if TYPE_CHECKING:
    from psycopg import Connection

PATIENCE = 20.0
BUSY = """
SELECT count(*) FROM pg_stat_activity
WHERE application_name LIKE 'harmonia%%' AND pid <> pg_backend_pid() AND datname = current_database()
    AND (state LIKE 'idle in transaction%%' OR state = 'active')
"""

OTHERS = """
SELECT count(*) FROM pg_stat_activity
WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() AND datname = current_database()
"""


@dataclass
class PostgresPlace(Place):
    """A folder with definitions and marks, and a database; `server` is its URL."""

    server: str = ""
    _connection: "Connection[Any] | None" = field(default=None, init=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.url = self.server

    def rows(self, question: str, *values: Any) -> list[tuple[Any, ...]]:
        """Ask the server; nothing while the tables are not there yet. A restart is waited for."""
        import psycopg

        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                return self._connected().execute(question.replace("?", "%s").encode(), values).fetchall()
            except psycopg.errors.UndefinedTable:
                return []
            except psycopg.OperationalError:
                self._disconnect()
                assert time.monotonic() < deadline, "the server did not come back"
                time.sleep(0.02)

    def deserted(self) -> bool:
        """Tell whether nobody else is connected: a server still commits for a client that was killed."""
        return self.rows(OTHERS) == [(0,)]

    def end(self) -> None:
        super().end()
        self._disconnect()

    def _can_write(self) -> bool:
        return self.rows(BUSY) == [(0,)]

    def _connected(self) -> "Connection[Any]":
        """Return the one connection of this place, open."""
        import psycopg

        if self._connection is None:
            self._connection = psycopg.connect(self.url, autocommit=True)
        return self._connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
