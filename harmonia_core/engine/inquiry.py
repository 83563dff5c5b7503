"""What can be asked about executions of a store, whoever drives them. Nothing here changes anything."""

from collections.abc import AsyncIterator
from typing import Any

from pydantic_core import from_json

from harmonia_core.contracts.rows import ExecutionRow
from harmonia_core.contracts.state_backend import ExecutionQuery, StateBackend
from harmonia_core.engine.chains import replaced
from harmonia_core.engine.loading import Loader
from harmonia_core.engine.ownership import Owner
from harmonia_core.engine.rolling import successor_in
from harmonia_core.engine.views import event_view, execution_view, head_view
from harmonia_core.errors import ExecutionNotFound, StateCorrupt
from harmonia_core.model.refs import BlobRef


class Inquiry:
    """Answer questions; the part of an engine that only reads."""

    def __init__(self, backend: StateBackend, loader: Loader, owner: Owner) -> None:
        self.backend, self._loader, self._owner = backend, loader, owner

    async def get(self, execution_id: str, *, follow: bool = True) -> dict[str, Any]:
        """Return an execution in its public shape; raise ExecutionNotFound.

        follow: of one that goes on in another log, return that; otherwise `successor` names it.
        """
        row = await (self._owner.succession.end(execution_id) if follow else self._head(execution_id))
        state, _ = await self._loader.state(row, await self._loader.graph(row, strict=False))
        view = execution_view(row, state, await self._owner.alive(row))
        successor = await self._owner.succession.successor(row)
        if successor is not None:
            return {**view, "owner": None, "successor": successor}
        upgrade = await replaced(self.backend, row)
        if upgrade is None:
            return view
        if upgrade.get("adopt_compensation") and "undo" in view:
            view["undo"] = {**view["undo"], "adopted_by": upgrade["execution"]}
        return {**view, "upgraded_to": upgrade["execution"]}

    async def output(self, execution_id: str) -> Any:
        """Return the output of an execution whole, however large; None unless it has completed."""
        row = await self._owner.succession.end(execution_id)
        last = await self._loader.events(row.execution_id, row.seq - 1)
        output = getattr(last[-1].event, "output", None) if row.status == "completed" else None
        if not isinstance(output, BlobRef):
            return output
        data = await self.backend.blob(row.namespace, output.address)
        if data is None:
            raise StateCorrupt(f"The output {output.address} of execution {row.execution_id} is missing.")
        return from_json(data)

    async def find(self, query: ExecutionQuery) -> tuple[list[dict[str, Any]], str | None]:
        """Return one page of executions, newest first, and the cursor of the next."""
        rows, cursor = await self.backend.find(query)
        alive = await self.backend.alive([row.owner for row in rows if row.owner])
        return [head_view(row, row.owner in alive) for row in rows], cursor

    async def events(self, execution_id: str, after: int = 0) -> AsyncIterator[dict[str, Any]]:
        """Yield the recorded events of an execution in their public shape, ascending.

        Behind the last one follow those of the execution that goes on from there, if one does.
        """
        await self._head(execution_id)
        following: str | None = execution_id
        while following is not None:
            last = None
            while page := await self._loader.events(following, after, 500):
                for recorded in page:
                    yield event_view(recorded)
                last, after = page[-1], page[-1].seq
            following, after = successor_in(last), 0

    async def _head(self, execution_id: str) -> ExecutionRow:
        row = await self.backend.head(execution_id)
        if row is None:
            raise ExecutionNotFound(execution_id)
        return row
