"""Walk along executions that go on in logs of their own: forwards by last events, backwards by origins."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from pydantic_core import from_json

from harmonia_core.contracts.rows import ExecutionRow
from harmonia_core.contracts.state_backend import StateBackend
from harmonia_core.engine.loading import to_recorded
from harmonia_core.engine.rolling import successor_in
from harmonia_core.model.statuses import ExecutionStatus


async def successor_of(backend: StateBackend, row: ExecutionRow) -> str | None:
    """Return which execution goes on where another one ended, None if none does."""
    if row.status != ExecutionStatus.CONTINUED:
        return None
    last = await backend.events(row.execution_id, row.seq - 1, 1)
    return successor_in(to_recorded(last[0])) if last else None


async def adopter_of(backend: StateBackend, row: ExecutionRow) -> str | None:
    """Return which execution has taken over what another one could undo, None if none has."""
    upgrade = await replaced(backend, row)
    return str(upgrade["execution"]) if upgrade and upgrade.get("adopt_compensation") else None


async def replaced(backend: StateBackend, row: ExecutionRow) -> Mapping[str, Any] | None:
    """Return what goes on by another version where an execution was ended for that, None if nothing does."""
    if row.status != ExecutionStatus.TERMINATED:
        return None
    last = await backend.events(row.execution_id, row.seq - 1, 1)
    return getattr(to_recorded(last[0]).event, "upgrade", None) if last else None


def origin_of(row: ExecutionRow) -> str | None:
    """Return which execution another one goes on from, None if from none."""
    return None if row.origin is None else str(from_json(row.origin)["execution"])


async def chain(backend: StateBackend, execution_id: str) -> AsyncIterator[ExecutionRow]:
    """Yield the heads from an execution to the end of its chain, as far as they have been begun."""
    following: str | None = execution_id
    while following is not None:
        row = await backend.head(following)
        if row is None:
            return
        yield row
        following = await successor_of(backend, row)


async def earlier(backend: StateBackend, execution_ids: Sequence[str]) -> list[str]:
    """Return those that executions go on from, directly or not, as far as they are there; oldest first."""
    found: list[str] = []
    rows = await backend.heads(execution_ids)
    while rows:
        found += [row.execution_id for row in rows]
        origins = [from_json(row.origin) for row in rows if row.origin is not None]
        rows = await backend.heads([one["execution"] for one in origins if one["kind"] == "continued"])
    return [one for one in reversed(found) if one not in execution_ids]
