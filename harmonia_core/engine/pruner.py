"""Let ended executions go, in slices beside the work: what the rules say is carried out here.

Woken by the count of executions that end and by the clock, never by looking all the time.
Two engines that prune one store at once do no harm: whoever is later finds nothing.
"""

import logging
from collections.abc import AsyncIterator, Sequence

import anyio

from harmonia_core.clock import Clock
from harmonia_core.contracts.rows import ExecutionRow
from harmonia_core.contracts.state_backend import StateBackend
from harmonia_core.contracts.upkeep import FinishedQuery, Pruned
from harmonia_core.engine.chains import chain, earlier
from harmonia_core.engine.checkpoints import forget
from harmonia_core.engine.retention import Doomed, Walk, walks
from harmonia_core.errors import StateBackendError
from harmonia_core.model.retention import RetentionRule
from harmonia_core.model.statuses import FINAL_EXECUTION, ExecutionStatus

LOG = logging.getLogger("harmonia.pruner")
CONTINUED = ExecutionStatus.CONTINUED
# Executions that end before the rules are looked at again; heads read, and executions pruned, at once.
ENOUGH, PAGE, PART = 50, 200, 100
# Seconds after which a walk begins anew: clocks of several engines differ, and a parent may have ended
# since. Walks that read much do so more rarely, so that this takes at most a hundredth of the time.
REWIND, SHARE = 600.0, 100.0
# Seconds between two sweeps; seconds for which something nobody refers to is left alone.
SWEEP_EVERY, UNTOUCHED = 86_400.0, 86_400.0


class Pruner:
    """Apply retention rules to one store. total: what this pruner has deleted so far."""

    def __init__(self, backend: StateBackend, rules: Sequence[RetentionRule], clock: Clock) -> None:
        self._backend, self._clock = backend, clock
        self._walks = walks(rules)
        self._rewind_at = self._sweep_at = 0.0
        self._ended, self._wake = 0, anyio.Event()
        self.total = Pruned()

    def ended(self) -> None:
        """Note that an execution has ended."""
        self._ended += 1
        if self._ended >= ENOUGH:
            self._wake.set()

    async def run(self, interval: float) -> None:
        """Prune and sweep until cancelled; a store that fails is tried again later."""
        while True:
            self._ended, self._wake = 0, anyio.Event()
            try:
                await self._look()
            except StateBackendError as error:
                LOG.warning("Pruning was put off: %s", error)
            await self._pause(self._clock.now() + interval)

    async def _pause(self, due: float) -> None:
        """Return when it is due, or when enough has ended."""

        async def sleep() -> None:
            while self._clock.now() < due:
                await self._clock.sleep_until(due)
            self._wake.set()

        async with anyio.create_task_group() as group:
            group.start_soon(sleep)
            await self._wake.wait()
            group.cancel_scope.cancel()

    async def _look(self) -> None:
        now = self._clock.now()
        if now >= self._sweep_at:
            self._sweep_at = now + SWEEP_EVERY
            await self.sweep()
        again = now >= self._rewind_at
        if again:
            self.rewind()
        async for doomed in self.due():
            await self.prune(doomed)
        if again:
            end = self._clock.now()
            self._rewind_at = end + max(REWIND, SHARE * (end - now))

    def rewind(self) -> None:
        """Look at every ended execution again with the next `due`."""
        for walk in self._walks:
            walk.rewind()

    async def due(self) -> AsyncIterator[list[Doomed]]:
        """Yield those that the rules let go by now, in parts; the next call goes on behind them."""
        now = self._clock.now()
        for walk in self._walks:
            while rows := await self._page(walk, now):
                if found := await self._free(walk.take(rows)):
                    yield found
            if found := await self._free(walk.overdue(now)):
                yield found

    async def _page(self, walk: Walk, now: float) -> list[ExecutionRow]:
        rows, cursor = await self._backend.finished(FinishedQuery(walk.before(now), PAGE, walk.cursor))
        if cursor is not None:
            walk.cursor = cursor
        return rows

    async def _free(self, doomed: list[Doomed]) -> list[Doomed]:
        """Leave out those whose parent, or the first of whose chain, has not ended: it may still ask."""
        relatives = {one.parent_id for one in doomed} | {one.root_id for one in doomed}
        relatives -= {one.execution_id for one in doomed}
        heads = await self._backend.heads(sorted(filter(None, relatives))) if relatives - {None} else []
        unfinished = {row.execution_id for row in heads if row.status not in FINAL_EXECUTION}
        parents = {one.parent_id for one in doomed}
        for row in heads:
            if row.status == CONTINUED and row.execution_id in parents:
                ends = [end.status async for end in chain(self._backend, row.execution_id)]
                unfinished |= {row.execution_id} if ends and not _over(ends[-1]) else set()
        return [one for one in doomed if one.parent_id not in unfinished and one.root_id not in unfinished]

    async def prune(self, doomed: Sequence[Doomed]) -> Pruned:
        """Delete executions for good, and before them those they go on from; return what went.

        Raises StateBackendError.
        """
        gone = Pruned()
        linked = [one.execution_id for one in doomed if one.root_id != one.execution_id]
        if before := await earlier(self._backend, linked) if linked else []:
            gone += await self._let_go(before)
        for start in range(0, len(doomed), PART):
            part = doomed[start : start + PART]
            gone += await self._let_go([one.execution_id for one in part])
        self.total += gone
        return gone

    async def _let_go(self, execution_ids: Sequence[str]) -> Pruned:
        # Before, so that a crash leaves none behind; after, for those that were named meanwhile.
        await forget(self._backend, execution_ids)
        gone = await self._backend.prune(execution_ids)
        await forget(self._backend, execution_ids)
        return gone

    async def sweep(self) -> Pruned:
        """Delete what was left over, by crashes above all; return what went. Raises StateBackendError."""
        gone = await self._backend.sweep(self._clock.now() - UNTOUCHED)
        self.total += gone
        return gone


def _over(status: str) -> bool:
    return status in FINAL_EXECUTION and status != CONTINUED
