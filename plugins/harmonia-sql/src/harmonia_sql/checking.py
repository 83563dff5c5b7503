"""The part of the backend that knows, checks, copies and mends a database."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from sqlalchemy import Connection

from harmonia_core import (
    ExecutionRow,
    Holding,
    Problem,
    SlotRow,
    StateBackendError,
    StateUnavailable,
    TaskRow,
    TimerRow,
)
from harmonia_sql import inspection_queries
from harmonia_sql.access import SqlAccess
from harmonia_sql.inspection import Inspection
from harmonia_sql.projection_rows import replacement


class SqlChecking(SqlAccess):
    """Describe, compare, copy and mend; part of `SqlBackend`."""

    @property
    def _inspection(self) -> Inspection:
        return self._database.inspection

    async def describe(self) -> dict[str, Any]:
        found = dict(self._inspection.outside())
        if self._opened is not None:
            found |= await self._ask(inspection_queries.facts, self._inspection.begin)
            found["bytes"] = {**found["bytes"], **await self._ask(self._inspection.sizes)}
        return found

    async def verify(self) -> list[Problem]:
        found = await self._ask(self._inspection.verify)
        try:
            found += await self._ask(inspection_queries.astray, self._inspection.begin)
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
        begin, taken = self._inspection.begin, False

        def take_once(rows: Sequence[TaskRow]) -> None:
            nonlocal taken
            taken = True
            take(rows)

        def question(core: Connection) -> tuple[ExecutionRow, list[TimerRow]] | None:
            # A reader asks again on another connection; what was handed on cannot be taken back.
            if taken:
                raise StateUnavailable(f"The connection to {self._database} was lost while rows were read.")
            return inspection_queries.projections(core, begin, execution_id, take_once)

        return await self._ask(question)

    async def holdings(
        self, execution_id: str, namespace: str, addresses: Sequence[str]
    ) -> dict[str, Holding]:
        return await self._ask(inspection_queries.holdings, execution_id, namespace, addresses)

    async def replace_projections(
        self,
        head: ExecutionRow,
        tasks: Sequence[TaskRow],
        timers: Sequence[TimerRow],
        drop_snapshots: Sequence[int] = (),
        slots: Mapping[str, Sequence[SlotRow]] = MappingProxyType({}),
    ) -> None:
        await self._write(replacement(head, tasks, timers, drop_snapshots, slots))
