"""Lanes: tasks of the engine's group that carry out attempts one after the other.

Starting a task costs tens of microseconds, as much as everything else an attempt
needs, so a lane goes on to the next attempt instead of ending. One lane holds the
baton and drains the queue; when its attempt has to wait, the baton passes on. So a
thousand attempts that never wait take one lane, a thousand that wait take a thousand.
"""

from collections import deque
from contextvars import Context
from typing import Any, Protocol

import anyio
from anyio import CancelScope
from anyio.abc import TaskGroup

_KEPT = 1024
"""Idle lanes worth keeping; about 4 kB each."""
_BREATH = 64
"""Attempts in a row before the loop gets a turn."""


class Work(Protocol):
    """What a lane carries out."""

    async def run(self, lane: "Lane") -> None:
        """Carry it out; swallow a cancellation of the lane's scope, raise one from outside."""
        ...


class Lane:
    """One task of the group.

    scope: around its attempts; cancelled: `cancel` was called.
    wanted: what its attempt waits for.
    """

    __slots__ = ("_event", "_holds", "_lanes", "_row", "cancelled", "scope", "wanted")

    def __init__(self, lanes: "Lanes") -> None:
        self._lanes = lanes
        self._holds = True
        self._row = 0
        self._event: anyio.Event | None = None
        self.scope = CancelScope()
        self.cancelled = False
        self.wanted: Any = None

    def waits(self) -> None:
        """Pass the baton on, because the attempt in this lane is about to wait for the first time."""
        self._row = 0
        if self._holds:
            self._holds = False
            self._lanes.pass_on()

    def cancel(self) -> None:
        """End the attempt that this lane carries out, and the lane after it."""
        self.cancelled = True
        self.scope.cancel()

    def wake(self) -> None:
        """Give the baton to this lane, which is idle."""
        self._holds = True
        if self._event is not None:
            self._event.set()

    async def run(self) -> None:
        """Carry out attempts until the lanes close or this lane's scope has been cancelled."""
        try:
            with self.scope:
                await self._work()
        finally:
            self._lanes.left(self, self._holds)

    async def _work(self) -> None:
        queue = self._lanes.queue
        while not self.cancelled:
            if not queue:
                if not await self._idle():
                    return
            else:
                await queue.popleft().run(self)
                self.wanted = None
                self._row += 1
                if self._row >= _BREATH and not self.cancelled:
                    self._row = 0
                    await anyio.sleep(0)

    async def _idle(self) -> bool:
        if self._holds:
            self._holds = False
            self._lanes.pass_on()
        if not self._lanes.park(self):
            return False
        self._event = anyio.Event()
        await self._event.wait()
        self._row = 0
        return True


class Lanes:
    """Give every attempt a lane. queue: attempts that no lane has taken yet."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._group: TaskGroup | None = None
        self._idle: list[Lane] = []
        self._baton = False
        self._closing = False
        self._alive = 0
        self._empty: anyio.Event | None = None
        self.queue: deque[Work] = deque()

    def put(self, group: TaskGroup, work: Work) -> None:
        """Queue an attempt for a lane of this group; it begins within a turn of the loop or two."""
        if group is not self._group:
            self._group, self._idle, self._baton = group, [], False
        self.queue.append(work)
        if not self._baton:
            self.pass_on()

    def pass_on(self) -> None:
        """Give the baton to another lane if there is work, else lay it down."""
        self._baton = bool(self.queue)
        if not self._baton:
            return
        if self._idle:
            self._idle.pop().wake()
        elif self._group is not None:
            self._alive += 1
            self._context.run(self._group.start_soon, Lane(self).run)

    def park(self, lane: Lane) -> bool:
        """Keep a lane that has nothing to do; False if it is not wanted any more."""
        if self._closing or len(self._idle) >= _KEPT:
            return False
        self._idle.append(lane)
        return True

    def left(self, lane: Lane, held: bool) -> None:
        """Note the end of a lane; what it held goes to another."""
        self._alive -= 1
        if held:
            self.pass_on()
        if not self._alive and self._empty is not None:
            self._empty.set()

    async def aclose(self) -> None:
        """End idle lanes and wait for the others; call it again after letting their attempts go."""
        self._closing = True
        for lane in self._idle:
            lane.wake()
        self._idle = []
        if self._alive:
            self._empty = anyio.Event()
            await self._empty.wait()
