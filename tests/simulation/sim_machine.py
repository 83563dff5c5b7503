"""A virtual computer that runs one engine: it crashes, stands still, loses its sign of life, has a clock."""

from collections.abc import Callable, Coroutine
from random import Random
from traceback import format_exception
from typing import Any

import anyio
from sim_store import Door, Watch
from sim_weather import Weather
from virtual_loop import Process, VirtualLoop

from harmonia_core.builtin.memory_store import MemoryStore
from harmonia_core.clock import SystemClock
from harmonia_core.engine.runner import Engine
from harmonia_core.errors import StateUnavailable
from harmonia_core.host import KernelSettings, Plugins
from harmonia_core.model.outcomes import Outcome
from harmonia_core.testing.clock import START


class Machine:
    """One engine from its start to its end. up: it serves. dead: it has crashed, or was told to leave.

    doubled: share of what attempts come to that is told twice.
    """

    def __init__(self, loop: VirtualLoop, name: str, draws: Random, offset: float, doubled: float) -> None:
        self.name, self.offset, self.doubled = name, offset, doubled
        self._loop, self._draws = loop, draws
        self.process = Process(name)
        self.up = self.dead = False
        self._leave: anyio.Event | None = None
        self.tasks: list[Any] = []

    def boot(
        self, store: MemoryStore, weather: Weather, watch: Watch, plugins: Plugins, settings: KernelSettings,
        begun: Callable[["Machine"], None],
    ) -> None:  # fmt: skip
        """Start the engine, in a process of its own."""
        self.door = Door(store, self._loop, weather, self.process, watch)
        self._given = plugins, settings, begun
        self.tasks.append(self._loop.spawn(self.process, self._live()))

    def now(self) -> float:
        """Return the time of this machine's clock, in seconds since the epoch."""
        return START + self._loop.time() + self.offset

    async def _live(self) -> None:
        """Serve, after as many tries as it takes to open the store."""
        self._leave = anyio.Event()
        while True:
            try:
                async with self._engine() as self.engine:
                    self.up = not self.dead
                    await self._leave.wait()
                    return
            except StateUnavailable:
                await anyio.sleep(1.0)

    def _engine(self) -> Engine:
        plugins, settings, begun = self._given
        clock = SystemClock(self.now, self._loop.time)
        self.engine = Engine(self.door, plugins, settings, clock, self._draws.randbytes)
        begun(self)
        dispatcher = self.engine._driver.dispatcher
        deliver = dispatcher._deliver
        dispatcher._deliver = lambda outcome: self._deliver(deliver, outcome)
        return self.engine

    def _deliver(self, deliver: Callable[[Outcome], None], outcome: Outcome) -> None:
        deliver(outcome)
        if self.doubled and self._draws.random() < self.doubled:
            self._loop.call_later(2 * self._draws.random(), deliver, outcome)

    def ask(self, call: Coroutine[Any, Any, Any]) -> None:
        """Let a client of this machine do something; it dies with the machine."""
        self.tasks.append(self._loop.spawn(self.process, call))

    def crash(self) -> None:
        """Stop for good, in the middle of whatever it does."""
        self.up, self.dead = False, True
        self.door.kill()
        self._loop.hold(self.process)

    def freeze(self, lost: bool) -> None:
        """Stand still. lost: its sign of life goes, so that others take over."""
        self._loop.hold(self.process)
        if lost:
            self.door.fall_silent()

    def go_on(self) -> None:
        """Go on where it stood still, as if no time had passed."""
        if not self.dead:
            self.door.speak_again()
            self._loop.go_on(self.process)

    async def bury(self) -> list[str]:
        """Take apart what is left of it, once all has been judged; return what its tasks have died of."""
        self.door.dead = True
        died = [task.exception() for task in self.tasks if task.done() and not task.cancelled()]
        self._loop.go_on(self.process)
        for task in self.tasks:
            task.cancel()
        for task in self.tasks:
            try:
                await task
            except BaseException:  # whatever it says now, it is over
                continue
        return ["".join(format_exception(error)) for error in died if error is not None]
