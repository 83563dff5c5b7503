"""A clock that stands still until a test moves it."""

from collections.abc import Callable

import anyio

START = 1_767_225_600.0
"""Where a fake clock begins: 2026-01-01T00:00:00Z."""


class FakeClock:
    """Tell a time that only `advance` changes; who sleeps is woken when it is due.

    on_sleep: called whenever somebody begins to sleep.
    """

    def __init__(self, start: float = START, on_sleep: Callable[[], None] | None = None) -> None:
        self._now = start
        self._sleepers: dict[anyio.Event, float] = {}
        self._on_sleep = on_sleep

    def now(self) -> float:
        """Return the time in seconds since the epoch."""
        return self._now

    async def sleep_until(self, due: float) -> None:
        """Return once the clock has been moved to `due` or beyond; at once if it is there."""
        if due <= self._now:
            return
        wake = anyio.Event()
        self._sleepers[wake] = due
        if self._on_sleep is not None:
            self._on_sleep()
        try:
            await wake.wait()
        finally:
            del self._sleepers[wake]

    @property
    def next_due(self) -> float | None:
        """Return when the next sleeper wakes; a time that has come while one has yet to notice."""
        return min(self._sleepers.values(), default=None)

    def advance(self, seconds: float) -> None:
        """Move the clock on; never back."""
        self.advance_to(self._now + seconds)

    def advance_to(self, time: float) -> None:
        """Move the clock to a time, unless it is past it, and wake who is due."""
        self._now = max(self._now, time)
        for wake, due in self._sleepers.items():
            if due <= self._now:
                wake.set()
