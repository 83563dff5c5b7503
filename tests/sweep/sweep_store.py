"""A state backend of a process that may die: what it does for the store stops at a point, for good."""

from collections.abc import Callable, Sequence
from inspect import iscoroutinefunction
from typing import Any

import anyio
from sweep_points import CALLS, Fate, names_of

from harmonia_core.contracts.rows import Unit
from harmonia_core.contracts.state_backend import Results, StateBackend
from harmonia_core.errors import StateUnavailable


class Died(Exception):
    """End the opening of an engine whose process dies meanwhile."""


class MortalStore:
    """Stand before a state backend.

    busy: calls under way. opened: the engine is at work.
    """

    def __init__(self, backend: StateBackend, fate: Fate) -> None:
        self.backend, self.fate = backend, fate
        self.busy = self.calls = 0
        self.opened = False
        self._burial = anyio.Event()

    def submit(self, units: Sequence[Unit], done: Callable[[Results], None]) -> None:
        """Commit units one by one: a process may die between any two."""
        for number, unit in enumerate(units):
            names = names_of(unit)
            if self.fate.reach("before", names):
                self.fate.late += units[number:]
                return
            self.busy += 1
            self.backend.submit([unit], self._told(names, done))

    def _told(self, names: tuple[str, ...], done: Callable[[Results], None]) -> Callable[[Results], None]:
        def told(results: Results) -> None:
            self.busy -= 1
            if not self.fate.reach("after", names):
                done(results)

        return told

    async def commit(self, unit: Unit) -> None:
        """Commit one unit; who asks for that from a dead process never hears of it."""
        await self._call(self.backend.commit, names_of(unit), unit)

    async def close(self) -> None:
        """Close what stands behind: what it had accepted before is committed, as it may be."""
        await self.backend.close()

    def bury(self) -> None:
        """Refuse from here on what the dead process asks while it is tidied away."""
        self._burial.set()

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.backend, name)
        if not iscoroutinefunction(method):
            return method
        names = (CALLS[name],) if name in CALLS else ()

        async def call(*arguments: Any, **named: Any) -> Any:
            return await self._call(method, names, *arguments, **named)

        return call

    async def _call(self, method: Any, names: tuple[str, ...], *arguments: Any, **named: Any) -> Any:
        if self.fate.dead or (names and self.fate.reach("before", names)):
            await self._gone()
        self.busy += 1
        self.calls += 1
        try:
            found = await method(*arguments, **named)
        finally:
            self.busy -= 1
        if self.fate.dead or (names and self.fate.reach("after", names)):
            await self._gone()
        return found

    async def _gone(self) -> None:
        if not self.opened:
            await self.backend.close()
            raise Died()
        await self._burial.wait()
        raise StateUnavailable("The process is dead.")


def commit_in_place(backend: StateBackend) -> None:
    """Have a backend on SQLite commit on the loop's thread always, so that a run repeats itself."""
    opened = getattr(backend, "_opened", None)
    writer = getattr(opened, "writer", None)
    if writer is not None and hasattr(writer, "pace"):
        writer.pace = _Always(writer.pace)


class _Always:
    """Call every unit lone."""

    def __init__(self, pace: Any) -> None:
        self._pace = pace

    def lone(self, execution_id: str | None, now: float) -> bool:
        self._pace.lone(execution_id, now)
        return True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pace, name)
