"""How a database is, told from a real write and a real read within a bound."""

import time
from functools import partial
from threading import Lock
from typing import Any

import anyio
from anyio import CapacityLimiter, to_thread

from harmonia_core import StateBackendError, StateUnavailable
from harmonia_sql.dialect import Cursor
from harmonia_sql.document_queries import document
from harmonia_sql.opened import Opened
from harmonia_sql.statements import Statements
from harmonia_sql.writer import Call

# Seconds after which a database that has not answered counts as stuck.
BOUND = 5.0
# Seconds for which it counts that units found no room, though a probe does: they need more.
COUNTS = 10.0
PROBE = ("harmonia", "health", "probe")


class StateStuck(StateUnavailable):
    """Report a store that does not answer, and does not say why."""

    code = "store-stuck"


class Health:
    """Ask one open database. A write or read that hangs is not followed by more of them.

    bound: seconds for an answer.
    """

    def __init__(self, name: str, opened: Opened) -> None:
        self.bound = BOUND
        self._name, self._opened = name, opened
        self._writer, self._reader = opened.writer, opened.reader
        self._writing: _Outcome | None = None
        self._reading = Lock()

    async def ask(self) -> dict[str, Any]:
        """Return `ok`, and the code and text of what is wrong, or the seconds that it took; never raise.

        A database that is damaged, as far as was seen since it was opened, is not well, though it answers.
        """
        start = time.perf_counter()
        try:
            with anyio.fail_after(self.bound):
                await self._write()
                await self._read()
        except TimeoutError:
            return refusal(self._writer.connection.failure or self._stuck())
        except Exception as error:
            return refusal(error)
        known = self._known()
        if known is not None:
            return refusal(known)
        times = self._writer.times
        commits = {"median": round(times.median, 6), "slow": times.slow}
        return {"ok": True, "seconds": round(time.perf_counter() - start, 6), "commits": commits}

    def _known(self) -> StateBackendError | None:
        no_room = self._writer.no_room
        if no_room is not None and time.monotonic() - no_room[1] < COUNTS:
            return no_room[0]
        return self._writer.damage or self._reader.damage

    async def _write(self) -> None:
        outcome = self._writing
        if outcome is None:
            outcome = self._writing = _Outcome()
            self._writer.call(Call(_put, partial(self._written, outcome)))
        await outcome.known.wait()
        if outcome.error is not None:
            raise outcome.error

    def _written(self, outcome: "_Outcome", error: StateBackendError | None) -> None:
        outcome.error, self._writing = error, None
        outcome.known.set()

    async def _read(self) -> None:
        limiter = CapacityLimiter(1)
        await to_thread.run_sync(self._look, limiter=limiter, abandon_on_cancel=True)

    def _look(self) -> None:
        if not self._reading.acquire(timeout=self.bound):
            raise self._stuck()
        try:
            self._opened.examine()
            self._reader.answer(lambda core: document(core, *PROBE))
        finally:
            self._reading.release()

    def _stuck(self) -> StateStuck:
        return StateStuck(
            f"The database {self._name} has not answered within {self.bound:g} s. See what holds it up (its "
            "disk, its server, the way there); what is waiting goes on by itself."
        )


class _Outcome:
    """Hold what came of a write that several may wait for."""

    def __init__(self) -> None:
        self.known = anyio.Event()
        self.error: StateBackendError | None = None


def refusal(error: Exception) -> dict[str, Any]:
    """Return what `health` says of an error."""
    code = error.code if isinstance(error, StateBackendError) else StateBackendError.code
    return {"ok": False, "code": code, "error": str(error) or type(error).__name__}


def _put(cursor: Cursor, statements: Statements) -> None:
    statements.document.run(cursor, [(*PROBE, str(time.time()), 1)])
