"""What attempts said: rows beside the log, written between commits, trimmed in slices."""

from collections.abc import Sequence
from functools import partial

from sqlalchemy import Connection, func, or_, select

from harmonia_core import ActivityQuery, ActivityRow
from harmonia_sql import tables
from harmonia_sql.access import SqlAccess
from harmonia_sql.dialect import Cursor
from harmonia_sql.statements import Statements

# Rows that one transaction deletes.
SLICE = 1000

_row = tables.activity.c


class ActivityRows(SqlAccess):
    """Keep activity; part of `SqlBackend`."""

    async def add_activity(self, rows: Sequence[ActivityRow]) -> None:
        if rows:
            await self._write(lambda cursor, statements: statements.activity.run(cursor, rows))

    async def activity(self, query: ActivityQuery) -> list[ActivityRow]:
        return await self._ask(page, query)

    async def trim_activity(self, execution_id: str, keep: int) -> int:
        positions = await self._ask(oldest, execution_id, keep)
        for last in [*positions[SLICE - 1 :: SLICE], *positions[-1:]]:
            await self._write(partial(_drop, (execution_id, last)))
        return len(positions)


def _drop(up_to: tuple[str, int], cursor: Cursor, statements: Statements) -> None:
    cursor.execute(statements.drop_activity, up_to)


def page(core: Connection, query: ActivityQuery) -> list[ActivityRow]:
    """Return one page of what an execution's attempts said, ascending."""
    found = select(tables.activity).where(_row.execution_id == query.execution_id)
    found = found.where(_row.position > query.after).limit(query.limit)
    if query.levels:
        found = found.where(_row.level.in_(query.levels))
    if query.path is not None:
        inside = func.substr(_row.path, 1, len(query.path) + 1)
        found = found.where(or_(_row.path == query.path, inside.in_((f"{query.path}/", f"{query.path}["))))
    found = found.order_by(_row.position.desc() if query.newest else _row.position)
    rows = [ActivityRow._make(row) for row in core.execute(found)]
    return rows[::-1] if query.newest else rows


def oldest(core: Connection, execution_id: str, keep: int) -> list[int]:
    """Return the positions of an execution's rows beyond the `keep` newest, ascending."""
    found = select(_row.position).where(_row.execution_id == execution_id)
    return list(core.execute(found.order_by(_row.position.desc()).offset(keep)).scalars())[::-1]
