"""Run workflows in a test: a real engine in memory, in which waiting takes no time.

Attempts run as they always do. As soon as an execution only waits (a retry, a `wait`, the
timeout of a deferred attempt), the clock jumps to what is due next.
"""

from collections.abc import Container, Mapping
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, Self

import anyio
from anyio.lowlevel import checkpoint

from harmonia_core.engine.live import Live
from harmonia_core.engine.recovery import lost
from harmonia_core.engine.runner import Engine
from harmonia_core.host import create_backend
from harmonia_core.model.definition import WorkflowDefinition
from harmonia_core.plugins.load import load_plugins
from harmonia_core.settings import KernelSettings
from harmonia_core.testing.clock import FakeClock

Definition = WorkflowDefinition | Mapping[str, Any]


class Harness:
    """Hold an engine with a fake clock; use as an async context manager.

    task_types: functions with `@task_type`, or plugins. url: of a named memory store
    (`memory://name`), for tests in which a second engine goes on with the first one's work.
    """

    def __init__(
        self, *task_types: object, settings: KernelSettings | None = None, url: str = "memory://"
    ) -> None:
        settings = settings or KernelSettings()
        plugins = load_plugins(settings, extra=task_types)
        clock = FakeClock(on_sleep=self._stir)
        self._hold(clock, Engine(create_backend(url, plugins, settings), plugins, settings, clock))

    def _hold(self, clock: FakeClock, engine: Engine) -> None:
        """Take the engine that this is about, and its clock, before it opens."""
        self.clock, self.engine = clock, engine
        self._changed = anyio.Event()
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        await self._stack.enter_async_context(self.engine)
        self._stack.callback(self.engine.view(lambda recorded: self._stir()))
        # What is published is brought, and what has its turn is told, before time passes.
        self.engine._office.idle = self.engine._slots.idle = self._stir
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def run(self, definition: Definition, input: Any = None, *, limit: float = 30.0) -> dict[str, Any]:
        """Start a workflow and return its execution once nothing more happens to it."""
        return await self.finish(await self.engine.start(definition, input), limit=limit)

    async def finish(self, execution_id: str, *, limit: float = 30.0) -> dict[str, Any]:
        """Skip time until an execution is final or needs a person, and return it.

        limit: seconds of real time; raises TimeoutError after that.
        """
        with anyio.fail_after(limit):
            async with anyio.create_task_group() as group:
                group.start_soon(self._skip)
                await self.engine.wait(execution_id)
                group.cancel_scope.cancel()
        return await self.engine.get(execution_id)

    async def seen(
        self, execution_id: str, type: str, count: int = 1, *, limit: float = 30.0
    ) -> dict[str, Any]:
        """Wait, without moving the clock, for the event of a type that is the `count`-th; return it."""
        with anyio.fail_after(limit):
            while True:
                changed = self._changed
                found = [event for event in await self.events(execution_id) if event["type"] == type]
                if len(found) >= count:
                    return found[count - 1]
                await changed.wait()

    async def events(self, execution_id: str) -> list[dict[str, Any]]:
        """Return the events of an execution in their public shape."""
        return [event async for event in self.engine.events(execution_id)]

    async def _skip(self) -> None:
        while True:
            due = _next_due(self.clock, self.engine)
            if due is not None and (due <= self.clock.now() or only_waits(self.engine)):
                self.clock.advance_to(due)
                await checkpoint()  # for those who were woken
                continue
            if _about_to_look(self.engine):
                await checkpoint()  # it may find nothing to do, and then says nothing either
                continue
            changed = self._changed
            await changed.wait()

    def _stir(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()


def _next_due(clock: FakeClock, engine: Engine) -> float | None:
    """Return when something is due next; a timer that has just been set may have no sleeper yet."""
    found = [due for due in (clock.next_due, engine._driver.timers.next_due) if due is not None]
    return min(found, default=None)


def _about_to_look(engine: Engine) -> bool:
    """Tell whether something has arrived that is looked at in this turn of the loop."""
    return any(live.arrivals and live.batch is None for live in engine._driver.lives.values())


def only_waits(engine: Engine, asleep: Container[tuple[str, str]] = ()) -> bool:
    """Tell whether executions are open, and nothing happens unless time passes or somebody asks for it.

    asleep: executions and paths of attempts that themselves only wait for the clock.
    """
    driver = engine._driver
    return (
        bool(driver.lives)
        and not engine._office.busy
        and not engine._slots.busy
        and not any(
            live.batch is not None or live.arrivals or live.state.asks or _at_work(live, asleep)
            for live in driver.lives.values()
        )
    )


def _at_work(live: Live, asleep: Container[tuple[str, str]]) -> bool:
    """Tell whether an attempt is in flight whose end does not depend on the clock alone."""
    return any((live.execution_id, one.path) not in asleep for one in lost(live.state))
