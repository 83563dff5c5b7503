"""What has happened in a store as far as a client has seen it: it acts on that, and never on a time."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic_core import from_json
from sweep_case import Step

from harmonia_core.contracts.queries import ExecutionQuery
from harmonia_core.contracts.rows import ExecutionRow
from harmonia_core.model.events import Recorded


class Seen:
    """Hold (execution, type, path) of every event, those of earlier lives included."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str, str]] = []

    async def remember(self, store: Any) -> None:
        """Look at what is there, whoever has recorded it."""
        self.events.clear()
        for row in await executions(store):
            for event in await store.events(row.execution_id):
                path = str(from_json(event.data).get("path", ""))
                self.events.append((row.execution_id, event.type, path))

    def recorded(self, recorded: Sequence[Recorded]) -> None:
        """Take what an engine of this life has recorded."""
        for one in recorded:
            path = str(getattr(one.event, "path", ""))
            self.events.append((one.execution_id, type(one.event).__name__, path))

    def holds(self, step: Step, ids: Mapping[str, str]) -> bool:
        """Tell whether what a step waits for has been seen. ids: of executions, by label."""
        when = step.when
        if not when:
            return True
        label = when.get("of", step.of)
        found = [
            execution
            for execution, kind, path in self.events
            if kind == when["seen"] and path == when.get("path", path)
        ]
        if label != "any":
            found = [execution for execution in found if execution == ids.get(label)]
        return len(found) >= when.get("count", 1)


async def executions(store: Any) -> list[ExecutionRow]:
    """Return all executions of a store, oldest first."""
    found: list[ExecutionRow] = []
    cursor = None
    while True:
        rows, cursor = await store.find(ExecutionQuery(None, limit=100, cursor=cursor))
        found += rows
        if cursor is None:
            return sorted(found, key=lambda row: row.execution_id)
