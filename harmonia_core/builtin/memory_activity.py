"""The memory backend's part that keeps what attempts said."""

from collections.abc import Sequence

from harmonia_core.builtin.memory_access import MemoryAccess
from harmonia_core.contracts.activity import ActivityQuery
from harmonia_core.contracts.rows import ActivityRow


class MemoryActivity(MemoryAccess):
    """Keep the rows of an execution by position; part of `MemoryBackend`."""

    async def add_activity(self, rows: Sequence[ActivityRow]) -> None:
        activity = self._read().activity
        for row in rows:
            activity[row.execution_id].setdefault(row.position, row)

    async def activity(self, query: ActivityQuery) -> list[ActivityRow]:
        rows = self._read().activity.get(query.execution_id, {})
        return query.cut([rows[position] for position in sorted(rows) if query.matches(rows[position])])

    async def trim_activity(self, execution_id: str, keep: int) -> int:
        rows = self._read().activity.get(execution_id, {})
        gone = sorted(rows)[: max(0, len(rows) - keep)]
        for position in gone:
            del rows[position]
        return len(gone)
