"""How long the engine waits for a store that does not answer: a restart should cost seconds, not executions.

One outage is one for the whole engine: it is reported once, whoever meets it, and its
end is reported too. Waiting times are those of the wall clock.
"""

import logging
import math
from collections.abc import Awaitable, Callable
from typing import ParamSpec, TypeVar

from harmonia_core.clock import Clock
from harmonia_core.errors import StateBackendError, StateLocked, StateUnavailable

LOG = logging.getLogger("harmonia.engine")

Value = TypeVar("Value")
Asked = ParamSpec("Asked")
# Seconds between two tries: a quarter of the outage so far, within these bounds.
SHORTEST, LONGEST = 0.1, 2.0


class Patience:
    """Judge failures of the store. limit: seconds of an outage after which nobody waits any longer."""

    def __init__(self, clock: Clock, limit: float) -> None:
        self._clock, self._limit = clock, limit
        self._since: float | None = None

    @property
    def tried(self) -> bool:
        """Tell whether the store failed when it was last asked."""
        return self._since is not None

    @property
    def since(self) -> float | None:
        """Return since when the store has not answered, None if it does."""
        return self._since

    def pause(self, error: StateBackendError) -> float | None:
        """Note a failure; return the seconds to wait before the next try, None for no more.

        A store that another process keeps locked is there, and is waited for without end.
        """
        if not isinstance(error, StateUnavailable):
            return None
        now = self._clock.now()
        if self._since is None:
            self._since = now
            self._report(error)
        gone = max(0.0, now - self._since)
        if gone >= self._limit and not isinstance(error, StateLocked):
            return None
        return min(max(gone / 4, SHORTEST), LONGEST)

    def well(self) -> None:
        """Note that the store has answered."""
        if self._since is not None:
            LOG.warning("The store answers again after %.1f s.", max(0.0, self._clock.now() - self._since))
            self._since = None

    async def ask(
        self, question: Callable[Asked, Awaitable[Value]], *arguments: Asked.args, **named: Asked.kwargs
    ) -> Value:
        """Ask the store again until it answers or patience ends; raise its last error then."""
        while True:
            try:
                value = await question(*arguments, **named)
            except StateBackendError as error:
                pause = self.pause(error)
                if pause is None:
                    raise
            else:
                self.well()
                return value
            await self._clock.sleep_until(self._clock.now() + pause)

    def _report(self, error: StateBackendError) -> None:
        if self._limit <= 0 and not isinstance(error, StateLocked):
            return
        end = math.inf if isinstance(error, StateLocked) else self._limit
        LOG.warning("%s Trying again%s.", error, "" if end == math.inf else f" for {end:g} s")
