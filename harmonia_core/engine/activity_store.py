"""Bring what attempts say to the store: gathered, bounded, in few small writes off the hot path.

Entries are lost if the process is killed before they are written, those of the last half
second at most while the store is well. A store that fails harms no execution: entries wait
for it, and the oldest are dropped when too many do.
"""

import logging
import time
from collections import Counter
from collections.abc import Sequence

import anyio

from harmonia_core.clock import Clock
from harmonia_core.contracts.activity import ActivityQuery, StateActivity
from harmonia_core.contracts.rows import ActivityRow
from harmonia_core.engine.activity import Activity, ActivityEntry, row_of
from harmonia_core.engine.activity_queue import ActivityQueue, note
from harmonia_core.engine.activity_rates import Rates, Speaker
from harmonia_core.engine.loop_door import LoopDoor
from harmonia_core.errors import StateBackendError
from harmonia_core.settings import KernelSettings

LOG = logging.getLogger("harmonia.activity")
INTERVAL = 0.5
"""Seconds that an entry waits for others at most."""
AFTER_END = 0.05
"""Seconds that the last entries of an execution wait for those of others."""
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
"""Seconds between two tries while the store fails; each is twice the one before."""
SHARE = 4
"""Times as long as a write took, the store is left to others."""
PATIENCE = 5.0
"""Seconds that the last write may hold up the end of the engine."""


class ActivityStore:
    """Write activity to a store, for one engine. Rows of an execution are written in order."""

    def __init__(
        self, backend: StateActivity, activity: Activity, settings: KernelSettings, clock: Clock
    ) -> None:
        self._backend, self._activity, self._clock = backend, activity, clock
        self._keep, self._text_limit = settings.activity_keep, settings.activity_text_limit
        self._queue = ActivityQueue()
        self._rates = Rates(settings.activity_rate)
        self._progress: dict[Speaker, ActivityEntry] = {}
        # Rows that the store holds, about, by execution; those that have ended are forgotten.
        self._stored: dict[str, int] = {}
        self._ended: set[str] = set()
        self._door: LoopDoor | None = None
        self._told, self._hurried = False, False
        self._wake = anyio.Event()
        self._gathering: anyio.CancelScope | None = None
        self._failures = 0
        activity.sink = self

    def take(self, entry: ActivityEntry) -> None:
        """Take an entry that is to be stored; called by the activity, under its lock."""
        if entry.kind == "progress":
            self._progress[entry.execution_id, entry.path, entry.attempt] = entry
        elif self._rates.admits(entry):
            row = row_of(entry, self._text_limit)
            self._rates.spent(entry, len(row.data))
            self._queue.put(row)
        if entry.execution_id not in self._stored:
            self._stored[entry.execution_id] = 0
        self._tell()

    def ended(self, execution_id: str) -> None:
        """Hear that an execution has left memory, so that its last entries go to the store soon."""
        if execution_id in self._stored:
            self._ended.add(execution_id)
            self._tell()

    def waiting(self, execution_id: str) -> list[ActivityRow]:
        """Return what is not known to be stored yet of an execution, in order."""
        with self._activity.lock:
            progress = [entry for entry in self._progress.values() if entry.execution_id == execution_id]
            rows = self._queue.of(execution_id) + [row_of(entry, self._text_limit) for entry in progress]
        return sorted(rows, key=lambda row: row.position)

    async def follow_on(self, execution_id: str) -> None:
        """Number what comes behind what earlier engines stored of an execution; call it at adoption."""
        try:
            last = await self._backend.activity(ActivityQuery(execution_id, limit=1, newest=True))
        except StateBackendError as error:
            LOG.warning("What execution %s said before could not be read: %s", execution_id, error)
            return
        if last:
            self._activity.begin_behind(last[0].position)
            self._stored[execution_id] = self._keep

    async def run(self) -> None:
        """Serve until cancelled."""
        self._door = LoopDoor()
        while True:
            with self._activity.lock:
                self._told, idle = False, self._idle
                self._hurried = bool(self._ended) or self._queue.full_slice
            if idle:
                await self._wake.wait()
            await self._gather()
            await self._flush(SHARE)
            if self._failures:
                await anyio.sleep(min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** (self._failures - 1)))

    async def aclose(self) -> None:
        """Write what still waits, with patience, and take no more."""
        self._activity.sink = None
        with anyio.move_on_after(PATIENCE, shield=True):
            await self._flush(0)
        left = len(self._queue.rows)
        if left:
            LOG.warning("The last %d entries of what tasks said could not be stored.", left)

    @property
    def _idle(self) -> bool:
        return not (self._progress or self._ended or self._rates.skipped) and self._queue.empty

    def _tell(self) -> None:
        # Once for the first entry, once more when there is enough for a write or an execution has ended.
        hurry = not self._hurried and (bool(self._ended) or self._queue.full_slice)
        if self._door is not None and (hurry or not self._told):
            self._told, self._hurried = True, self._hurried or hurry
            self._door.call(self._stir)

    def _stir(self) -> None:
        self._wake.set()
        self._wake = anyio.Event()
        if self._hurried and self._gathering is not None:
            self._gathering.cancel()

    async def _gather(self) -> None:
        """Let entries gather, no longer than the interval."""
        with anyio.CancelScope() as self._gathering:
            if not self._hurried:
                await self._clock.sleep_until(self._clock.now() + INTERVAL)
        self._gathering = None
        if self._hurried and not self._queue.full_slice:
            await anyio.sleep(AFTER_END)

    async def _flush(self, share: float) -> None:
        """Write what waits now, slice by slice. share: how long to rest between two, in their own time."""
        ended, left = self._collect()
        while left > 0:
            with self._activity.lock:
                rows = self._queue.begin(left)
            began = time.perf_counter()
            if not await self._write(rows):
                return
            left -= len(rows)
            if left > 0 and share:
                await anyio.sleep(min(INTERVAL, share * (time.perf_counter() - began)))
        with self._activity.lock:
            for execution_id in ended:
                self._stored.pop(execution_id, None)
                self._ended.discard(execution_id)
            self._rates.tidy(self._clock.now())

    def _collect(self) -> tuple[list[str], int]:
        """Put progress and notes in their places; return who has ended, and how many rows wait."""
        with self._activity.lock:
            progress = [row_of(entry, self._text_limit) for entry in self._progress.values()]
            self._progress.clear()
            notes = [
                note(speaker[0], self._activity.number(at), *speaker[1:], _skipped(count))
                for speaker, at, count in self._rates.take_skipped()
            ]
            self._queue.merge([*progress, *notes])
            return list(self._ended), len(self._queue.rows)

    async def _write(self, rows: Sequence[ActivityRow]) -> bool:
        """Store rows and trim what has become too long; tell whether that could be done."""
        stored = False
        try:
            await self._backend.add_activity(rows)
            stored = True
            await self._trim(Counter(row.execution_id for row in rows))
        except Exception as error:
            self._failed(error)
        else:
            if self._failures:
                LOG.warning("What tasks say can be stored again.")
            self._failures = 0
        finally:
            with self._activity.lock:
                self._queue.end(stored)
        return not self._failures

    async def _trim(self, counts: Counter[str]) -> None:
        for execution_id, count in counts.items():
            stored = self._stored.get(execution_id, 0) + count
            self._stored[execution_id] = stored
            if stored > self._keep + self._keep // 10:
                await self._backend.trim_activity(execution_id, self._keep)
                self._stored[execution_id] = self._keep

    def _failed(self, error: Exception) -> None:
        self._failures += 1
        if self._failures == 1:
            LOG.warning(
                "What tasks say cannot be stored now (%s); it waits, and the oldest is dropped in the end.",
                error,
                exc_info=None if isinstance(error, StateBackendError) else error,
            )


def activity_store(
    backend: StateActivity, activity: Activity, settings: KernelSettings, clock: Clock
) -> ActivityStore | None:
    """Return what stores activity, None if none is to be kept."""
    return ActivityStore(backend, activity, settings, clock) if settings.activity_keep else None


def _skipped(count: int) -> str:
    return f"{count:,} more lines were not stored: the attempt says more than `activity_rate` allows."
