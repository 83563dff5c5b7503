"""The only source of time. The wall clock decides what is due; tests put a fake in its place."""

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol

LOG = logging.getLogger("harmonia.engine")
# Seconds after which a sleeper looks at the clock again; seconds of a jump that are worth a word.
LONGEST_SLEEP, JUMP = 30.0, 1.0


class Clock(Protocol):
    """Tell the time to the shell; pure modules never see a clock."""

    def now(self) -> float:
        """Return the wall clock in seconds since the epoch (UTC)."""
        ...

    async def sleep_until(self, due: float) -> None:
        """Return when the wall clock has reached `due`, or earlier; never raise on a past time."""
        ...


class SystemClock:
    """Read the machine's clock, and re-read it at least every 30 s while sleeping.

    What is due because the clock was set forward, or the machine slept, waits no longer than that.
    Set back, the wall clock still decides: nothing is ever early. Either is logged, once.
    """

    def __init__(
        self, wall: Callable[[], float] = time.time, steady: Callable[[], float] = time.monotonic
    ) -> None:
        self._wall, self._steady = wall, steady
        self._offset = wall() - steady()

    def now(self) -> float:
        return self._wall()

    async def sleep_until(self, due: float) -> None:
        import anyio

        await anyio.sleep(min(max(0.0, due - self._wall()), LONGEST_SLEEP))
        offset = self._wall() - self._steady()
        jump, self._offset = offset - self._offset, offset
        if abs(jump) >= JUMP:
            how = "forward; what has become due is done now" if jump > 0 else "back; timers wait for it"
            LOG.warning("The clock was set %.0f s %s.", abs(jump), how)


def rfc3339(seconds: float) -> str:
    """Return a time as RFC 3339 in UTC with microseconds and `Z`."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse_rfc3339(text: str) -> float:
    """Return seconds since the epoch of an RFC 3339 time; raise ValueError if it is none."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
