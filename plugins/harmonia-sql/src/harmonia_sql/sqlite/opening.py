"""Open an SQLite database for an engine or a reader."""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any, cast

from anyio import to_thread
from sqlalchemy import create_engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import QueuePool

from harmonia_core import EngineRow, StateUnavailable
from harmonia_sql.commit_times import CommitTimes
from harmonia_sql.dialect import Cursor
from harmonia_sql.loop import LoopPort
from harmonia_sql.opened import Opened
from harmonia_sql.pace import Pace
from harmonia_sql.reader import READERS, Reader
from harmonia_sql.sqlite.address import Address, prepare_place
from harmonia_sql.sqlite.connection import connect
from harmonia_sql.sqlite.dialect import SQLITE_DIALECT
from harmonia_sql.sqlite.errors import examine, translate
from harmonia_sql.sqlite.inspection import SqliteInspection
from harmonia_sql.sqlite.life import SignOfLife, bury, living
from harmonia_sql.sqlite.rounds import SqliteRounds
from harmonia_sql.sqlite.schema import ensure_schema
from harmonia_sql.sqlite.shrinking import shrink
from harmonia_sql.sqlite.whereabouts import Whereabouts
from harmonia_sql.sqlite.writing import SqliteWriting
from harmonia_sql.statements import Statements
from harmonia_sql.writer import PATIENCE, Writer

# UPDATE ... FROM (VALUES ...), and the fixes that came soon after it.
OLDEST_SQLITE = (3, 35)


class SqliteDatabase:
    """One file, and the folder of signs of life beside it."""

    def __init__(self, url: str) -> None:
        self.address = Address.parse(url)
        self._own: str | None = None

    def __str__(self) -> str:
        return str(self.address.path)

    @property
    def about(self) -> Mapping[str, Any]:
        """Return the kind of the database and its path."""
        return {"backend": "sqlite", "path": str(self.address.path)}

    @property
    def inspection(self) -> SqliteInspection:
        """Return what checking it needs."""
        return SqliteInspection(self.address)

    async def open(self, engine: EngineRow | None, in_place: bool) -> Opened:
        """Check place and schema, begin the engine's sign of life, start the writer."""
        self._own = None if engine is None else engine.engine_id
        opened = await to_thread.run_sync(_open, self.address, engine, LoopPort(), in_place)
        opened.writer.start()
        return opened

    async def bury(self, engine_id: str) -> bool:
        """Remove the sign of life of an engine; return whether it is dead."""
        return bury(self.address.engines, engine_id)

    async def tidy(self, executions: int) -> None:
        """Do nothing: free pages are filled again, and given back when the store is quiet."""

    async def vacuum(self, opened: Opened) -> None:
        """Give back as much space as can be had."""
        connection = cast(SqliteWriting, opened.writer.connection)
        await to_thread.run_sync(shrink, self.address, connection, self._own)


def _open(address: Address, engine: EngineRow | None, port: LoopPort, in_place: bool) -> Opened:
    with ExitStack() as undo:
        try:
            _refuse(address, engine)
            ensure_schema(address)
            if engine is not None:
                life = SignOfLife(address.engines, engine.engine_id)
                undo.callback(life.end)
                life.begin()
            times = CommitTimes(f"the disk of {address.path}")
            connection = SqliteWriting(address, Statements(SQLITE_DIALECT), times)
            undo.callback(connection.close)
            if engine is not None:
                connection.make_room()
                connection.call(partial(_enter, address, engine), PATIENCE)
        except (sqlite3.Error, SQLAlchemyError, OSError) as error:
            raise translate(error, address.path) from error
        rounds, reader = SqliteRounds(address, connection), _reader(address, connection.whereabouts)
        undo.callback(rounds.close)
        undo.callback(reader.close)
        writer = Writer(connection, port, Pace(in_place), rounds, times)
        look = partial(examine, address.path)
        return Opened(writer, reader, _watching(writer), _living(address), undo.pop_all(), look)


def _refuse(address: Address, engine: EngineRow | None) -> None:
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        raise StateUnavailable(
            f"Python's SQLite is {sqlite3.sqlite_version}; Harmonia needs 3.35 or later. Use another Python."
        )
    prepare_place(address.path)
    if engine is None and not address.path.exists():
        raise StateUnavailable(f"There is no database at {address.path}; the first run makes it.")


def _reader(address: Address, whereabouts: Whereabouts) -> Reader:
    def connect_again() -> sqlite3.Connection:
        whereabouts.check(holds=0)
        return connect(address, read_only=True)

    core = create_engine(
        "sqlite://",
        creator=connect_again,
        poolclass=QueuePool,
        pool_size=READERS,
        max_overflow=0,
        pool_reset_on_return=None,
    )
    return Reader(core, lambda error: translate(error, address.path))


def _watching(writer: Writer) -> Callable[[Callable[[], None]], None]:
    def watch(wake: Callable[[], None]) -> None:
        writer.wake = wake

    return watch


def _living(address: Address) -> Callable[[Sequence[str]], Any]:
    async def ask(engine_ids: Sequence[str]) -> set[str]:
        return living(address.engines, engine_ids)

    return ask


def _enter(address: Address, engine: EngineRow, cursor: Cursor, statements: Statements) -> None:
    """Write the engine's row, and clear away engines that are dead and own nothing unfinished."""
    statements.engine.run(cursor, [engine])
    cursor.execute(statements.idle_engines)
    for (engine_id,) in cursor.fetchall():
        if engine_id != engine.engine_id and bury(address.engines, engine_id):
            cursor.execute(statements.drop_engine, (engine_id,))
