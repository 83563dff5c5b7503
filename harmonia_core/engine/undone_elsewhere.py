"""Which results others have undone: those who did the work, and those who took over how it is undone."""

from harmonia_core.contracts.rows import ExecutionRow
from harmonia_core.contracts.state_backend import StateBackend
from harmonia_core.engine.chains import adopter_of, chain, origin_of
from harmonia_core.engine.loading import Loader
from harmonia_core.engine.rewind_past import undone_in
from harmonia_core.engine.rewind_undo import still_undoable
from harmonia_core.model.state import ExecutionState

Paths = frozenset[str]
NONE: Paths = frozenset()


class Elsewhere:
    """Look at the relatives of executions in one store."""

    def __init__(self, backend: StateBackend, loader: Loader) -> None:
        self._backend, self._loader = backend, loader

    async def before(self, row: ExecutionRow) -> Paths:
        """Return what was undone, or is about to be, by those an execution has results of, or for them."""
        found, seen = NONE, {one.execution_id async for one in chain(self._backend, row.execution_id)}
        origin = origin_of(row)
        while origin is not None and (above := await self._backend.head(origin)) is not None:
            if above.execution_id not in seen:
                found |= undone_in(await self._state(above)) | await self._after(above, seen)
            origin = origin_of(above)
        return found

    async def after(self, row: ExecutionRow) -> Paths:
        """Return what was undone, or is about to be, by those who go on with the entries of an execution.

        They are the rest of its chain, and whoever took its entries over, and so on. What one has taken over
        that is not there counts as undone: nobody can tell.
        """
        return await self._after(row, set())

    async def _after(self, row: ExecutionRow, seen: set[str]) -> Paths:
        """seen: whom to pass over; takes all that are looked at."""
        found = NONE
        waiting: list[tuple[ExecutionRow, Paths | None]] = [(row, None)]
        while waiting:
            first, held = waiting.pop()
            async for one in chain(self._backend, first.execution_id):
                if one.execution_id in seen:
                    continue
                seen.add(one.execution_id)
                state = await self._state(one)
                found |= _of(held, undone_in(state)) if one.execution_id != row.execution_id else NONE
                new = await adopter_of(self._backend, one)
                head = None if new is None else await self._backend.head(new)
                if head is not None:
                    waiting.append((head, _of(held, await self._taken_over(head))))
                elif new is not None:
                    found |= _of(held, still_undoable(state))
        return found

    async def _state(self, row: ExecutionRow) -> ExecutionState:
        return (await self._loader.state(row, await self._loader.graph(row, strict=False)))[0]

    async def _taken_over(self, row: ExecutionRow) -> Paths:
        """Return what an execution can undo that it has not done itself."""
        graph = await self._loader.graph(row, strict=False)
        return still_undoable(await self._loader.beginning(row.namespace, graph, row.execution_id))


def _of(held: Paths | None, paths: Paths) -> Paths:
    return paths if held is None else paths & held
