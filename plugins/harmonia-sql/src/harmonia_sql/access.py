"""What all parts of the backend stand on: its database, open or not, and the ways to ask and to write."""

from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

import anyio
from sqlalchemy import Connection

from harmonia_core import StateBackendError, StateUnavailable
from harmonia_sql.dialect import Cursor
from harmonia_sql.opened import Database, Opened
from harmonia_sql.statements import Statements
from harmonia_sql.writer import Call

Value = TypeVar("Value")
Rest = ParamSpec("Rest")


class SqlAccess:
    """Hand questions to a reader and writes to the writer; StateUnavailable while the database is closed."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._opened: Opened | None = None

    async def _ask(
        self,
        question: Callable[Concatenate[Connection, Rest], Value],
        *arguments: Rest.args,
        **no: Rest.kwargs,
    ) -> Value:
        return await self._require().reader.ask(question, *arguments, **no)

    async def _write(self, write: Callable[[Cursor, Statements], object]) -> None:
        finished = anyio.Event()
        outcome: list[StateBackendError | None] = []

        def done(error: StateBackendError | None) -> None:
            outcome.append(error)
            finished.set()

        self._require().writer.call(Call(write, done))
        await finished.wait()
        if outcome[0] is not None:
            raise outcome[0]

    def _require(self) -> Opened:
        if self._opened is None:
            raise self._closed()
        return self._opened

    def _closed(self) -> StateUnavailable:
        return StateUnavailable(f"The database {self._database} is not open; open the engine first.")
