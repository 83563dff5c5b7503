"""An event loop whose time is virtual: with nothing to do it jumps to the next timer instead of sleeping.

What runs on it belongs to processes, told apart by a context variable that every task and callback inherits.
A process that is held does nothing: what would run waits until it goes on. One that has died is held for
good. Nothing here knows the machine's clock, so one order of events follows from what is put on the loop.
"""

import asyncio  # noqa: TID251
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar, copy_context
from heapq import heappop, heappush
from typing import Any

import sniffio

MOST_STEPS = 400_000
"""Callbacks after which a seed counts as one that never comes to rest."""


END = 1e9
"""Virtual seconds that never pass; who sleeps for ever sleeps until behind them."""


class Process:
    """What stops and dies as a whole. name: for the history. held: nothing of it runs now."""

    def __init__(self, name: str) -> None:
        self.name, self.held = name, False
        self.waiting: deque[asyncio.Handle] = deque()


PROCESS: ContextVar[Process | None] = ContextVar("process", default=None)


class Stuck(AssertionError):
    """Nothing is left that could ever happen, or too much happens."""


class VirtualLoop(asyncio.AbstractEventLoop):
    """Run callbacks in the order in which they came due. failed: what ended a task that nobody waits for."""

    def __init__(self) -> None:
        self._now, self._count, self.steps = 0.0, 0, 0
        self._ready: deque[asyncio.Handle] = deque()
        self._timers: list[tuple[float, int, asyncio.TimerHandle]] = []
        self.failed: list[str] = []

    def time(self) -> float:
        return self._now

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return True

    def is_closed(self) -> bool:
        return False

    def call_soon(  # type: ignore[override]
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    call_soon_threadsafe = call_soon  # type: ignore[assignment]

    def call_later(  # type: ignore[override]
        self, delay: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        return self.call_at(self._now + delay, callback, *args, context=context)

    def call_at(  # type: ignore[override]
        self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        self._count += 1
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        heappush(self._timers, (when, self._count, handle))
        return handle

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """Leave it on the heap: it is passed over."""

    def get_task_factory(self) -> None:
        return None

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(  # type: ignore[override]
        self, coro: Coroutine[Any, Any, Any], *, name: Any = None, context: Context | None = None
    ) -> asyncio.Task[Any]:
        return asyncio.Task(coro, loop=self, name=str(name), context=context)

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        self.failed.append(f"{context.get('message')}: {context.get('exception')!r}")

    def default_exception_handler(self, context: dict[str, Any]) -> None:
        self.call_exception_handler(context)

    def spawn(self, process: Process | None, coro: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Start a task that belongs to a process."""
        context = copy_context()
        context.run(PROCESS.set, process)
        return self.create_task(coro, name=process.name if process else "world", context=context)

    def hold(self, process: Process) -> None:
        """Let nothing of a process run from here on."""
        process.held = True

    def go_on(self, process: Process) -> None:
        """Let a process run again, with all that has come due meanwhile."""
        process.held = False
        self._ready.extend(process.waiting)
        process.waiting.clear()

    def run(self, main: Coroutine[Any, Any, Any]) -> Any:
        """Run until a coroutine has ended; return what it returns. Raises Stuck."""
        asyncio._set_running_loop(self)
        library = sniffio.current_async_library_cvar.set("asyncio")
        try:
            task = self.spawn(None, main)
            while not task.done():
                self._step()
            return task.result()
        finally:
            sniffio.current_async_library_cvar.reset(library)
            asyncio._set_running_loop(None)

    def _step(self) -> None:
        ready = self._ready
        if not ready:
            self._pass_time()
        handle = ready.popleft()
        if handle.cancelled():
            return
        process = handle._context.get(PROCESS)
        if process is not None and process.held:
            process.waiting.append(handle)
            return
        self.steps += 1
        if self.steps > MOST_STEPS:
            raise Stuck(f"After {MOST_STEPS:,} steps, at {self._now:.3f} s, there is still no rest.")
        handle._run()

    def _pass_time(self) -> None:
        timers = self._timers
        while timers and timers[0][2].cancelled():
            heappop(timers)
        if not timers or timers[0][0] > END:
            raise Stuck("Nothing is left that could happen, and the world has not ended.")
        self._now = max(self._now, timers[0][0])
        while timers and timers[0][0] <= self._now:
            self._ready.append(heappop(timers)[2])
