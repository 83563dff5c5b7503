"""Let executions go on in the place of paused ones, by another version: a part of the engine."""

import logging
from collections.abc import Mapping
from typing import Any

from pydantic_core import from_json

from harmonia_core.contracts.rows import BlobRow, ExecutionRow, RequestRow, Unit
from harmonia_core.contracts.state_backend import StateConflict
from harmonia_core.engine.arrivals import Requested
from harmonia_core.engine.catalog import Compiled
from harmonia_core.engine.fork_plan import Forked, ForkPlan
from harmonia_core.engine.forking import Forking, Version, upgrade_changes
from harmonia_core.engine.operating import ActionRefused
from harmonia_core.engine.recovery import Recovery
from harmonia_core.engine.upgrading import FORK, UPGRADE
from harmonia_core.errors import ExecutionFinished, ExecutionNotAdoptable, HarmoniaError
from harmonia_core.model.refusal import Refusal

LOG = logging.getLogger("harmonia.engine")
TRIES = 5


class Replacing(Forking):
    """Take the wishes for upgrades."""

    async def upgrade(
        self,
        execution_id: str,
        version: Version,
        *,
        labels: Mapping[str, str | None] | None = None,
        comment: str | None = None,
        adopt_compensation: bool = False,
        actor: Mapping[str, str] | None = None,
        dry_run: bool = False,
        drive: bool = True,
    ) -> Forked:
        """Let another execution go on in the place of a paused one, by another version.

        The old one ends as `terminated`, reason `upgraded`, in the commit that asks for the new one: never
        do both run, and if this process dies in between, whoever adopts begins it. adopt_compensation: it
        undoes, if need be, what the old one has done; otherwise nobody ever does. dry_run: only plan it.
        Raises ExecutionNotFound, ActionRefused, RewindRefused with what does not map, InputInvalid,
        DefinitionInvalid, NotPublished; then the old one stands where it stood.
        """
        for _ in range(TRIES):
            row = await self._owner.succession.end(execution_id)
            target = await self._upgradable(row, version)
            changes = upgrade_changes(adopt_compensation)
            wish = self._wish("upgrade", row.seq, changes, labels, comment, actor)
            plan = await self._forks.plan(row, wish, target)
            await self._check_input(plan)
            if dry_run:
                return Forked(None, plan)
            request = await self._replaced(plan, actor)
            if request is not None:
                return Forked(await self._in_its_place(plan, request, drive), plan)
        moving = Refusal("execution-moving", "it moves on although it is paused; try again")
        raise ActionRefused(execution_id, "upgrade", moving)

    async def _upgradable(self, row: ExecutionRow, version: Version) -> Compiled:
        await self._allow(row, "upgrade")
        target = await self._target(row, version)
        if target is None:
            reason = f"that is the version it has, {row.workflow} {row.version}"
            raise ActionRefused(row.execution_id, "upgrade", Refusal("version-unchanged", reason))
        return target

    async def _replaced(self, plan: ForkPlan, actor: Mapping[str, str] | None) -> RequestRow | None:
        """Let the old execution end; return the request that begins the new one, None if it has moved."""
        row, new, wish = plan.row, self._new_id(), plan.wish
        # The one that ends refers to the definition, so that it is there for whoever begins the other.
        address = plan.graph.definition_hash
        text = plan.text or b""
        held = BlobRow(row.namespace, address, len(text), "application/json", row.execution_id, text, None)
        await self.patience.ask(self.backend.commit, Unit(blobs=[held]))
        upgrade = {"execution": new, "seq": plan.seq, "definition_hash": address}
        upgrade |= {"labels": wish.labels} if wish.labels else {}
        upgrade |= {"comment": wish.comment} if wish.comment else {}
        upgrade |= {"adopt_compensation": True} if wish.changes.adopt_compensation else {}
        driven = self._driver.live(row.execution_id) is not None or await self._owner.alive(row)
        # Who records a request of an execution that nobody drives adopts it first, which is one event.
        body = {"stands_at": plan.seq + (not driven), "upgrade": upgrade}
        request = self._requests.row(row.execution_id, UPGRADE, body, actor, self._new_id())
        try:
            await self._requests.put(request)
            await self._requests.consumed(request)
        except ExecutionFinished:
            pass
        return next(iter(await self._begun_by(new)), None)

    async def _begun_by(self, new: str) -> list[RequestRow]:
        return [one for one in await self.backend.requests([new]) if one.kind == FORK]

    async def _in_its_place(self, plan: ForkPlan, request: RequestRow, drive: bool = True) -> str:
        """Begin the new execution; whoever was quicker than we has begun the same."""
        if request.execution_id not in self._driver.lives:
            try:
                await self._forks.begin(
                    plan, request.execution_id, more=(Requested(request, True, 0.0),), driven=drive
                )
            except StateConflict:
                LOG.info("Execution %s was begun by another engine.", request.execution_id)
        return request.execution_id

    async def begin_upgraded(self, report: Recovery) -> None:
        """Begin what is to go on in the place of executions that have ended, if whoever asked is gone."""
        ask = self.patience.ask
        waiting = [one for one in await ask(self.backend.requests, None) if one.kind == FORK]
        if not waiting:
            return
        there = {
            row.execution_id for row in await ask(self.backend.heads, [one.execution_id for one in waiting])
        }
        for request in waiting:
            if request.execution_id not in there and request.execution_id not in self._driver.lives:
                await self._begin_left(request, report)

    async def _begin_left(self, request: RequestRow, report: Recovery) -> None:
        try:
            plan = await self._plan_of(request)
            await self._in_its_place(plan, request)
        except HarmoniaError as error:
            reason = ExecutionNotAdoptable(request.execution_id, str(error))
            LOG.warning("%s", reason)
            report.refused[request.execution_id] = str(reason)
            return
        report.adopted.append(request.execution_id)

    async def _plan_of(self, request: RequestRow) -> ForkPlan:
        """Return the plan of an upgrade anew: it follows from what is recorded."""
        body: dict[str, Any] = from_json(request.body)
        row = await self._head(body["origin"])
        text = await self.patience.ask(self.backend.blob, row.namespace, body["definition_hash"])
        target = self._catalog.compile(from_json(text or b"null"))
        actor = None if request.actor is None else from_json(request.actor)
        changes = upgrade_changes(body.get("adopt_compensation", False))
        wish = self._wish("upgrade", body["seq"], changes, body.get("labels"), body.get("comment"), actor)
        return await self._forks.plan(row, wish, target)
