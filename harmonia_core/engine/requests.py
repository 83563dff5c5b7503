"""Bring requests to executions, whoever drives them, and take those that others left for us."""

import logging
import math
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import anyio
from pydantic_core import to_json

from harmonia_core.clock import Clock
from harmonia_core.contracts.rows import ExecutionRow, RequestRow
from harmonia_core.contracts.state_backend import StateBackend
from harmonia_core.engine.arrivals import Requested
from harmonia_core.engine.driver import Driver
from harmonia_core.engine.live import Live
from harmonia_core.engine.ownership import Owner
from harmonia_core.errors import (
    AlreadyCompleted,
    ExecutionFinished,
    Fenced,
    RequestNotConsumed,
    StateBackendError,
)
from harmonia_core.model.statuses import FINAL_EXECUTION, ExecutionStatus

LOG = logging.getLogger("harmonia.engine")
AGAIN = 0.5
"""Seconds, of real time, after which requests are looked for again that could not be read."""

Actor = Mapping[str, str]


class Requests:
    """Carry requests for one engine. timeout: seconds a living owner has to take one."""

    def __init__(
        self, backend: StateBackend, driver: Driver, owner: Owner, clock: Clock, timeout: float
    ) -> None:
        self._backend, self._driver, self._owner = backend, driver, owner
        self._clock, self._timeout = clock, timeout
        self._changed = anyio.Event()

    def changed(self) -> None:
        """Note that another process may have written to the store; called on the loop's thread."""
        self._changed.set()
        self._changed = anyio.Event()

    async def next_change(self, limit: float = math.inf) -> None:
        """Wait until another process may have written, at most `limit` seconds."""
        changed = self._changed
        with anyio.move_on_after(limit):
            await changed.wait()

    async def run(self) -> None:
        """Look after our executions whenever the store has changed, until cancelled.

        Those taken over elsewhere are let go, for others stored requests are taken.
        """
        while True:
            changed, limit = self._changed, math.inf
            if self._driver.lives:
                try:
                    await self._check_epochs()
                    await self._take()
                except StateBackendError as error:
                    # What was stored may be the last change for long.
                    LOG.warning("Requests could not be read: %s", error)
                    limit = AGAIN
            with anyio.move_on_after(limit):
                await changed.wait()

    async def _check_epochs(self) -> None:
        """Let go of what another engine has taken over: an idle owner would never learn it by writing."""
        for row in await self._backend.heads(list(self._driver.lives)):
            live = self._driver.lives.get(row.execution_id)
            if live is not None and row.epoch > live.epoch:
                self._driver.fence(live)

    async def _take(self) -> None:
        mine = [*self._driver.lives, *self._driver.formerly]
        self._driver.hand_over(*await self._backend.requests(mine))

    async def put(self, request: RequestRow) -> None:
        """Bring a request to its execution; return when it is durable, as a row or as an event.

        Raises ExecutionNotFound, ExecutionFinished, ExecutionNotAdoptable, Fenced.
        """
        live = self._driver.live(request.execution_id)
        if live is not None:
            await self._hand(live, request)
            return
        row = await self.open_head(request.execution_id)
        if await self._owner.alive(row):
            await self._backend.add_request(request._replace(execution_id=row.execution_id))
        else:
            try:
                await self._owner.deliver(row, request)
            except Fenced:  # somebody adopted it in the meantime
                await self.put(request)

    async def _hand(self, live: Live, request: RequestRow) -> None:
        """Let a request reach an execution of ours, or whatever has gone on from it by then."""
        self._driver.arrive(live, Requested(request, False, self._driver.draw()))
        last = live
        await last.settled()
        while last.successor is not None:
            last = last.successor
            await last.settled()
        if any(type(one) is Requested and one.request is request for one in last.arrivals):
            raise ExecutionFinished(last.execution_id, last.state.status)

    async def open_head(self, execution_id: str) -> ExecutionRow:
        """Return the head of an execution that has not ended; raise ExecutionNotFound, ExecutionFinished.

        It is that of the end of its chain; still `continued` while that waits to be begun.
        """
        row = await self._owner.succession.end(execution_id)
        if ExecutionStatus(row.status) in FINAL_EXECUTION - {ExecutionStatus.CONTINUED}:
            raise ExecutionFinished(row.execution_id, row.status)
        return row

    async def consumed(self, request: RequestRow) -> None:
        """Wait until a request is taken or its execution has ended; raise RequestNotConsumed in the end."""
        deadline = anyio.current_time() + self._timeout
        while await self._waits(request) and not await self._stood_in(request):
            if anyio.current_time() > deadline:
                raise await self._stuck(request.execution_id)
            await self.next_change(0.25)

    async def ended(self, request: RequestRow) -> str:
        """Return the status in which the execution of a cancel ends, whoever dies on the way."""
        while not await self._stood_in(request):
            await self.next_change(0.25)
        return (await self._owner.succession.end(request.execution_id)).status

    async def _waits(self, request: RequestRow) -> bool:
        stored = await self._backend.requests([request.execution_id])
        return any(row.request_id == request.request_id for row in stored)

    async def _stood_in(self, request: RequestRow) -> bool:
        """Deliver a request again if the owner that was to act on it has died; tell whether all is over."""
        try:
            row = await self.open_head(request.execution_id)
            if not await self._owner.alive(row):
                for left in await self._undelivered(row, request):
                    await self._owner.deliver(row, left)
                    row = await self.open_head(request.execution_id)
        except ExecutionFinished:
            return True
        except Fenced:  # somebody adopted it in the meantime
            return False
        return False

    async def _undelivered(self, row: ExecutionRow, request: RequestRow) -> list[RequestRow]:
        """Return what is to be delivered to an execution without an owner: the request, or what it left."""
        if row.owner is not None or row.status != ExecutionStatus.CANCELLING:
            return [request]
        # It has got the request and waits for executions that others drive.
        return await self._backend.requests([row.execution_id])

    async def _stuck(self, execution_id: str) -> RequestNotConsumed:
        owner = (await self._owner.succession.end(execution_id)).owner or ""
        found = next((engine for engine in await self._backend.engines() if engine.engine_id == owner), None)
        return RequestNotConsumed(
            execution_id, owner, found.pid if found else None, found.host if found else None
        )

    async def complete(
        self, token: str, output: Any, error: Mapping[str, Any] | None, actor: Actor | None
    ) -> None:
        """End a deferred attempt, once; raise AlreadyCompleted for repeats and unknown tokens."""
        digest = sha256(token.encode()).hexdigest()
        found = await self._backend.token(digest)
        if found is None:
            raise AlreadyCompleted()
        body = {"path": found.path, "attempt": found.attempt, "output": output}
        if error is not None:
            body["error"] = {"category": "task", "code": "task-error", "message": "", **error}
        request = self.row(found.execution_id, "complete", body, actor, digest)
        try:
            await self.put(request)
        except ExecutionFinished as late:
            raise AlreadyCompleted(f"The attempt of execution {late.execution_id}") from late

    def row(
        self, execution_id: str, kind: str, body: Mapping[str, Any], actor: Actor | None, request_id: str
    ) -> RequestRow:
        """Return a request as it is stored. request_id: the same id twice is one request."""
        text = to_json(dict(body)).decode()
        who = None if actor is None else to_json(dict(actor)).decode()
        return RequestRow(request_id, execution_id, "default", kind, text, who, self._clock.now())
