"""Statements to the server in pipelines: many are sent together, and one answer comes for all of them.

psycopg's own cursors cost more than a small commit does; here its libpq wrapper is used
directly. Each text is prepared once, without types: the server knows those of the
columns, so the same statement serves whatever is null this time.
"""

import select
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import psycopg
from psycopg.pq import ConnStatus, DiagnosticField, ExecStatus

from harmonia_sql.postgres.errors import ConnectionLost, answer

DONE = (ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK)
# libpq buffers what is sent; from this many parameters on it is told to begin sending.
FLUSH_EVERY = 1000


class NotYet(Exception):
    """Tell that the server's answer has not come in the time given; it is still waited for."""


def _text(value: str) -> bytes:
    if "\0" in value:
        raise ValueError("PostgreSQL stores no text with a NUL character")
    return value.encode()


def _plain(value: float) -> bytes:
    return repr(value).encode()


_ENCODE: dict[type, Callable[[Any], bytes | None]] = {
    str: _text,
    int: _plain,
    float: _plain,
    bool: _plain,
    type(None): lambda value: None,
    bytes: lambda value: value,
}
_BYTEA = 17
_DECODE: dict[int, Callable[[bytes], Any]] = {
    16: lambda value: value == b"t",
    **dict.fromkeys((20, 21, 23, 26), int),
    **dict.fromkeys((700, 701, 1700), float),
    _BYTEA: lambda value: bytes.fromhex(value[2:].decode()),
}


def _numbered(sql: str) -> bytes:
    parts = sql.split("?")
    return (
        "".join(f"{part}${number}" for number, part in enumerate(parts[:-1], 1)).encode() + parts[-1].encode()
    )


class Wire:
    """Send statements and wait for what came of them. One thread at a time.

    trips: how often the server's answer was waited for.
    """

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection, self._pg = connection, connection.pgconn
        self.trips = 0
        self._poll = select.poll()
        self._poll.register(self._pg.socket, select.POLLIN)
        self._names: dict[str, tuple[bytes, list[int] | None]] = {}
        self._made = 0
        # Per command that is under way: the text that it prepares, or None.
        self._under_way: deque[str | None] = deque()
        self._rows: Any = None
        self._error: Exception | None = None
        self._synced, self._unsent = False, 0
        self._pg.nonblocking = 1
        self._pg.enter_pipeline_mode()

    @property
    def in_transaction(self) -> bool:
        """Tell whether a transaction is open, failed or not, as far as the server has answered."""
        return int(self._pg.transaction_status) in (2, 3)

    @property
    def pending(self) -> bool:
        """Tell whether something was sent whose answer has not come."""
        return bool(self._under_way) or self._synced

    def send(self, sql: str, parameters: Sequence[Any] = ()) -> None:
        """Have a statement done after those sent before; errors show at the next `sync`."""
        try:
            values = [_ENCODE[type(value)](value) for value in parameters]
        except KeyError as error:
            raise ValueError(f"a value of type {error} cannot be stored") from None
        name, formats = self._names.get(sql) or self._prepare(sql, parameters)
        self._call(self._pg.send_query_prepared, name, values, formats)
        self._under_way.append(None)
        self._unsent += len(values)
        if self._unsent >= FLUSH_EVERY:
            self._unsent = 0
            self._call(self._pg.flush)

    def sync(self, timeout: float | None = None) -> None:
        """Wait until everything sent has been done; raise the first error there was.

        timeout: seconds, after which NotYet is raised; sync again to go on waiting.
        """
        if not self._synced:
            if not self._under_way:
                return
            self._call(self._pg.pipeline_sync)
            self._synced = True
        deadline = None if timeout is None else time.monotonic() + timeout
        self.trips += 1
        self._send_all(deadline)
        self._receive(deadline)
        self._synced, self._unsent = False, 0
        self._under_way.clear()
        error, self._error = self._error, None
        if error is not None:
            raise error

    def rows(self) -> list[tuple[Any, ...]]:
        """Return the rows of the last statement, after a sync."""
        found = self._rows
        if found is None:
            return []
        decoders = [_DECODE.get(found.ftype(column), bytes.decode) for column in range(found.nfields)]
        return [
            tuple(
                None if (value := found.get_value(row, column)) is None else decode(value)
                for column, decode in enumerate(decoders)
            )
            for row in range(found.ntuples)
        ]

    def close(self) -> None:
        """Close the connection; what was not committed is rolled back by the server."""
        self._connection.close()

    def _prepare(self, sql: str, parameters: Sequence[Any]) -> tuple[bytes, list[int] | None]:
        self._made += 1
        name = b"h%d" % self._made
        # A column of bytes is never null here, so the first row tells which parameters are bytes.
        binary = [int(type(value) is bytes) for value in parameters]
        self._call(self._pg.send_prepare, name, _numbered(sql))
        self._under_way.append(sql)
        found = self._names[sql] = name, binary if any(binary) else None
        return found

    def _send_all(self, deadline: float | None) -> None:
        while self._call(self._pg.flush):
            self._wait(select.POLLIN | select.POLLOUT, deadline)
            self._call(self._pg.consume_input)

    def _receive(self, deadline: float | None) -> None:
        while True:
            while self._pg.is_busy():
                self._wait(select.POLLIN, deadline)
                self._call(self._pg.consume_input)
            result = self._pg.get_result()
            if result is None:
                if self._pg.status == ConnStatus.BAD:
                    raise self._lost("the connection is closed")
            elif result.status == ExecStatus.PIPELINE_SYNC:
                return
            else:
                self._take(result)

    def _take(self, result: Any) -> None:
        prepared = self._under_way.popleft() if self._under_way else None
        if result.status in DONE:
            if prepared is None:
                self._rows = result
            return
        if prepared is not None:
            self._names.pop(prepared, None)
        if result.status != ExecStatus.PIPELINE_ABORTED and self._error is None:
            state = result.error_field(DiagnosticField.SQLSTATE)
            told = result.error_field(DiagnosticField.MESSAGE_PRIMARY) or result.error_message
            self._error = answer(told.decode("utf-8", "replace"), state.decode() if state else None)

    def _wait(self, events: int, deadline: float | None) -> None:
        left = None if deadline is None else 1000 * max(0.0, deadline - time.monotonic())
        self._poll.modify(self._pg.socket, events)
        if not self._poll.poll(left):
            raise NotYet

    def _call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return function(*arguments)
        except psycopg.OperationalError as error:
            raise self._lost(str(error)) from error

    def _lost(self, told: str) -> ConnectionLost:
        # The server's last words, if there were any, say more than the end of the connection.
        error = self._error
        return ConnectionLost(str(error or told), getattr(error, "sqlstate", None))
