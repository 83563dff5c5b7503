"""One heap of due times for all executions of an engine; the rows in the store are the truth.

Entries are never removed: whoever is told checks against the state whether a
timer still applies. Wall clock decides, never early.
"""

from collections.abc import Callable, Iterable
from heapq import heappop, heappush

import anyio

from harmonia_core.clock import Clock
from harmonia_core.contracts.rows import TimerRow

Tell = Callable[[str, str, str], None]


class Timers:
    """Tell about timers when they are due: (execution_id, path, kind), on the loop."""

    def __init__(self, clock: Clock, tell: Tell) -> None:
        self._clock, self._tell = clock, tell
        self._heap: list[tuple[float, str, str, str]] = []
        self._changed = anyio.Event()
        self._sleep: anyio.CancelScope | None = None

    def add(self, rows: Iterable[TimerRow]) -> None:
        """Put timers on the heap; one that is due sooner than the next shortens the sleep."""
        first = self._heap[0] if self._heap else None
        for row in rows:
            heappush(self._heap, (row.due, row.execution_id, row.path, row.kind))
        if self._heap and self._heap[0] is not first:
            self._changed.set()
            if self._sleep is not None:
                self._sleep.cancel()

    @property
    def next_due(self) -> float | None:
        """Return when the next timer is due, whether it still applies or not; None without one."""
        return self._heap[0][0] if self._heap else None

    async def run(self) -> None:
        """Serve until cancelled."""
        while True:
            if not self._heap:
                self._changed = anyio.Event()
                await self._changed.wait()
            due = self._heap[0][0]
            if self._clock.now() < due:
                with anyio.CancelScope() as self._sleep:
                    await self._clock.sleep_until(due)
                self._sleep = None
                continue
            _, execution_id, path, kind = heappop(self._heap)
            self._tell(execution_id, path, kind)
