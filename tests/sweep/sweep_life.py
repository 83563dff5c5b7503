"""One life of a process: an engine on a store, a client that follows the script, and time that passes.

Time passes only when nothing else can happen. A life ends when everything has come to its end, or when
its fate says so; then nothing of it reaches the store any more.
"""

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

import anyio
from sweep_case import Case, Step
from sweep_client import Client
from sweep_hooks import hook
from sweep_points import Fate
from sweep_seen import Seen, executions
from sweep_store import Died, MortalStore, commit_in_place
from sweep_tasks import TYPES
from sweep_world import CURRENT, World

from harmonia_core.host import FINAL_EXECUTION, Engine, KernelSettings, create_backend, load_plugins
from harmonia_core.plugins.load import Plugins
from harmonia_core.testing.clock import START, FakeClock

LEASE = 30.0
"""Seconds that pass between the death of a process and the next one."""
QUIET_TURNS, LIMIT = 12, 60.0
"""Turns of the loop in which nothing happens before time may pass; seconds of real time for one life."""
IN_VAIN = 300
"""Jumps of the clock behind which nothing has happened, until that is called standing still."""
_PLUGINS: list[Plugins] = []


def plugins() -> Plugins:
    """Return the plugins of this process, with the corpus's task types."""
    if not _PLUGINS:
        _PLUGINS.append(load_plugins(KernelSettings(), extra=TYPES))
    return _PLUGINS[0]


class Stuck(AssertionError):
    """Say that nothing goes on although the script is not at its end."""


class Life:
    """Live once. number: of this life in its world, from 1. at_end: called when all is over, if set."""

    def __init__(self, case: Case, url: str, world: World, fate: Fate) -> None:
        world.begin(fate)
        CURRENT[0] = world
        self.case, self.world, self.fate = case, world, fate
        self.number = len(world.of("life")) + 1
        world.note("life")
        self.clock = FakeClock(_passed(world))
        self.engine, self.store = self._engine(url)
        self.other, self.other_store = self._engine(url)
        self.client = Client(case, world, self.engine, self.other, self.clock)
        fate.last_words = self._note_time
        self.seen = Seen()
        self.at_end: Callable[[], Awaitable[None]] | None = None
        self._looks = self._in_vain = self._when = 0

    def _engine(self, url: str) -> tuple[Engine, MortalStore]:
        store = MortalStore(create_backend(url, plugins(), self.case.settings), self.fate)
        return Engine(store, plugins(), self.case.settings, self.clock), store  # type: ignore[arg-type]

    async def live(self) -> bool:
        """Live until all is over; return whether it was, False if the process died before."""
        with anyio.fail_after(LIMIT):
            try:
                async with AsyncExitStack() as stack:
                    for engine, store in self._processes():
                        await stack.enter_async_context(engine)
                        store.opened = True
                        stack.callback(self._bury)
                    await self._live()
            except* Died:
                assert self.fate.dead
        return not self.fate.dead

    def _processes(self) -> list[tuple[Engine, MortalStore]]:
        """Return the engine, and that of whoever asks from elsewhere; both die at once, as on one machine."""
        asked = any(step.elsewhere for step in self.case.steps)
        return [(self.engine, self.store), *([(self.other, self.other_store)] if asked else [])]

    async def _live(self) -> None:
        for _, store in self._processes():
            commit_in_place(store.backend)
        hook(self.engine, self.fate)
        async with anyio.create_task_group() as group:
            group.start_soon(self._end_with, group.cancel_scope)
            await self._play()
            self._note_time()
            if self.at_end is not None:
                await self.at_end()
            group.cancel_scope.cancel()

    async def _end_with(self, scope: anyio.CancelScope) -> None:
        await self.fate.happened.wait()
        scope.cancel()

    def _note_time(self) -> None:
        self.world.note("clock", at=self.clock.now())

    def _bury(self) -> None:
        """Let the engine be tidied away; whatever it still says to the store is refused."""
        if self.fate.dead:
            for engine, store in self._processes():
                store.bury()
                engine._office._jobs.clear()

    async def _play(self) -> None:
        self.engine.view(self.seen.recorded)
        self.other.view(self.seen.recorded)
        await self.seen.remember(self.store)
        if self.number > 1:
            await self._recover()
            await self._zombie()
        if not self.world.of("prepared"):
            await self._prepare()
        while True:
            step = self._ready()
            if step is not None:
                self.clock.advance(0.001)
                await self.client.do(step)
            elif not await self._quiet():
                continue
            elif not await self._go_on():
                return

    async def _recover(self) -> None:
        report = await self.engine.recover()
        while report.living:  # a server may need a moment to notice that a process is gone
            await anyio.sleep(0.01)
            report = await self.engine.recover()
        if report.refused:
            raise Stuck(f"{self.case.name}: not taken over: {report.refused}")

    async def _zombie(self) -> None:
        """Let what a dead process would have written come after all, as if it had only been asleep."""
        if self.world.late:
            results: list[object] = []
            self.store.backend.submit(self.world.late, results.extend)
            while len(results) < len(self.world.late):
                await anyio.sleep(0.001)
            await self.seen.remember(self.store)
            await self._recover()

    async def _prepare(self) -> None:
        """Set up what the script takes for granted."""
        for limit in self.case.limits:
            await self.engine.set_limit(**limit)
        for definition in self.case.publish:
            await self.engine.definitions.publish(definition)
        self.world.note("prepared")

    def _ready(self) -> Step | None:
        """Return the next step if what it waits for has been seen; optional ones may be passed over."""
        for step in self.client.waiting():
            if self.seen.holds(step, self.client.ids):
                return step
            if not step.optional:
                return None
        return None

    async def _quiet(self) -> bool:
        """Tell whether nothing happens in this process, and nothing will unless time passes."""
        before = self._mark()
        for _ in range(QUIET_TURNS):
            await anyio.sleep(0)
            if self._busy() or self._mark() != before:
                if self.store.busy:
                    await anyio.sleep(0.0002)
                return False
        return True

    def _mark(self) -> tuple[int, int, int]:
        return len(self.fate.passed), self.store.calls + self.other_store.calls, len(self.seen.events)

    def _busy(self) -> bool:
        driver = self.engine._driver
        if any(store.busy or engine._office.busy for engine, store in self._processes()) or driver._queue:
            return True
        return any(
            live.batch is not None or live.arrivals or live.state.asks or self._works(live.execution_id)
            for live in driver.lives.values()
        )

    def _works(self, execution_id: str) -> bool:
        """Tell whether an attempt is at work that is going to end by itself."""
        keys = self.engine._driver.dispatcher.in_flight(execution_id)
        return any((key.execution_id, key.path) not in self.world.hanging for key in keys)

    async def _go_on(self) -> bool:
        """Let time pass, or look after what a dead process has left; tell whether that was possible."""
        if await self.store.requests(list(self.engine._driver.lives)):
            await anyio.sleep(0.001)  # another process has left it, and this one is about to hear of that
            return True
        due = self.clock.next_due
        open_ = [row for row in await executions(self.store) if row.status not in FINAL_EXECUTION]
        if due is not None and any(row.status not in ("attention", "paused") for row in open_):
            self._in_vain = self._in_vain + 1 if self._when == len(self.seen.events) else 0
            self._when = len(self.seen.events)
            if self._in_vain > IN_VAIN:
                raise Stuck(f"{self.case.name}: time passes and nothing goes on; open: {open_}")
            self.clock.advance_to(due)
            return True
        left = [step for step in self.client.waiting() if not step.optional]
        if self.number > 1 and self._looks < 3 and (open_ or left or await self.store.requests()):
            self._looks += 1
            await self._recover()
            return True
        if left:
            raise Stuck(f"{self.case.name}: nothing goes on; not done: {left[0]}; open: {open_}")
        if any(row.status not in ("attention", "paused") for row in open_):
            raise Stuck(f"{self.case.name}: nothing goes on; open: {open_}")
        return False


def _passed(world: World) -> float:
    """Return when a life begins: some time after the one before has ended."""
    lines = world.of("clock")
    return lines[-1]["at"] + LEASE if lines else START
