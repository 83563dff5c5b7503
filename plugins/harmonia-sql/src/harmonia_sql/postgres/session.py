"""The sign of life and the ear: a connection of its own that holds a lock and hears of others' commits.

The lock belongs to the session, so the server takes it away when the process dies. If the
connection is lost, the session is begun anew, with longer and longer pauses; meanwhile
others may take this engine for dead, and the fence keeps that harmless.
"""

import hashlib
import logging
import os
import select
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from threading import Thread

import psycopg
from psycopg import sql
from sqlalchemy import Connection, text

from harmonia_core import StateLocked
from harmonia_sql.postgres.address import Address
from harmonia_sql.postgres.connection import LIVING, connect
from harmonia_sql.postgres.errors import translate

logger = logging.getLogger(__name__)

# Seconds between two tries to begin the session anew.
SHORTEST_PAUSE, LONGEST_PAUSE = 0.05, 2.0
# Seconds that the server has to take the lock back when the session ends in peace.
FAREWELL = 1.0
HELD = (
    "SELECT (classid::bigint << 32) | objid::bigint FROM pg_locks "
    "WHERE locktype = 'advisory' AND objsubid = 1 AND granted "
    "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)


def key_of(engine_id: str) -> int:
    """Return the number of an engine's lock: 64 bits of SHA-256 over `harmonia engine ID`, signed."""
    digest = hashlib.sha256(f"harmonia engine {engine_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def living(core: Connection, engine_ids: Iterable[str]) -> set[str]:
    """Return those engines whose lock is held."""
    held = set(core.execute(text(HELD)).scalars())
    return {engine_id for engine_id in engine_ids if key_of(engine_id) in held}


class Session:
    """Hold an engine's lock, if there is an engine, and listen on a channel.

    notice: the channel, and what our own notifications carry.
    """

    def __init__(self, address: Address, engine_id: str | None, notice: tuple[str, str]) -> None:
        self._address, self._engine_id = address, engine_id
        self._channel, self._own = notice[0], notice[1].encode()
        self._heard: Callable[[], None] | None = None
        self._connection: psycopg.Connection | None = None
        self._thread: Thread | None = None
        self._ended, self._end = os.pipe()
        self._stopping = False

    @property
    def state(self) -> str:
        """Return `held`, `lost` for now, or `none` if there is no engine: what the sign of life is."""
        if self._engine_id is None:
            return "none"
        return "lost" if self._connection is None else "held"

    def begin(self) -> None:
        """Connect and take the lock; raise StateLocked if another is this engine, or psycopg's errors."""
        self._connection = self._connect()
        self._start()

    def listen(self, heard: Callable[[], None]) -> None:
        """Have a function called, on the session's thread, when another engine has notified."""
        self._heard = heard
        if self._thread is None:
            self._start()

    def end(self) -> None:
        """Give the lock back and stop listening. Blocks."""
        self._stopping = True
        os.write(self._end, b".")
        if self._thread is not None:
            self._thread.join()
        os.close(self._ended)
        os.close(self._end)

    def _start(self) -> None:
        self._thread = Thread(target=self._run, name="harmonia-sql-session", daemon=True)
        self._thread.start()

    def _connect(self) -> psycopg.Connection:
        connection = connect(self._address, LIVING)
        try:
            if self._engine_id is not None:
                question = "SELECT pg_try_advisory_lock(%s)"
                row = connection.execute(question, (key_of(self._engine_id),)).fetchone()
                if not (row and row[0]):
                    raise StateLocked(f"Another process is engine {self._engine_id} and at work.")
            connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(self._channel)))
        except BaseException:
            connection.close()
            raise
        return connection

    def _run(self) -> None:
        while not self._stopping:
            connection = self._connection
            try:
                if connection is None:
                    self._again()
                else:
                    self._hear(connection)
            except psycopg.Error as error:
                self._lose(error)
        self._give_back()
        self._close()

    def _hear(self, connection: psycopg.Connection) -> None:
        if self._wait(connection.pgconn.socket, None):
            connection.pgconn.consume_input()
            strange = False
            while (notice := connection.pgconn.notifies()) is not None:
                strange = strange or notice.extra != self._own
            if strange and self._heard is not None:
                self._heard()

    def _wait(self, file: int | None, seconds: float | None) -> bool:
        """Wait for a file that can be read, for some time or for the end; tell whether it is the file."""
        poll = select.poll()
        poll.register(self._ended, select.POLLIN)
        if file is not None:
            poll.register(file, select.POLLIN)
        return file in {place for place, _ in poll.poll(None if seconds is None else 1000 * seconds)}

    def _lose(self, error: psycopg.Error) -> None:
        self._close()
        if self._engine_id is not None:
            why = translate(error, self._address)
            logger.warning("The sign of life is lost, and will be given again: %s", why)

    def _again(self) -> None:
        """Begin the session as soon as the server lets us; then look once, for what was missed."""
        pause = SHORTEST_PAUSE
        while not self._stopping:
            try:
                self._connection = self._connect()
            except (psycopg.Error, StateLocked) as error:
                logger.debug("The session could not be begun: %s", error)
                self._wait(None, pause)
                pause = min(2 * pause, LONGEST_PAUSE)
                continue
            if self._engine_id is not None:
                logger.warning("The sign of life is given again.")
            if self._heard is not None:
                self._heard()
            return

    def _give_back(self) -> None:
        """Give the lock back, while the server answers: it notices only later that a connection has ended."""
        if self._connection is None or self._engine_id is None:
            return
        session, until = self._connection.pgconn, time.monotonic() + FAREWELL
        with suppress(psycopg.Error):
            session.send_query(b"SELECT pg_advisory_unlock_all()")
            session.flush()
            poll = select.poll()
            poll.register(session.socket, select.POLLIN)
            while session.is_busy() and (left := until - time.monotonic()) > 0:
                if poll.poll(1000 * left):
                    session.consume_input()

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
