"""Begin the executions that tasks of others asked for: at once by the engine that recorded it.

The request to begin is stored with the task's event and consumed with the child's first one. If the
engine dies in between, whoever looks for orphans finds the request. Two engines that begin the same
child do no harm: its id is in the request, and only one can write its first event.
"""

import logging
from collections.abc import Container, Iterable, Mapping
from typing import Any

from anyio.abc import TaskGroup
from pydantic_core import from_json

from harmonia_core.clock import Clock
from harmonia_core.contracts.rows import RequestRow
from harmonia_core.contracts.state_backend import StateBackend
from harmonia_core.engine.arrivals import Arrival, Fact, Requested
from harmonia_core.engine.catalog import Catalog
from harmonia_core.engine.child_requests import handed_on
from harmonia_core.engine.child_rows import START, report
from harmonia_core.engine.driver import Driver
from harmonia_core.engine.live import Live
from harmonia_core.engine.patience import Patience
from harmonia_core.engine.record import forget
from harmonia_core.engine.settle import Batch
from harmonia_core.engine.walks import node_of
from harmonia_core.errors import ExecutionNotAdoptable, HarmoniaError, StateBackendError
from harmonia_core.expressions.schema import check_value
from harmonia_core.model.events import ChildRequested, ExecutionFailed, ExecutionStarted
from harmonia_core.model.family import Family
from harmonia_core.model.graph import Graph
from harmonia_core.model.outcomes import ErrorInfo
from harmonia_core.model.refs import BlobRef
from harmonia_core.model.state import begin
from harmonia_core.model.statuses import FINAL_EXECUTION

LOG = logging.getLogger("harmonia.engine")


class ChildStarts:
    """Begin children for one engine."""

    def __init__(
        self,
        backend: StateBackend,
        engine_id: str,
        driver: Driver,
        catalog: Catalog,
        clock: Clock,
        patience: Patience,
    ) -> None:
        self._backend, self._engine_id, self._driver = backend, engine_id, driver
        self._catalog, self._clock, self._patience = catalog, clock, patience
        self._group: TaskGroup

    def enter(self, group: TaskGroup) -> None:
        """Take the task group in which children begin whose definition or input must be fetched."""
        self._group = group
        self._driver.after.append(self._follow)

    def _follow(self, live: Live, batch: Batch) -> None:
        """Begin what a batch asks for."""
        for record in batch.recorded:
            event = record.event
            if type(event) is ChildRequested:
                request_id = f"{START}:{event.child_id}"
                row = next(one for one in batch.requests if one.request_id == request_id)
                self._at_once(live, event, row)

    def _at_once(self, live: Live, event: ChildRequested, row: RequestRow) -> None:
        child = node_of(live.state.graph, event.path).child
        graph = None if child is None or child.pinned else child.graph or live.state.graph
        body = from_json(row.body)
        if graph is None or isinstance(handed_on(body, "input"), BlobRef):
            self._group.start_soon(self._slowly, row)
        else:
            self._begin(row, body, graph, self._problems(graph, body["input"]), ())

    async def _slowly(self, row: RequestRow) -> None:
        try:
            await self.begin(row)
        except (StateBackendError, ExecutionNotAdoptable) as error:
            LOG.error("Execution %s could not begin: %s", row.execution_id, error)

    async def begin(self, row: RequestRow) -> Live | None:
        """Begin a child from its stored request; None if it cannot exist, then its task has been told.

        Raises ExecutionNotAdoptable if it cannot run here, StateBackendError.
        """
        ask, body = self._patience.ask, from_json(row.body)
        address: str = body["definition_hash"]
        text: bytes | None = await ask(self._backend.blob, row.namespace, address)
        if text is None:
            message = f"The store has no definition {address}."
            await self._refuse(row, body, "definition-missing", message)
            return None
        try:
            graph = self._catalog.compile_stored(_object(text), strict=True)
        except (HarmoniaError, ValueError) as error:
            if not body["pinned"]:
                raise ExecutionNotAdoptable(row.execution_id, str(error)) from error
            await self._refuse(row, body, "definition-invalid", str(error))
            return None
        value = input = handed_on(body, "input")
        if isinstance(input, BlobRef) and graph.input_schema is not None:
            data: bytes | None = await ask(self._backend.blob, row.namespace, input.address)
            value = None if data is None else from_json(data)
        waiting = await ask(self._backend.requests, [row.execution_id])
        live = self._begin(row, body, graph, self._problems(graph, value), waiting, text)
        # What was stored in between, when it was not yet known here, reached nobody.
        self._driver.hand_over(*await ask(self._backend.requests, [row.execution_id]))
        return live

    def _problems(self, graph: Graph, value: Any) -> str:
        schema = graph.input_schema
        problems = check_value(schema, value, "input") if schema is not None else []
        return "; ".join(map(str, problems))

    def _begin(
        self,
        row: RequestRow,
        body: Mapping[str, Any],
        graph: Graph,
        problems: str,
        waiting: Iterable[RequestRow],
        text: bytes | None = None,
    ) -> Live | None:
        if row.execution_id in self._driver.lives:
            return None
        live = Live(begin(graph, row.execution_id), row.namespace, 1, created=False, definition=text)
        arrivals: list[Arrival] = [Fact(self._started(row, body, graph), row.actor)]
        if problems:
            error = ErrorInfo("validation", "input-invalid", problems, retryable=False)
            arrivals.append(Fact(ExecutionFailed(error)))
        stored = {row.request_id: row, **{one.request_id: one for one in waiting}}
        arrivals += [Requested(one, True, self._driver.draw()) for one in stored.values()]
        live.taken.update(stored)
        self._driver.adopt(live)
        self._driver.arrive(live, *arrivals)
        return live

    def _started(self, row: RequestRow, body: Mapping[str, Any], graph: Graph) -> ExecutionStarted:
        now = self._clock.now()
        return ExecutionStarted(
            graph.name,
            graph.version,
            graph.definition_hash,
            graph.graph_hash,
            handed_on(body, "input"),
            dict(graph.vars),
            dict(graph.labels),
            row.execution_id,
            None if graph.timeout is None else now + graph.timeout,
            self._catalog.versions(graph),
            body["parent_id"],
            body["path"],
            body["attempt"],
            body["depth"],
            body["reports"],
            # What its parent was given counts for the work that is done for it.
            body.get("priority", graph.priority),
        )

    async def _refuse(self, row: RequestRow, body: Mapping[str, Any], code: str, message: str) -> None:
        """Tell the task that its child cannot exist; if nobody waits for that, forget the request."""
        family = Family(body["parent_id"], body["path"], body["attempt"])
        error = ErrorInfo("validation", code, message, retryable=False).as_json()
        told = report(row.execution_id, family, "failed", {"error": error}, self._clock.now(), row.namespace)
        parent = self._driver.lives.get(body["parent_id"])
        if parent is not None:
            self._driver.arrive(
                parent, Requested(row, True, 0.0), Requested(told, False, self._driver.draw())
            )
            return
        head = await self._patience.ask(self._backend.head, body["parent_id"])
        if head is None or head.status in FINAL_EXECUTION:
            await self._patience.ask(forget, self._backend, row.request_id)

    async def left(self, execution_ids: Iterable[str] | None = None) -> list[RequestRow]:
        """Return requests to begin that nobody alive is going to carry out, of all executions if None."""
        ask = self._patience.ask
        ids = None if execution_ids is None else list(execution_ids)
        found = [row for row in await ask(self._backend.requests, ids) if row.kind == START]
        found = [row for row in found if row.execution_id not in self._driver.lives]
        if not found:
            return []
        there = {
            head.execution_id for head in await ask(self._backend.heads, [r.execution_id for r in found])
        }
        parents = {row.request_id: from_json(row.body)["parent_id"] for row in found}
        heads = await ask(self._backend.heads, sorted(set(parents.values())))
        owners = {head.execution_id: head.owner for head in heads if head.owner != self._engine_id}
        alive = await ask(self._backend.alive, sorted({owner for owner in owners.values() if owner}))
        return [
            row
            for row in found
            if row.execution_id not in there and owners.get(parents[row.request_id]) not in alive
        ]

    async def begin_left(self, refused: dict[str, str], among: Container[str] | None = None) -> list[str]:
        """Begin what is left, at most the requests `among`; return the ids. refused: takes what cannot be."""
        begun = []
        for row in await self.left():
            if among is not None and row.request_id not in among:
                continue
            try:
                live = await self.begin(row)
                if live is not None:
                    await live.settled()
                    begun.append(row.execution_id)
            except ExecutionNotAdoptable as error:
                refused[row.execution_id] = str(error)
            except StateBackendError:
                continue  # another engine was quicker, or the store is gone: nothing is lost
        return begun


def _object(text: bytes) -> Mapping[str, Any]:
    found = from_json(text)
    if not isinstance(found, dict):
        raise ValueError("it is no definition")
    return found
