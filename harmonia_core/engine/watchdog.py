"""One watchdog for all attempts: timeouts, heartbeats and the grace after a cancellation.

A heap and a single sleeping task instead of a timer per attempt; without limits to
watch it costs nothing and does not even start. Times are those of the monotonic clock.
"""

from collections.abc import Callable
from heapq import heapify, heappop, heappush
from time import monotonic
from typing import Protocol

import anyio

_SLACK = 1000
"""Entries of ended attempts that are not worth sweeping."""


class Watched(Protocol):
    """What the watchdog looks after. ticket: of its valid entry, 0 if nothing is to be watched."""

    ticket: int

    def look(self, now: float) -> float | None:
        """Act on what is overdue; return when to look again, None for never."""
        ...


class Watchdog:
    """Look at each attempt when its next limit is due."""

    def __init__(self, launch: Callable[[Callable[[], object]], None]) -> None:
        self._launch = launch
        self._heap: list[tuple[float, int]] = []
        self._watched: dict[int, Watched] = {}  # by ticket; what has ended is not kept by the heap
        self._tickets = 0
        self._sleeping_until = 0.0
        self._news: anyio.Event | None = None
        self._scope: anyio.CancelScope | None = None

    def watch(self, watched: Watched, due: float) -> None:
        """Look at `watched` at `due` (monotonic seconds); this replaces what was asked before."""
        self._watched.pop(watched.ticket, None)
        self._tickets += 1
        watched.ticket = self._tickets
        self._watched[watched.ticket] = watched
        heappush(self._heap, (due, watched.ticket))
        if self._scope is None:
            self._scope = anyio.CancelScope()
            self._launch(self._run)
        elif self._news is not None and due < self._sleeping_until:
            self._news.set()

    def forget(self, watched: Watched) -> None:
        """Stop looking at an attempt that has ended."""
        self._watched.pop(watched.ticket, None)
        watched.ticket = 0
        if len(self._heap) > 2 * len(self._watched) + _SLACK:
            self._heap = [entry for entry in self._heap if entry[1] in self._watched]
            heapify(self._heap)

    def close(self) -> None:
        """End the watch."""
        if self._scope is not None:
            self._scope.cancel()

    async def _run(self) -> None:
        if self._scope is None:
            return
        with self._scope:
            while True:
                self._news = anyio.Event()
                self._sleeping_until = self._look_at_due(monotonic())
                with anyio.move_on_after(self._sleeping_until - monotonic()):
                    await self._news.wait()

    def _look_at_due(self, now: float) -> float:
        while self._heap and self._heap[0][0] <= now:
            watched = self._watched.pop(heappop(self._heap)[1], None)
            if watched is None:
                continue
            watched.ticket = 0
            again = watched.look(now)
            # Looking may have asked for a watch of its own; that one is newer.
            if again is not None and not watched.ticket:
                self.watch(watched, again)
        return self._heap[0][0] if self._heap else now + 3600.0
