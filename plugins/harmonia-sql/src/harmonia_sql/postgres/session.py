"""The sign of life and the ear: a connection of its own that holds a lock and hears of others' commits.

The lock belongs to the session, so the server takes it away when the process dies. If the
connection is lost, the session is begun anew, with longer and longer pauses; meanwhile
others may take this engine for dead, and the fence keeps that harmless.
"""

import hashlib
import logging
import os
import select
from collections.abc import Callable, Iterable
from threading import Lock, Thread

import psycopg
from sqlalchemy import Connection, text

from harmonia_core import StateLocked
from harmonia_sql.postgres.address import Address
from harmonia_sql.postgres.connection import LIVING, connect
from harmonia_sql.postgres.errors import translate

logger = logging.getLogger(__name__)

# Seconds between two tries to begin the session anew.
SHORTEST_PAUSE, LONGEST_PAUSE = 0.05, 2.0
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
        self._starting = Lock()
        self._ended, self._end = os.pipe()
        self._stopping = False

    @property
    def held(self) -> bool:
        """Tell whether the sign of life is given now, as far as is known."""
        return self._engine_id is not None and self._connection is not None

    def begin(self) -> None:
        """Connect and take the lock; raise StateLocked if another is this engine, or psycopg's errors."""
        with self._starting:
            if self._thread is None:
                self._connection = self._connect()
                self._thread = Thread(target=self._run, name="harmonia-sql-session", daemon=True)
                self._thread.start()

    def listen(self, heard: Callable[[], None]) -> None:
        """Have a function called, on the session's thread, when another engine has notified."""
        self._heard = heard

    def end(self) -> None:
        """Give the lock back and stop listening. Blocks."""
        self._stopping = True
        os.write(self._end, b".")
        if self._thread is not None:
            self._thread.join()
        os.close(self._ended)
        os.close(self._end)

    def _connect(self) -> psycopg.Connection:
        connection = connect(self._address, LIVING)
        try:
            if self._engine_id is not None:
                row = connection.execute(
                    "SELECT pg_try_advisory_lock(%s)", (key_of(self._engine_id),)
                ).fetchone()
                if not (row and row[0]):
                    raise StateLocked(f"Another process is engine {self._engine_id} and at work.")
            connection.execute(psycopg.sql.SQL("LISTEN {}").format(psycopg.sql.Identifier(self._channel)))
        except BaseException:
            connection.close()
            raise
        return connection

    def _run(self) -> None:
        while not self._stopping:
            try:
                self._hear()
            except psycopg.Error as error:
                self._lose(error)
                self._again()
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _hear(self) -> None:
        connection = self._connection
        if connection is None:
            return
        ready, _, _ = select.select([connection.pgconn.socket, self._ended], [], [])
        if connection.pgconn.socket in ready:
            connection.pgconn.consume_input()
            strange = False
            while (notice := connection.pgconn.notifies()) is not None:
                strange = strange or notice.extra != self._own
            if strange and self._heard is not None:
                self._heard()

    def _lose(self, error: psycopg.Error) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
            logger.warning(
                "The sign of life is lost for now and will be given again: %s",
                translate(error, self._address),
            )

    def _again(self) -> None:
        """Begin the session anew as soon as the server lets us; then look once, for what was missed."""
        pause = SHORTEST_PAUSE
        while not self._stopping:
            if select.select([self._ended], [], [], pause)[0]:
                return
            pause = min(2 * pause, LONGEST_PAUSE)
            try:
                self._connection = self._connect()
            except (psycopg.Error, StateLocked) as error:
                logger.debug("The session could not be begun anew: %s", error)
                continue
            logger.warning("The sign of life is given again.")
            if self._heard is not None:
                self._heard()
            return
