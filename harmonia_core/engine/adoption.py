"""Find executions that nobody drives any more, again and again, and take them over.

No message tells that a process has died, so the signs of life are looked at. An owner
counts as gone when two looks in a row find no sign of it: after a restart of the
database every engine needs a moment to show its own again.
"""

import logging

import anyio

from harmonia_core.contracts.state_backend import StateBackend
from harmonia_core.engine.driver import Driver
from harmonia_core.engine.ownership import Owner
from harmonia_core.errors import StateBackendError, StateUnavailable

LOG = logging.getLogger("harmonia.engine")
# Looks between two attempts at an execution that could not be adopted.
RESPITE = 30


class Adopter:
    """Look round for one engine. interval: seconds between two looks, of real time."""

    def __init__(
        self, backend: StateBackend, engine_id: str, driver: Driver, owner: Owner, interval: float
    ) -> None:
        self._backend, self._engine_id = backend, engine_id
        self._driver, self._owner, self._interval = driver, owner, interval
        self._missing: set[str] = set()
        self._left: set[str] = set()
        # By id and seq: who moves is looked at again at once.
        self._refused: dict[tuple[str, int], int] = {}

    async def run(self) -> None:
        """Serve until cancelled."""
        while True:
            await anyio.sleep(self._interval)
            try:
                await self.look()
            except StateBackendError as error:
                # Who was missing may just have been cut off as we were.
                self._missing = set()
                LOG.warning("Orphans could not be looked for: %s", error)

    async def look(self) -> None:
        """Look once; adopt what the look before had already found without an owner."""
        owners = await self._backend.owners()
        others = {owner for owner in owners if owner is not None and owner != self._engine_id}
        missing = others - await self._backend.alive(sorted(others))
        gone: set[str | None] = {*(missing & self._missing)}
        self._missing = missing
        if None in owners:
            gone.add(None)
        if gone or self._let_go():
            await self._adopt(gone)
        await self._begin_children()
        await self._owner.begin_successors()

    async def _begin_children(self) -> None:
        """Begin children whose requests have been left lying since the look before."""
        left = {row.request_id for row in await self._owner.starts.left()}
        if left & self._left:
            await self._owner.starts.begin_left({}, self._left)
        self._left = left

    def _let_go(self) -> set[str]:
        """Return what this engine let go because the store did not answer, and nobody else may take."""
        return {key for key, error in self._driver.troubles.items() if isinstance(error, StateUnavailable)}

    async def _adopt(self, gone: set[str | None]) -> None:
        again = self._let_go()
        rows = [
            row
            for row in await self._backend.unfinished()
            if (row.owner in gone or row.execution_id in again) and self._may_try((row.execution_id, row.seq))
        ]
        report = await self._owner.adopt_all(rows)
        left = {*report.refused, *report.attention, *report.paused}
        tried = ((row.execution_id, row.seq) for row in rows if row.execution_id in left)
        self._refused |= dict.fromkeys(tried, RESPITE)
        if report.adopted:
            LOG.info("Took over %d execution(s) whose engine is gone.", len(report.adopted))

    def _may_try(self, one: tuple[str, int]) -> bool:
        left = self._refused.get(one, 0) - 1
        if left < 0:
            return True
        self._refused[one] = left
        if left == 0:
            del self._refused[one]
        return False
