"""Look after what waits for slots here: bring it the news, and look again where time alone makes room."""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace

import anyio

from harmonia_core.clock import Clock
from harmonia_core.contracts.rows import Unit
from harmonia_core.contracts.slots import LIMITS, PLACE, Limit, limit_in
from harmonia_core.contracts.state_backend import DocumentQuery, StateBackend
from harmonia_core.engine.driver import Driver
from harmonia_core.engine.live import Live
from harmonia_core.engine.patience import Patience
from harmonia_core.engine.settle import Batch
from harmonia_core.errors import StateBackendError, StateCorrupt
from harmonia_core.model.slots import NO_SLOTS

LOG = logging.getLogger("harmonia.engine")
TICK = 1.0
"""Seconds between two looks, while something waits here: by time alone a rate makes room."""


class SlotKeeper:
    """Serve one engine's waiting tasks and executions.

    The unit that makes room lets the next one in line come to run, whoever drives it, and leaves it a
    request. Here those requests are taken that our own units have left for our own executions.
    idle: called when nothing is left to be looked for, if somebody set it.
    """

    def __init__(self, backend: StateBackend, driver: Driver, clock: Clock, patience: Patience) -> None:
        self._backend, self._driver, self._clock, self._patience = backend, driver, clock, patience
        self._stirred = anyio.Event()
        self._sleep: anyio.CancelScope | None = None
        self._looking = False
        self.idle: Callable[[], None] | None = None

    @property
    def busy(self) -> bool:
        """Tell whether something is still to be looked for."""
        return self._looking or self._stirred.is_set()

    def recorded(self, live: Live, batch: Batch) -> None:
        """Hear of a committed batch; called by the driver."""
        if batch.state.slots is not NO_SLOTS or batch.first.slots is not NO_SLOTS:
            self.stir()

    def stir(self) -> None:
        """Have the news looked for, soon."""
        self._stirred.set()
        if self._sleep is not None:
            self._sleep.cancel()

    async def run(self) -> None:
        """Serve until cancelled."""
        while True:
            if not self._stirred.is_set():
                await self._rest()
            self._looking = True
            told, self._stirred = self._stirred.is_set(), anyio.Event()
            try:
                if not told:
                    await self._look_again()
                mine = [*self._driver.lives, *self._driver.formerly]
                found = await self._patience.ask(self._backend.requests, mine)
                self._driver.hand_over(*found)
            except StateBackendError as error:
                LOG.warning("What waits under limits could not be looked after: %s", error)
            self._looking = False
            if self.idle is not None:
                self.idle()

    async def _rest(self) -> None:
        """Wait until something happens here, or for a tick while something waits."""
        if not self._keys():
            await self._stirred.wait()
            return
        with anyio.CancelScope() as self._sleep:
            await self._clock.sleep_until(self._clock.now() + TICK)
        self._sleep = None

    def _keys(self) -> set[tuple[str, str]]:
        """Return the limits that something waits for here."""
        return {
            (live.namespace, want.key)
            for live in self._driver.lives.values()
            if live.state.slots is not NO_SLOTS
            for claim in live.state.slots.claims.values()
            if not claim.granted
            for want in claim.wants
        }

    async def _look_again(self) -> None:
        now = self._clock.now()
        keys = sorted(self._keys())
        if keys:
            await self._backend.commit(Unit(promotions=[(*place, now) for place in keys]))

    async def follow(self, next_change: Callable[[], Awaitable[None]]) -> None:
        """Read the limits again whenever another process may have written, until cancelled."""
        while True:
            await next_change()
            while not await self._read_again():
                await self._clock.sleep_until(self._clock.now() + TICK)

    async def _read_again(self) -> bool:
        """Read the limits; tell whether that could be done."""
        try:
            await self.read()
        except StateBackendError as error:
            LOG.warning("The limits could not be read again: %s", error)
            return False
        return True

    async def read(self) -> None:
        """Read the limits that are in force; what begins from now on heeds them."""
        found: dict[str, dict[str, Limit]] = {}
        query = DocumentQuery(PLACE, LIMITS)
        while True:
            page, cursor = await self._patience.ask(self._backend.find_documents, query)
            for document in page:
                try:
                    namespace, limit = limit_in(document)
                    found.setdefault(namespace, {})[limit.key] = limit
                except StateCorrupt as error:
                    LOG.warning("%s", error)
            if cursor is None:
                break
            query = replace(query, cursor=cursor)
        self._driver.limited = {namespace: frozenset(limits) for namespace, limits in found.items()}
