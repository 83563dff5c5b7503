"""Open a PostgreSQL database for an engine or a reader."""

import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any

import psycopg
from anyio import to_thread
from sqlalchemy import create_engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import QueuePool

from harmonia_core import EngineRow
from harmonia_sql.commit_times import CommitTimes
from harmonia_sql.dialect import Cursor
from harmonia_sql.loop import LoopPort
from harmonia_sql.opened import Opened
from harmonia_sql.pace import Pace
from harmonia_sql.postgres.address import Address
from harmonia_sql.postgres.connection import READING, connect
from harmonia_sql.postgres.dialect import POSTGRES_DIALECT
from harmonia_sql.postgres.errors import ServerError, translate
from harmonia_sql.postgres.inspection import PostgresInspection
from harmonia_sql.postgres.schema import ensure_schema
from harmonia_sql.postgres.session import HELD, Session, key_of, living
from harmonia_sql.postgres.tidying import Tidying, vacuum
from harmonia_sql.postgres.writing import PostgresWriting
from harmonia_sql.reader import READERS, Reader
from harmonia_sql.statements import Statements
from harmonia_sql.tables import metadata
from harmonia_sql.writer import PATIENCE, Writer

# The server cuts longer names of channels.
LONGEST_CHANNEL = 63


class PostgresDatabase:
    """One schema of one database on a server."""

    def __init__(self, url: str) -> None:
        self.address = Address.parse(url)
        self._tidying = Tidying(self.address)
        self._facts: Callable[[], Mapping[str, Any]] = dict

    def __str__(self) -> str:
        return str(self.address)

    @property
    def about(self) -> Mapping[str, Any]:
        """Return the kind of the database and its place, without a password.

        While it is open, also the server's version and the sign of life: `held`, `lost` for now, `none`.
        """
        return {"backend": "postgresql", "database": str(self.address), **self._facts()}

    @property
    def inspection(self) -> PostgresInspection:
        """Return what checking it needs."""
        return PostgresInspection(self.address)

    async def open(self, engine: EngineRow | None, in_place: bool) -> Opened:
        """Check schema and rights, begin the engine's sign of life, start the writer."""
        opened, self._facts = await to_thread.run_sync(_open, self.address, engine, LoopPort(), in_place)
        opened.ends.callback(setattr, self, "_facts", dict)
        opened.writer.start()
        return opened

    async def bury(self, engine_id: str) -> bool:
        """Return whether an engine that was dead is still; its lock has gone with its process."""
        return True

    async def tidy(self, executions: int) -> None:
        """Hear that so many executions were pruned, and vacuum when it is time to."""
        if self._tidying.note(executions):
            await to_thread.run_sync(self._tidying.vacuum)

    async def vacuum(self, opened: Opened) -> None:
        """Make the space of deleted rows available again, and give back what lies at the ends of tables."""
        await to_thread.run_sync(vacuum, self.address, metadata.sorted_tables, "ANALYZE")


def _open(
    address: Address, engine: EngineRow | None, port: LoopPort, in_place: bool
) -> tuple[Opened, Callable[[], Mapping[str, Any]]]:
    with ExitStack() as undo:
        try:
            name = ensure_schema(address, make=engine is not None)
            notice = (f"harmonia {name}"[:LONGEST_CHANNEL], secrets.token_hex(8))
            session = Session(address, engine.engine_id if engine else None, notice)
            undo.callback(session.end)
            if engine is not None:
                session.begin()
            times = CommitTimes(f"the server of the database {address}, or the way to it,")
            connection = PostgresWriting(address, Statements(POSTGRES_DIALECT), notice, times)
            undo.callback(connection.close)
            if engine is not None:
                connection.call(partial(_enter, engine), PATIENCE)
        except (psycopg.Error, ServerError, SQLAlchemyError, OSError) as error:
            raise translate(error, address) from error
        reader = _reader(address)
        undo.callback(reader.close)
        # In place only beside the server: the loop must not wait for a network.
        writer = Writer(connection, port, Pace(in_place and address.local), NoRounds(), times)
        watch = _watching(session, writer, port)
        opened = Opened(writer, reader, watch, _living(reader), undo.pop_all())
        return opened, partial(_facts, connection, session)


def _facts(connection: PostgresWriting, session: Session) -> Mapping[str, Any]:
    return {
        "server": f"{connection.version // 10000}.{connection.version % 10000}",
        "sign_of_life": session.state,
    }


class NoRounds:
    """Nothing is to be done between transactions: notifications come by themselves."""

    every: float | None = None

    def go(self, now: float, wake: Callable[[], None] | None) -> None:
        """Do nothing."""


def _reader(address: Address) -> Reader:
    core = create_engine(
        "postgresql+psycopg://",
        creator=lambda: connect(address, READING),
        poolclass=QueuePool,
        pool_size=READERS,
        max_overflow=0,
        pool_reset_on_return=None,
        isolation_level="AUTOCOMMIT",
    )
    return Reader(core, lambda error: translate(error, address))


def _watching(session: Session, writer: Writer, port: LoopPort) -> Callable[[Callable[[], None]], None]:
    def watch(wake: Callable[[], None]) -> None:
        writer.wake = wake
        session.listen(lambda: port.post(wake))

    return watch


def _living(reader: Reader) -> Callable[[Sequence[str]], Awaitable[set[str]]]:
    async def ask(engine_ids: Sequence[str]) -> set[str]:
        return await reader.ask(living, engine_ids)

    return ask


def _enter(engine: EngineRow, cursor: Cursor, statements: Statements) -> None:
    """Write the engine's row, and clear away engines that are dead and own nothing unfinished."""
    statements.engine.run(cursor, [engine])
    cursor.execute(HELD)
    held = {row[0] for row in cursor.fetchall()}
    cursor.execute(statements.idle_engines)
    for (engine_id,) in cursor.fetchall():
        if engine_id != engine.engine_id and key_of(engine_id) not in held:
            cursor.execute(statements.drop_engine, (engine_id,))
