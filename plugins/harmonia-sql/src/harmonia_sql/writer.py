"""The writer: one thread that commits what arrives in groups, and looks round in between.

A lone unit may be committed by the caller instead (commit in place); the writer's
connection is then used on the loop's thread, under the connection's lock.
"""

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import Protocol

from harmonia_core import StateBackendError, StateCorrupt, StateFull, StateLocked, Unit
from harmonia_sql.commit_times import CommitTimes
from harmonia_sql.dialect import Cursor
from harmonia_sql.loop import LoopPort
from harmonia_sql.pace import Pace
from harmonia_sql.statements import Statements
from harmonia_sql.transaction import Results

Done = Callable[[Results], None]
# Rows per transaction, about; seconds to wait for a lock.
GROUP_WEIGHT, PATIENCE = 1000, 5.0


class WritingConnection(Protocol):
    """What the writer needs of the one connection that writes; whoever calls a method holds `lock`."""

    @property
    def lock(self) -> Lock:
        """Return the lock between the two threads that use the connection."""
        ...

    @property
    def failure(self) -> StateBackendError | None:
        """Return what keeps it from writing just now, None if nothing does; any thread may ask."""
        ...

    def commit(self, units: Sequence[Unit], weight: int, patience: float) -> Results:
        """Commit units in one transaction; return what came of each, never raise a store's error.

        patience: seconds to wait for somebody else's lock before StateLocked; 0 must never wait.
        """
        ...

    def call(self, write: Callable[[Cursor, Statements], object], patience: float) -> None:
        """Run other writes in a transaction of their own; raise the contract's error."""
        ...

    def close(self) -> None:
        """Close the connection."""
        ...


class Rounds(Protocol):
    """What the writer's thread does between transactions, every so many seconds, if anything."""

    @property
    def every(self) -> float | None:
        """Return the seconds between two rounds, None if there are none."""
        ...

    def go(self, now: float, wake: Callable[[], None] | None) -> None:
        """Do a slice of what is due; call `wake` if another engine may have written."""
        ...


@dataclass(frozen=True, slots=True)
class Call:
    """Ask for a write that is no unit; `done` gets its error or None, on the loop's thread."""

    write: Callable[[Cursor, Statements], object]
    done: Callable[[StateBackendError | None], None]


Job = tuple[Sequence[Unit], Done] | Call | None


@dataclass(slots=True)
class Writer:
    """Own the writing connection.

    `submit` and `call` belong to the loop's thread; `stop` blocks, and may be called from any.

    damage: what was found damaged since the start, if anything was.
    no_room: that the last group of units found no room, and when (monotonic), if it did not.
    """

    connection: WritingConnection
    port: LoopPort
    pace: Pace
    rounds: Rounds
    times: CommitTimes
    wake: Callable[[], None] | None = None
    damage: StateCorrupt | None = None
    no_room: tuple[StateFull, float] | None = None
    _queue: "SimpleQueue[Job]" = field(default_factory=SimpleQueue)
    _backlog: "deque[tuple[Unit, Done]]" = field(default_factory=deque)
    _calls: "deque[Call]" = field(default_factory=deque)
    _waiting: int = 0
    _stopping: bool = False
    _thread: Thread | None = None
    _looked: float = 0.0

    def start(self) -> None:
        """Start the thread."""
        self._thread = Thread(target=self._run, name="harmonia-sql-writer", daemon=True)
        self._thread.start()

    def submit(self, units: Sequence[Unit], done: Done) -> None:
        """Commit in place if that is sensible, else hand over to the thread."""
        if len(units) == 1 and self._lone(units[0]) and self._in_place(units, done):
            return
        self._waiting += len(units)
        self._queue.put((units, done))

    def call(self, call: Call) -> None:
        """Hand over a write that is no unit."""
        self._queue.put(call)

    def stop(self) -> None:
        """Let the thread end after everything handed over so far, and wait for that. Blocks."""
        self._queue.put(None)
        if self._thread is not None:
            self._thread.join()

    def _lone(self, unit: Unit) -> bool:
        lone = self.pace.lone(unit.execution_id, time.perf_counter())
        return lone and not self._waiting

    def _in_place(self, units: Sequence[Unit], done: Done) -> bool:
        lock = self.connection.lock
        if not lock.acquire(blocking=False):
            return False
        try:
            weight, start = units[0].weight, time.perf_counter()
            results = self.connection.commit(units, weight, 0.0)
            end = time.perf_counter()
            self.pace.took(end - start, weight)
            self.pace.delivered(end)
        finally:
            lock.release()
        if isinstance(results[0][1], StateLocked):
            return False
        self._heed(results[0][1])
        done(results)
        return True

    def _run(self) -> None:
        while self._collect():
            if self._backlog:
                self._commit_group()
            while self._calls:
                self._do(self._calls.popleft())
            self._look_round()

    def _collect(self) -> bool:
        """Take what is in the queue, waiting if there is nothing to do; tell whether to go on."""
        wait = not (self._backlog or self._calls or self._stopping)
        try:
            while True:
                job = self._queue.get(wait, self.rounds.every)
                if job is None:
                    self._stopping = True
                elif isinstance(job, Call):
                    self._calls.append(job)
                else:
                    units, done = job
                    self._backlog.extend((unit, done) for unit in units)
                wait = False
        except Empty:
            return bool(self._backlog or self._calls or not self._stopping)

    def _commit_group(self) -> None:
        units, askers, weight = [], [], 0
        while self._backlog and weight < GROUP_WEIGHT:
            unit, done = self._backlog.popleft()
            units.append(unit)
            askers.append(done)
            weight += unit.weight
        with self.connection.lock:
            start = time.perf_counter()
            results = self.connection.commit(units, weight, PATIENCE)
            took = time.perf_counter() - start
        self._heed(results[0][1])
        held: dict[Done, Results] = {}
        for result, done in zip(results, askers, strict=True):
            held.setdefault(done, []).append(result)
        told: tuple[float, int] | None = (took, weight)
        for done, part in held.items():
            self.port.post(self._deliver, done, part, told)
            told = None

    def _heed(self, error: StateBackendError | None) -> None:
        # What is wrong with the store fails a whole group, so that the first result is as good as any.
        self.no_room = (error, time.monotonic()) if isinstance(error, StateFull) else None
        if isinstance(error, StateCorrupt):
            self.damage = error

    def _deliver(self, done: Done, results: Results, took: tuple[float, int] | None) -> None:
        if took is not None:
            self.pace.grouped(*took)
        self._waiting -= len(results)
        self.pace.delivered(time.perf_counter())
        done(results)

    def _do(self, call: Call) -> None:
        error: StateBackendError | None = None
        try:
            with self.connection.lock:
                self.connection.call(call.write, PATIENCE)
        except StateBackendError as failure:
            error = failure
            if isinstance(error, StateCorrupt):
                self.damage = error
        self.port.post(call.done, error)

    def _look_round(self) -> None:
        every = self.rounds.every
        now = time.monotonic()
        if every is not None and now - self._looked >= every:
            self._looked = now
            self.rounds.go(now, None if self.wake is None else self._wake)

    def _wake(self) -> None:
        if self.wake is not None:
            self.port.post(self.wake)
