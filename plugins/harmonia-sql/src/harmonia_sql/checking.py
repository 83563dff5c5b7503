"""The part of the backend that knows, checks, copies and mends a database."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, cast

from sqlalchemy import Connection

from harmonia_core import (
    ExecutionRow,
    Holding,
    Problem,
    StateBackendError,
    TaskRow,
    TimerRow,
)
from harmonia_sql import inspection_queries
from harmonia_sql.dialect import Cursor, Dialect
from harmonia_sql.opened import Database, Opened
from harmonia_sql.projection_rows import replacement
from harmonia_sql.statements import Statements


class Inspection(Protocol):
    """What checking one kind of database needs beside the shared questions.

    dialect: of its writing connection. begin: the statement for a transaction that sees one instant.
    """

    @property
    def dialect(self) -> Dialect:
        """Return the dialect of the writing connection."""
        ...

    @property
    def begin(self) -> str:
        """Return the statement for a reading transaction that sees one instant."""
        ...

    def outside(self) -> Mapping[str, Any]:
        """Return what `describe` says without a connection: backend, place, and bytes as far as known."""
        ...

    def sizes(self, core: Connection) -> dict[str, int]:
        """Return sizes in bytes, by name."""
        ...

    def verify(self, core: Connection) -> list[Problem]:
        """Check what lies below the tables."""
        ...

    async def backup(self, target: str, progress: Callable[[float], None] | None) -> dict[str, Any]:
        """Write a consistent copy; see the contract."""
        ...


class Inspectable(Database, Protocol):
    """A database that can be inspected."""

    @property
    def inspection(self) -> Inspection:
        """Return what checking it needs."""
        ...


class SqlChecking:
    """Describe, compare, copy and mend; part of `SqlBackend`."""

    _database: Database
    _opened: Opened | None
    _ask: Any
    _write: Callable[[Callable[[Cursor, Statements], object]], Any]

    @property
    def _inspection(self) -> Inspection:
        return cast(Inspectable, self._database).inspection

    async def describe(self) -> dict[str, Any]:
        found = dict(self._inspection.outside())
        if self._opened is not None:
            found |= await self._ask(inspection_queries.facts)
            found["bytes"] = {**found["bytes"], **await self._ask(self._inspection.sizes)}
        return found

    async def verify(self) -> list[Problem]:
        found: list[Problem] = await self._ask(self._inspection.verify)
        try:
            found += await self._ask(inspection_queries.astray)
        except StateBackendError as error:
            if not found:
                raise
            found.append(Problem("store-damaged", "", str(error)))
        return found

    async def backup(self, target: str, progress: Callable[[float], None] | None = None) -> dict[str, Any]:
        return await self._inspection.backup(target, progress)

    async def projections(
        self, execution_id: str, take: Callable[[Sequence[TaskRow]], None]
    ) -> tuple[ExecutionRow, list[TimerRow]] | None:
        begin = self._inspection.begin
        found: tuple[ExecutionRow, list[TimerRow]] | None
        found = await self._ask(inspection_queries.projections, begin, execution_id, take)
        return found

    async def holdings(
        self, execution_id: str, namespace: str, addresses: Sequence[str]
    ) -> dict[str, Holding]:
        found: dict[str, Holding]
        found = await self._ask(inspection_queries.holdings, execution_id, namespace, addresses)
        return found

    async def replace_projections(
        self,
        head: ExecutionRow,
        tasks: Sequence[TaskRow],
        timers: Sequence[TimerRow],
        drop_snapshots: Sequence[int] = (),
    ) -> None:
        await self._write(replacement(self._inspection.dialect, head, tasks, timers, drop_snapshots))
