"""Rebuild a state from the store: the graph of its definition, a snapshot, the events since."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, get_args

from pydantic_core import from_json

from harmonia_core.contracts.rows import EventRow, ExecutionRow
from harmonia_core.contracts.state_backend import StateBackend
from harmonia_core.engine.catalog import Catalog
from harmonia_core.engine.evolve import evolve
from harmonia_core.engine.reading import Ref
from harmonia_core.engine.rolling import beginning
from harmonia_core.errors import StateCorrupt
from harmonia_core.model.addresses import split_item
from harmonia_core.model.codec import decode
from harmonia_core.model.events import Beginning, Inheriting, Recorded, TaskSucceeded
from harmonia_core.model.graph import Graph
from harmonia_core.model.refs import BlobRef, ItemsRef
from harmonia_core.model.rewinding import Need
from harmonia_core.model.snapshot import load
from harmonia_core.model.state import ExecutionState

_INHERITING = frozenset(kind.__name__ for kind in get_args(Inheriting))


def to_recorded(row: EventRow) -> Recorded:
    """Return the event of a row with its envelope; raise StateCorrupt if it cannot be read."""
    try:
        actor = None if row.actor is None else from_json(row.actor)
        event = decode(row.type, row.v, row.data)
    except (StateCorrupt, ValueError) as error:
        raise StateCorrupt(f"Execution {row.execution_id}, seq {row.seq}: {error}") from error
    return Recorded(row.execution_id, row.seq, row.at, actor, row.causation, event)


class Loader:
    """Read executions of one store."""

    def __init__(self, backend: StateBackend, catalog: Catalog) -> None:
        self._backend, self._catalog = backend, catalog

    async def graph(self, row: ExecutionRow, strict: bool) -> Graph:
        """Return the compiled definition of an execution.

        strict: raise DefinitionInvalid if a task type is missing here; otherwise unknown types
            are let pass, which is enough to look at an execution but not to run it.
        """
        known = self._catalog.known(row.definition_hash)
        if known is not None:
            return known
        data = await self._backend.blob(row.namespace, row.definition_hash)
        if data is None:
            raise StateCorrupt(
                f"The definition {row.definition_hash} of execution {row.execution_id} is missing."
            )
        return self._catalog.compile_stored(from_json(data), strict)

    async def state(
        self, row: ExecutionRow, graph: Graph, at: int | None = None
    ) -> tuple[ExecutionState, int]:
        """Return the state at a seq (the newest if None), and the seq of the snapshot it began from."""
        found = await self._backend.snapshot(row.execution_id, at)
        loaded = None if found is None else load(graph, found[1])
        state = loaded or await self.beginning(row.namespace, graph, row.execution_id)
        snapshot = state.seq
        limit = None if at is None else at - state.seq
        for event in await self._backend.events(row.execution_id, state.seq, limit):
            if event.seq != state.seq + 1:
                break
            state = _folded(state, event)
        if state.seq < (row.seq if at is None else min(at, row.seq)):
            raise StateCorrupt(f"The log of execution {row.execution_id} lacks seq {state.seq + 1}.")
        return state, snapshot

    async def beginning(self, namespace: str, graph: Graph, execution_id: str) -> ExecutionState:
        """Return the state before the first event: of a successor, what it goes on from."""
        rows = await self._backend.events(execution_id, 0, 1)
        first = to_recorded(rows[0]) if rows and rows[0].type in _INHERITING else None
        base, event = None, None if first is None else first.event
        if isinstance(event, Inheriting) and type(ref := event.base) is BlobRef:
            data = await self._backend.blob(namespace, ref.address)
            if data is None:
                raise StateCorrupt(f"The state that execution {execution_id} goes on from is missing.")
            base = from_json(data)
        return beginning(graph, execution_id, first, base)

    async def events(self, execution_id: str, after: int = 0, limit: int | None = None) -> list[Recorded]:
        """Return recorded events with seq > after, ascending."""
        return [to_recorded(row) for row in await self._backend.events(execution_id, after, limit)]

    def versions(self, graph: Graph) -> Mapping[str, str]:
        """Return the distributions that a graph is carried out by here."""
        return self._catalog.versions(graph)

    def differing(self, started: Beginning) -> list[str]:
        """Return which distributions differ from those that an execution was started with, and how."""
        now = self._catalog.versions()
        return [
            f"{name} was {version}, is {now.get(name, 'missing')}"
            for name, version in started.versions.items()
            if now.get(name) != version
        ]

    def changed(self, started: Beginning) -> str:
        """Say that a definition compiles to another graph, and which distributions differ."""
        differing = self.differing(started)
        return (
            "the definition compiles to another graph now (" + ("; ".join(differing) or "same versions") + ")"
        )

    async def value(self, state: ExecutionState, namespace: str, ref: Ref) -> Any:
        """Return the value that a reference in a state stands for."""
        if isinstance(ref, BlobRef):
            data = await self._backend.blob(namespace, ref.address)
            if data is None:
                raise StateCorrupt(f"The value {ref.address} of execution {state.execution_id} is missing.")
            return from_json(data)
        owner = ref.execution or state.execution_id
        rows = await self._backend.item_ends(owner, ref.path, ref.first, ref.first + ref.count)
        if ref.prior is not None:
            return await self._with_prior(state, namespace, ref, rows)
        if len(rows) != ref.count:
            raise StateCorrupt(f"Execution {owner} lacks outputs of {ref.path}.")
        return [await self._item(state, namespace, row) for row in rows]

    async def kept(self, state: ExecutionState, namespace: str, need: Need) -> Any:
        """Return what is to be kept of a need, to be stored as a blob. state: of the origin."""
        if need.indexes is None or isinstance(need.ref, BlobRef):
            return need.content(await self.value(state, namespace, need.ref))
        # Items that have not ended have no rows, and nobody asks for them.
        ref = need.ref if need.ref.prior is not None else replace(need.ref, prior=())
        return need.content(await self.value(state, namespace, ref))

    async def _with_prior(
        self, state: ExecutionState, namespace: str, ref: ItemsRef, rows: list[EventRow]
    ) -> list[Any]:
        """Return outputs of which some were taken over; own ones stand before them."""
        found = [None] * ref.count
        pairs = await self.value(state, namespace, ref.prior) if ref.prior else ()
        for index, output in pairs:
            if ref.first <= index < ref.first + ref.count:
                found[index - ref.first] = output
        for row in rows:
            index = split_item(to_recorded(row).event.path)[1]  # type: ignore[attr-defined]
            found[(index or 0) - ref.first] = await self._item(state, namespace, row)
        return found

    async def _item(self, state: ExecutionState, namespace: str, row: EventRow) -> Any:
        event = to_recorded(row).event
        output = event.output if isinstance(event, TaskSucceeded) else None
        return await self.value(state, namespace, output) if isinstance(output, BlobRef) else output


def _folded(state: ExecutionState, row: EventRow) -> ExecutionState:
    """Return the state after a row; one that does not fit the graph or the state is corrupt."""
    recorded = to_recorded(row)
    try:
        return evolve(state, recorded)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        what = f"{row.type} v{row.v} does not fit what came before"
        raise StateCorrupt(
            f"Execution {row.execution_id}, seq {row.seq}: {what} ({type(error).__name__}: {error})."
        ) from error
