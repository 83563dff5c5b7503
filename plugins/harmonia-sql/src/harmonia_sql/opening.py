"""Open a database for an engine or a reader, and take it apart again in the right order."""

import sqlite3
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

from anyio import to_thread
from sqlalchemy.exc import SQLAlchemyError

from harmonia_core import EngineRow, StateUnavailable
from harmonia_sql.connection import Address, prepare_place
from harmonia_sql.errors import translate
from harmonia_sql.life import SignOfLife, bury
from harmonia_sql.loop import LoopPort
from harmonia_sql.maintenance import Maintenance
from harmonia_sql.pace import Pace
from harmonia_sql.reader import Reader
from harmonia_sql.schema import ensure_schema
from harmonia_sql.statements import Cursor, Statements
from harmonia_sql.store import WritingConnection
from harmonia_sql.writer import PATIENCE, Writer

# UPDATE ... FROM (VALUES ...), and the fixes that came soon after it.
OLDEST_SQLITE = (3, 35)


@dataclass(slots=True)
class Opened:
    """Hold the parts of an open database."""

    writer: Writer
    reader: Reader
    life: SignOfLife | None

    async def close(self) -> None:
        """Wait until everything accepted is committed and reported; then let go of everything."""
        await to_thread.run_sync(self.writer.stop)
        self.reader.close()
        self.writer.maintenance.close()
        self.writer.connection.close()
        if self.life is not None:
            self.life.end()


async def open_database(address: Address, engine: EngineRow | None, in_place: bool) -> Opened:
    """Check place and schema, begin the engine's sign of life, start the writer."""
    opened = await to_thread.run_sync(_open, address, engine, LoopPort(), in_place)
    opened.writer.start()
    return opened


def _open(address: Address, engine: EngineRow | None, port: LoopPort, in_place: bool) -> Opened:
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        raise StateUnavailable(
            f"Python's SQLite is {sqlite3.sqlite_version}; Harmonia needs 3.35 or later. Use another Python."
        )
    prepare_place(address.path)
    if engine is None and not address.path.exists():
        raise StateUnavailable(f"There is no database at {address.path}; the first run makes it.")
    life = None if engine is None else SignOfLife(address.engines, engine.engine_id)
    with ExitStack() as undo:
        try:
            ensure_schema(address)
            if life is not None:
                undo.callback(life.end)
                life.begin()
            connection = WritingConnection(address, Statements())
            undo.callback(connection.close)
            if engine is not None:
                connection.make_room()
                connection.call(partial(_enter, address, engine), PATIENCE)
        except (sqlite3.Error, SQLAlchemyError, OSError) as error:
            raise translate(error, address.path) from error
        undo.pop_all()
    return Opened(Writer(connection, port, Pace(in_place), Maintenance(address)), Reader(address), life)


def _enter(address: Address, engine: EngineRow, cursor: Cursor, statements: Statements) -> None:
    """Write the engine's row, and clear away engines that are dead and own nothing unfinished."""
    statements.engine.run(cursor, [engine])
    cursor.execute(statements.idle_engines)
    for (engine_id,) in cursor.fetchall():
        if engine_id != engine.engine_id and bury(address.engines, engine_id):
            cursor.execute(statements.drop_engine, (engine_id,))
