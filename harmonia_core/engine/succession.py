"""Let executions go on in logs of their own: begin successors, and find the live end of a chain of them.

The end of one log and the beginning of the next are two commits. The engine that made the first makes the
second at once; if it dies in between, the request that the first has left says what is to be begun.
"""

from typing import Any

from pydantic_core import from_json

from harmonia_core.contracts.rows import ExecutionRow, RequestRow
from harmonia_core.contracts.state_backend import StateBackend
from harmonia_core.engine.arrivals import Arrival, Fact, Requested
from harmonia_core.engine.chains import chain, successor_of
from harmonia_core.engine.driver import Driver
from harmonia_core.engine.live import Live
from harmonia_core.engine.loading import Loader
from harmonia_core.engine.rolling import base_of, restored
from harmonia_core.engine.settle import Batch
from harmonia_core.errors import ExecutionNotFound
from harmonia_core.model.events import ExecutionContinued, ExecutionRolledOver
from harmonia_core.model.graph import Graph
from harmonia_core.model.state import ExecutionState
from harmonia_core.model.statuses import ExecutionStatus

CONTINUE = "continue"


class Succession:
    """Begin and find the successors of one engine's store."""

    def __init__(self, backend: StateBackend, engine_id: str, driver: Driver, loader: Loader) -> None:
        self._backend, self._engine_id = backend, engine_id
        self._driver, self._loader = driver, loader
        driver.after.append(self._rolled_over)

    def _rolled_over(self, live: Live, batch: Batch) -> None:
        """Begin the successor of an execution that this engine has just rolled over."""
        record = batch.recorded[-1] if batch.recorded else None
        if record is None or type(record.event) is not ExecutionRolledOver or not live.owned:
            return
        here = self._driver.lives.get(record.event.successor)
        if here is not None:  # whoever looks for successors was quicker
            self._driver.succeed(live, here, ())
            return
        successor, arrivals = self._prepared(batch.state, record.event.successor, live.namespace)
        arrivals += [Requested(one, True, 0.0) for one in batch.requests if one.kind == CONTINUE]
        self._driver.succeed(live, successor, arrivals)

    def _prepared(self, state: ExecutionState, successor: str, namespace: str) -> tuple[Live, list[Arrival]]:
        """Return a successor, and the first thing that it takes."""
        graph, base = state.graph, base_of(state)
        live = Live(restored(graph, successor, base), namespace, 1, created=False)
        return live, [Fact(ExecutionContinued(
            state.execution_id, state.seq, graph.name, graph.version, graph.definition_hash, graph.graph_hash,
            base, self._loader.versions(graph),
        ))]  # fmt: skip

    async def begin(self, row: ExecutionRow, graph: Graph, *more: Arrival, driven: bool = True) -> Live:
        """Begin the successor of an execution whose engine is gone; return it once that is durable.

        driven: go on with it here; otherwise nobody owns it afterwards. more: what reaches it at once.
        Raises Fenced if another was quicker, StateCorrupt.
        """
        state, _ = await self._loader.state(row, graph)
        successor = await self.successor(row) or ""
        live, arrivals = self._prepared(state, successor, row.namespace)
        stored = await self._backend.requests([row.execution_id, successor])
        arrivals += [Requested(request, True, self._driver.draw()) for request in stored]
        live.taken.update(request.request_id for request in stored)
        here = self._driver.lives.get(successor)
        if here is not None:  # this engine has rolled it over itself, and has heard of that meanwhile
            self._driver.arrive(here, *more)
            await here.settled()
            return here
        if not driven:
            await self._driver.deliver(live, [*arrivals, *more])
            return live
        self._driver.adopt(live)
        self._driver.arrive(live, *arrivals, *more)
        await live.settled()
        self._driver.hand_over(*await self._backend.requests([row.execution_id, successor]))
        return live

    async def successor(self, row: ExecutionRow) -> str | None:
        """Return which execution goes on where another one ended, None if none does."""
        return await successor_of(self._backend, row)

    async def chain(self, execution_id: str) -> list[ExecutionRow]:
        """Return the heads from an execution to the end of its chain, as far as they have been begun.

        Raises ExecutionNotFound if there is none of that id.
        """
        rows = [row async for row in chain(self._backend, execution_id)]
        if not rows:
            raise ExecutionNotFound(execution_id)
        return rows

    async def end(self, execution_id: str) -> ExecutionRow:
        """Return the last head of a chain; it says `continued` only until its successor has begun."""
        return (await self.chain(execution_id))[-1]

    async def unbegun(self) -> list[ExecutionRow]:
        """Return those that are continued by nobody: the engine that rolled them over is gone."""
        waiting = [one for one in await self._backend.requests(None) if one.kind == CONTINUE]
        if not waiting:
            return []
        begun = {row.execution_id for row in await self._backend.heads([one.execution_id for one in waiting])}
        left = [one for one in waiting if one.execution_id not in begun | self._driver.lives.keys()]
        rows = await self._backend.heads([_origin(one) for one in left])
        alive = await self._backend.alive(sorted({row.owner for row in rows if row.owner is not None}))
        return [row for row in rows if row.owner not in alive - {self._engine_id}]

    async def requests(self, row: ExecutionRow) -> list[RequestRow]:
        """Return the stored requests of an execution, and those that came too late for one before it."""
        if row.origin is None:
            return await self._backend.requests([row.execution_id])
        waiting = await self._backend.requests(None)
        others = sorted({one.execution_id for one in waiting if one.kind != CONTINUE} - {row.execution_id})
        heads = await self._backend.heads(others) if others else []
        chain = {row.execution_id, *(head.execution_id for head in heads if _before(head, row))}
        return [one for one in waiting if one.execution_id in chain]


def _before(head: ExecutionRow, row: ExecutionRow) -> bool:
    return head.root_id == row.root_id and head.status == ExecutionStatus.CONTINUED


def _origin(request: RequestRow) -> str:
    body: dict[str, Any] = from_json(request.body)
    return str(body.get("origin", ""))
