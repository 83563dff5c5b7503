"""The cursor of the shared statements over a pipeline: it waits for the server only where it must."""

from collections.abc import Iterable, Sequence
from typing import Any

from harmonia_sql.postgres.wire import Wire


class PipelineCursor:
    """Send statements; wait when rows are asked for, or all must be certain.

    timeout: seconds for which it waits each time before it raises NotYet; None as long as it takes.
    """

    def __init__(self, wire: Wire) -> None:
        self.timeout: float | None = None
        self._wire = wire
        self._rows: list[Any] | None = None

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> "PipelineCursor":
        """Have one statement done."""
        self._rows = None
        self._wire.send(sql, parameters)
        return self

    def executemany(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Have one statement done for each row of parameters."""
        self._rows = None
        for row in rows:
            self._wire.send(sql, row)

    def expect(self, sql: str, parameters: Sequence[Any], count: int) -> None:
        """Have a checked statement done; it fails by itself if it does not touch `count` rows."""
        self.execute(sql, parameters)

    def settle(self) -> None:
        """Wait until everything so far is done; raise what went wrong."""
        self._wire.sync(self.timeout)

    def fetchone(self) -> Any:
        """Return the next row of the last statement, or None."""
        rows = self._fetched()
        return rows.pop(0) if rows else None

    def fetchall(self) -> list[Any]:
        """Return the rows of the last statement that are left."""
        rows, self._rows = self._fetched(), []
        return rows

    def _fetched(self) -> list[Any]:
        if self._rows is None:
            self._wire.sync(self.timeout)
            self._rows = self._wire.rows()
        return self._rows
