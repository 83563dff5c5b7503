"""One store for several engines, each behind a door of its own that delays, fails and dies by draws.

The store is the memory backend's; a door adds what a network and a server do to a client. A unit that was
sent is carried out or not whatever becomes of the sender. What StateUnavailable promises is kept: either
nothing was written, or the door knows its own unit again when it is handed over once more, as that of
PostgreSQL does.
"""

from collections.abc import Callable, Sequence
from contextvars import copy_context
from typing import Any

import anyio
from sim_weather import Weather
from virtual_loop import PROCESS, Process, VirtualLoop

from harmonia_core.builtin.memory import MemoryBackend
from harmonia_core.builtin.memory_store import MemoryStore
from harmonia_core.contracts.rows import EngineRow, RequestRow, Unit
from harmonia_core.contracts.state_backend import Results, StateConflict
from harmonia_core.errors import StateBackendError, StateUnavailable

Watch = Callable[[str, Unit, StateBackendError | None], None]
READS = (
    "head", "heads", "events", "snapshot", "tasks", "item_ends", "timers", "unfinished", "owners", "requests",
    "slots", "token", "blob", "beat", "heartbeat", "document", "find_documents", "engines", "alive",
)  # fmt: skip


class Door(MemoryBackend):
    """What one engine has of the store. watch: told of each unit that was applied, with what became of it.

    dead: its process is, so nothing that it still does arrives.
    """

    def __init__(
        self, store: MemoryStore, loop: VirtualLoop, weather: Weather, process: Process, watch: Watch
    ) -> None:
        super().__init__("memory://")
        self._store, self._loop, self._weather = store, loop, weather
        self._process, self._watch = process, watch
        self._doubtful: set[str] = set()
        self._world = copy_context()  # of nobody's process: what is under way outlives its sender
        self._world.run(PROCESS.set, None)
        self.dead = False
        self._cut: list[Any] | None = None

    async def open(self, engine: EngineRow | None) -> None:
        await super().open(engine)
        if self.dead:
            self.fall_silent()

    def fall_silent(self) -> None:
        """End the sign of life, as a lock that dies with its process does."""
        self._store.alive.discard(self._engine_id or "")

    def speak_again(self) -> None:
        """Show a sign of life again, as a session that was only lost for a while does."""
        if self._engine_id is not None and not self.dead:
            self._store.alive.add(self._engine_id)

    def kill(self) -> None:
        """Let nothing through any more."""
        self.dead = True
        self.fall_silent()
        self._store.watchers.pop(id(self), None)

    async def close(self) -> None:
        if not self.dead:
            await super().close()
        self._opened = False

    def submit(self, units: Sequence[Unit], done: Callable[[Results], None]) -> None:
        if self.dead or not units:
            return
        here = copy_context()
        for group in self._weather.grouped(units):
            at_once, there, back = self._weather.commit()
            if at_once:  # a commit in place
                results = self._carry_out(group)
                if not self.dead:
                    done(results)
            else:
                self._loop.call_later(there, self._arrive, group, done, back, here, context=self._world)

    def _arrive(self, units: Sequence[Unit], done: Callable[[Results], None], back: float, here: Any) -> None:
        if self.dead and self._weather.lost_on_the_way():
            return
        results = self._carry_out(units)
        self._loop.call_later(back, self._answered, results, done, context=here)

    def _answered(self, results: Results, done: Callable[[Results], None]) -> None:
        if not self.dead:
            done(results)

    def cut(self, units: int, before: bool, crash: Callable[[], None]) -> None:
        """Have the process die at the so many-th transaction from now on, before or behind it."""
        self._cut = [units, before, crash]

    def _is_cut(self, before: bool) -> bool:
        """Count a transaction, before and behind it; tell whether the process dies here."""
        if self._cut is None or self._cut[1] is not before or self.dead:
            return False
        self._cut[0] -= 1
        if self._cut[0] > 0:
            return False
        self._cut[2]()
        return True

    def _carry_out(self, units: Sequence[Unit]) -> Results:
        """Apply units as one transaction of the server does, or none of them."""
        if self._is_cut(before=True):
            return []
        failure = self._weather.failure(self._loop.time())
        if failure is not None:
            return [(unit, failure) for unit in units]
        found = [(unit, self._applied(unit)) for unit in units]
        if self._is_cut(before=False):
            return []
        if self._weather.doubt() and all(unit.events for unit in units):
            self._doubtful.update(unit.execution_id or "" for unit in units)
            return [(unit, StateUnavailable("The answer to a commit was lost.")) for unit in units]
        return found

    def _applied(self, unit: Unit) -> StateBackendError | None:
        results: list[Any] = []
        MemoryBackend.submit(self, [unit], results.extend)
        error = results[0][1]
        self._watch(self._engine_id or "", unit, error)
        known = unit.execution_id in self._doubtful
        if isinstance(error, StateConflict) and known and self._is_written(unit):
            error = None
        if known:
            self._doubtful.discard(unit.execution_id or "")
        return error

    def _is_written(self, unit: Unit) -> bool:
        first = unit.events[0].seq - 1
        there = self._store.events[unit.events[0].execution_id]
        return there[first : first + len(unit.events)] == unit.events

    async def commit(self, unit: Unit) -> None:
        answer: list[StateBackendError | None] = []
        told = anyio.Event()

        def done(results: Results) -> None:
            answer.append(results[0][1])
            told.set()

        self.submit([unit], done)
        await told.wait()
        if answer[0] is not None:
            raise answer[0]

    async def add_request(self, request: RequestRow) -> None:
        await self._pass()
        await super().add_request(request)
        self._weather.check(self._loop.time(), after=True)

    async def _pass(self) -> None:
        """Bring a question to the store, or fail on the way."""
        delay = self._weather.delay()
        if delay:
            await anyio.sleep(delay)
        if self.dead:
            await anyio.sleep_forever()
        self._weather.check(self._loop.time())


def _delayed(name: str) -> Callable[..., Any]:
    method = getattr(MemoryBackend, name)

    async def ask(self: Door, *given: Any, **named: Any) -> Any:
        await self._pass()
        answer = await method(self, *given, **named)
        delay = self._weather.delay()
        if delay:
            await anyio.sleep(delay)
        return answer

    return ask


for _name in READS:
    setattr(Door, _name, _delayed(_name))
