"""Bring a person's decisions to executions: cancel, undo what was done, decide about what is stopped."""

from collections.abc import Mapping
from typing import Any, get_args

from harmonia_core.engine.id_maker import IdMaker
from harmonia_core.engine.resolving import open_decisions, refusal
from harmonia_core.engine.waiting import Waiting
from harmonia_core.errors import ExecutionFinished, HarmoniaError
from harmonia_core.model.refusal import Refusal
from harmonia_core.model.statuses import FINAL_EXECUTION
from harmonia_core.model.undo_events import Resolution

Actor = Mapping[str, str]


class NothingToResolve(HarmoniaError):
    """Say why a person cannot decide that about a task, and what waits for a person instead.

    waiting: paths of what does, with the reasons.
    """

    code = "nothing-to-resolve"

    def __init__(self, execution_id: str, path: str, refusal: Refusal, waiting: Mapping[str, str]) -> None:
        self.execution_id, self.path, self.waiting = execution_id, path, dict(waiting)
        self.refusal = refusal
        listed = ", ".join(f"{path} ({why})" for path, why in self.waiting.items())
        rest = f"A person must decide about: {listed}." if listed else "Nothing waits for a person there."
        super().__init__(f"{path} of execution {execution_id}: {refusal.reason}. {rest}")

    def details(self) -> dict[str, Any]:
        """Return why, and what could be resolved."""
        why = {"code": self.refusal.code, "reason": self.refusal.reason}
        return {"execution_id": self.execution_id, "path": self.path, "refusal": why, "waiting": self.waiting}


class Deciding(Waiting):
    """Take decisions; the part of an engine that brings them to whoever drives the execution."""

    _new_id: IdMaker

    async def cancel(
        self,
        execution_id: str,
        reason: str | None = None,
        *,
        actor: Mapping[str, str] | None = None,
        wait: bool = True,
    ) -> None:
        """Ask an execution to end as cancelled; with `wait`, return when it has, or only a person can help.

        Cancelling twice is harmless. With `wait`, an execution that nobody drives and whose `finally` has
        work to do is adopted and driven to its end here. Raises ExecutionNotFound, ExecutionFinished if it
        ended otherwise, RequestNotConsumed if its living owner does not answer, ExecutionNotAdoptable.
        """
        row = await self._owner.succession.end(execution_id)
        if row.status == "cancelled":
            return
        execution_id = row.execution_id
        request = self._requests.row(execution_id, "cancel", {"reason": reason}, actor, self._new_id())
        await self._requests.put(request)
        if wait:
            await self._requests.consumed(request)
            await self._owner.drive(execution_id)
            here = self._driver.live(execution_id) is not None
            status = await (self.wait(execution_id) if here else self._requests.ended(request))
            if status in FINAL_EXECUTION and status != "cancelled":
                raise ExecutionFinished(execution_id, status)

    async def undo(
        self,
        execution_id: str,
        reason: str | None = None,
        *,
        actor: Actor | None = None,
        wait: bool = True,
    ) -> str:
        """Stop what an execution does and undo what it has done; return its status.

        wait: until it has ended, needs a person, or nobody drives it any more (then it is recorded, and
        whoever adopts the execution carries it out). Raises ExecutionNotFound; ExecutionFinished if it
        ended otherwise; RequestNotConsumed if its living owner does not answer.
        """
        row = await self._owner.succession.end(execution_id)
        if row.status == "compensated":
            return row.status
        execution_id = row.execution_id
        request = self._requests.row(execution_id, "undo", {"reason": reason}, actor, self._new_id())
        await self._requests.put(request)
        if wait:
            await self._requests.consumed(request)
        return await self._status(execution_id, wait)

    async def _status(self, execution_id: str, wait: bool) -> str:
        """Return the status, if wanted once nothing more happens, whoever drives the execution."""
        live = self._driver.lives.get(execution_id)
        if live is not None and wait:
            await live.rest.wait()
        row = await self._head(execution_id)
        while wait and not (row.status in FINAL_EXECUTION or row.status == "attention"):
            if not await self._owner.alive(row):
                break
            await self._requests.next_change(0.5)
            row = await self._head(execution_id)
        return row.status

    async def resolve(
        self,
        execution_id: str,
        path: str,
        how: Resolution,
        comment: str | None = None,
        *,
        actor: Actor | None = None,
    ) -> str:
        """Decide about a task or an undo: `retry`, `skip`, `fail`, or `done` by hand; return the status.

        Raises NothingToResolve, with what could be decided about; ExecutionNotFound; ExecutionFinished;
        RequestNotConsumed if the living owner does not answer; ValueError for another word.
        """
        if how not in get_args(Resolution):
            raise ValueError(f"{how!r} is no decision; known: {', '.join(get_args(Resolution))}")
        row = await self._requests.open_head(execution_id)
        execution_id = row.execution_id
        state, _ = await self._loader.state(row, await self._loader.graph(row, strict=False))
        found = refusal(state, path, how)
        if found is not None:
            raise NothingToResolve(execution_id, path, found, open_decisions(state))
        body = {"path": path, "comment": comment}
        request = self._requests.row(execution_id, how, body, actor, self._new_id())
        await self._requests.put(request)
        await self._requests.consumed(request)
        return (await self._head(execution_id)).status
