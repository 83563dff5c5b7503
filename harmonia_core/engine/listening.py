"""Serve what attempts say: what is stored, and what is not stored yet, as one stream."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any

import anyio

from harmonia_core.clock import Clock
from harmonia_core.contracts.activity import ActivityQuery
from harmonia_core.contracts.rows import ActivityRow, ExecutionRow
from harmonia_core.contracts.state_backend import StateBackend
from harmonia_core.engine.activity import Activity, ActivityEntry, row_of, row_view
from harmonia_core.engine.activity_store import ActivityStore
from harmonia_core.engine.driver import Driver
from harmonia_core.engine.inquiry import Inquiry
from harmonia_core.engine.loading import Loader
from harmonia_core.engine.loop_door import LoopDoor
from harmonia_core.engine.ownership import Owner
from harmonia_core.engine.publish import Publisher
from harmonia_core.engine.requests import Requests
from harmonia_core.model.events import Recorded
from harmonia_core.model.statuses import FINAL_EXECUTION
from harmonia_core.settings import KernelSettings

PAGE = 500
BREATH = 0.05
"""Seconds between two looks while an execution speaks without pause."""
ELSEWHERE = 0.5
"""Seconds between two looks at another process's execution, if the store wakes nobody earlier."""
LAST_WORDS = 1.0
"""Seconds after its end in which another process may still store what an execution said."""


class Listening(Inquiry):
    """Answer what attempts said and say; the part of an engine that listens."""

    settings: KernelSettings
    activity: Activity
    _clock: Clock
    _kept: ActivityStore | None

    def __init__(
        self,
        backend: StateBackend,
        loader: Loader,
        owner: Owner,
        driver: Driver,
        publisher: Publisher,
        requests: Requests,
    ) -> None:
        super().__init__(backend, loader, owner)
        self._driver, self._publisher, self._requests = driver, publisher, requests

    async def logs(
        self,
        execution_id: str,
        after: int = 0,
        limit: int = 100,
        path: str | None = None,
        *,
        levels: Sequence[str] = (),
        newest: bool = False,
    ) -> list[dict[str, Any]]:
        """Return one page of what the attempts of an execution said, ascending by `position`.

        What was said in the logs in which it goes on follows, as it does in `follow_logs`.
        The position of the last entry is `after` of the next page; the other arguments are those of
        ActivityQuery. Entries of another process appear when it has stored them. Raises ExecutionNotFound.
        """
        found: list[ActivityRow] = []
        chain = [row.execution_id for row in await self._owner.succession.chain(execution_id)]
        for one in reversed(chain) if newest else chain:
            query = ActivityQuery(one, after, limit - len(found), path, tuple(levels), newest)
            page = await self._page(query) if query.limit > 0 else []
            found = [*page, *found] if newest else [*found, *page]
        return [row_view(row) for row in found]

    async def follow_logs(
        self, execution_id: str, after: int = 0, path: str | None = None, *, levels: Sequence[str] = ()
    ) -> AsyncGenerator[dict[str, Any], None]:
        """Yield what attempts said and go on saying, each entry once, until their execution has ended.

        Of an execution that this engine drives, each entry comes at once; of another process's, when that
        process has stored it: the store's wake-up tells, or a look every half second.
        Raises ExecutionNotFound.
        """
        self.backend.watch(self._requests.changed)  # an engine that was only made to read watches nothing yet
        following: str | None = execution_id
        while following is not None:
            async with aclosing(self._follow(following, after, path, levels)) as entries:
                async for entry in entries:
                    yield entry
            following = await self._owner.succession.successor(await self._head(following))
            if following is not None and await self.backend.head(following) is None:
                return  # nobody has begun it yet

    async def _follow(
        self, execution_id: str, after: int, path: str | None, levels: Sequence[str]
    ) -> AsyncGenerator[dict[str, Any], None]:
        await self._head(execution_id)
        ears, silence = Ears(execution_id, self.activity, self._publisher), Silence(self._clock)
        try:
            over = False
            while not over:
                heard, ours = ears.heard, execution_id in self._driver.lives
                over = not ours and silence.after(await self.backend.head(execution_id), ears.listened)
                while rows := await self._page(ActivityQuery(execution_id, after, PAGE, path, tuple(levels))):
                    for row in rows:
                        yield row_view(row)
                    after = rows[-1].position
                if ours:
                    await ears.listen(heard)
                elif not over:
                    await self._requests.next_change(ELSEWHERE)
        finally:
            ears.close()

    async def _page(self, query: ActivityQuery) -> list[ActivityRow]:
        # First what waits: what is stored in between is then in both, and not in neither.
        if self._kept is not None:
            waiting = self._kept.waiting(query.execution_id)
        else:
            limit = self.settings.activity_text_limit
            waiting = [row_of(entry, limit) for entry in self.activity.entries(query.execution_id)]
        found = {row.position: row for row in waiting if query.matches(row)}
        found |= {row.position: row for row in await self.backend.activity(query)}
        return query.cut([found[position] for position in sorted(found)])


class Ears:
    """Hear that there may be more of an execution of this engine.

    heard: set then, and replaced by a new one. listened: whether there was ever anything to wait for.
    """

    def __init__(self, execution_id: str, activity: Activity, publisher: Publisher) -> None:
        self.heard, self.listened = anyio.Event(), False
        self._id, self._told, self._door = execution_id, False, LoopDoor()
        self._stop = activity.listen(self._entry), publisher.view(self._recorded)

    async def listen(self, heard: anyio.Event) -> None:
        """Wait until something is heard that was not yet when `heard` was taken from here."""
        self.listened = True
        with anyio.move_on_after(10 * ELSEWHERE):  # another engine may have taken the execution over
            await heard.wait()
        await anyio.sleep(BREATH)

    def close(self) -> None:
        """Hear no more."""
        for stop in self._stop:
            stop()

    def _entry(self, entry: ActivityEntry) -> None:
        if entry.execution_id == self._id and not self._told:
            self._told = True
            self._door.call(self._stir)

    def _recorded(self, recorded: Sequence[Recorded]) -> None:
        if recorded[0].execution_id == self._id:
            self._stir()

    def _stir(self) -> None:
        self._told = False
        self.heard.set()
        self.heard = anyio.Event()


class Silence:
    """Decide when an execution has said its last: another process stores the end of it a little later."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since: float | None = None

    def after(self, row: ExecutionRow | None, ours: bool) -> bool:
        """Tell whether nothing more will be stored. ours: whether it ended here, where nothing is missed."""
        if row is None:
            return True
        if row.status not in FINAL_EXECUTION:
            self._since = None
            return False
        now = anyio.current_time()
        self._since = now if self._since is None else self._since
        ended = self._clock.now() - (row.ended_at or 0.0)
        return ours or ended > LAST_WORDS or now - self._since > LAST_WORDS
