"""The only source of time. The wall clock decides what is due; tests put a fake in its place."""

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Tell the time to the shell; pure modules never see a clock."""

    def now(self) -> float:
        """Return the wall clock in seconds since the epoch (UTC)."""
        ...

    async def sleep_until(self, due: float) -> None:
        """Return when the wall clock has reached `due`, or earlier; never raise on a past time."""
        ...


class SystemClock:
    """Read the machine's clock, and re-read it at least every 30 s while sleeping."""

    def now(self) -> float:
        return time.time()

    async def sleep_until(self, due: float) -> None:
        import anyio

        await anyio.sleep(min(max(0.0, due - time.time()), 30.0))


def rfc3339(seconds: float) -> str:
    """Return a time as RFC 3339 in UTC with microseconds and `Z`."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse_rfc3339(text: str) -> float:
    """Return seconds since the epoch of an RFC 3339 time; raise ValueError if it is none."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
