"""The one connection that writes: transactions of one round trip, and what follows when it is lost."""

import time
from collections.abc import Callable, Sequence
from threading import Lock

import psycopg

from harmonia_core import StateBackendError, StateConflict, StateLocked, StateUnavailable, Unit
from harmonia_sql.commit_times import CommitTimes
from harmonia_sql.dialect import Cursor
from harmonia_sql.postgres.address import Address
from harmonia_sql.postgres.connection import connect_durably
from harmonia_sql.postgres.cursor import PipelineCursor
from harmonia_sql.postgres.errors import DEADLOCK, ConnectionLost, ServerError, fatal, translate
from harmonia_sql.postgres.outcome import Doubt, committed, is_written, witness
from harmonia_sql.postgres.wire import NotYet, Wire
from harmonia_sql.statements import Statements
from harmonia_sql.transaction import Results, write_each, write_group

# Seconds that a commit in place waits for the server before the writer's thread waits on.
IN_PLACE = 0.05
# Seconds between two tries to reach the server.
SHORTEST_PAUSE, LONGEST_PAUSE = 0.05, 2.0
# Tries of a group that others keep taking locks from.
TRIES = 5
NOTIFY = "SELECT pg_notify(?, ?)"
XID = "SELECT pg_current_xact_id()::text"


class PostgresWriting:
    """Commit units and other writes; whoever calls a method holds `lock`.

    notice: channel and payload of the notification that wakes other engines.
    failure: why the server cannot be reached now, None while it can.
    version: of the server, as it counts them (150018 is 15.18).
    """

    def __init__(
        self, address: Address, statements: Statements, notice: tuple[str, str], times: CommitTimes
    ) -> None:
        self.lock = Lock()
        self._times, self._sent = times, 0.0
        self.failure: StateBackendError | None = None
        self._address, self._statements, self._notice = address, statements, notice
        self._wire: Wire | None = None
        self._cursor: PipelineCursor
        self._doubt: Doubt | None = None
        self._doubtful: set[str] = set()
        # Written units of which nobody has been told yet: themselves, for an id may be used again.
        self._known: list[Unit] = []
        self._connect()

    def commit(self, units: Sequence[Unit], weight: int, patience: float) -> Results:
        """Commit units in one transaction; return what came of each, never raise a store's error.

        patience: seconds to wait for locks and for a server that is gone. With 0 the unit is
            handed back as StateLocked after IN_PLACE seconds; the next call finds out what came of it.
        """
        try:
            return self._commit(units, patience) if patience else self._try(units)
        except Exception as error:
            failure = self._translate(error)
            return [(unit, failure) for unit in units]

    def call(self, write: Callable[[Cursor, Statements], object], patience: float) -> None:
        """Run other writes in a transaction of their own, perhaps twice; raise the contract's error."""
        deadline = time.monotonic() + patience
        while True:
            try:
                self._reach(deadline)
                self._resolve(deadline)
                self._begin()
                write(self._cursor, self._statements)
                self._finish()
                return
            except ConnectionLost as error:
                self._lose(error)
                if time.monotonic() >= deadline:
                    raise self._translate(error) from error
            except Exception as error:
                self._roll_back()
                raise self._translate(error) from error

    def close(self) -> None:
        """Close the connection."""
        if self._wire is not None:
            self._wire.close()
            self._wire = None

    def _try(self, units: Sequence[Unit]) -> Results:
        if self._wire is None or self._wire.pending or self._doubt is not None:
            raise StateLocked("the writer's thread has to look after the connection first")
        # Each time that the server is waited for, for the event loop stands still meanwhile.
        cursor = self._cursor
        cursor.timeout = IN_PLACE
        try:
            self._write_group(units)
        except NotYet:
            raise StateLocked("the server takes its time") from None
        except ConnectionLost as error:
            self._lose(error)
            raise StateLocked(str(error)) from error
        except Exception as error:
            self._roll_back()
            if fatal(error):
                raise
            raise StateLocked(str(error)) from error
        finally:
            cursor.timeout = None
        return [(unit, None) for unit in units]

    def _commit(self, units: Sequence[Unit], patience: float) -> Results:
        deadline = time.monotonic() + patience
        try:
            while True:
                try:
                    return self._commit_rest(units, deadline)
                except ConnectionLost as error:
                    self._lose(error)
                    if time.monotonic() >= deadline:
                        raise
                except Exception:
                    self._roll_back()
                    raise
        finally:
            self._known = []

    def _commit_rest(self, units: Sequence[Unit], deadline: float) -> Results:
        """Commit those units of which it is not known that they are written."""
        self._reach(deadline)
        self._resolve(deadline)
        known = {id(unit) for unit in self._known}
        rest = [unit for unit in units if id(unit) not in known]
        written = {id(unit): error for unit, error in self._write(rest)} if rest else {}
        self._doubtful.difference_update(map(_execution_of, units))
        return [(unit, written.get(id(unit))) for unit in units]

    def _write(self, units: Sequence[Unit]) -> Results:
        try:
            self._write_group(units)
            return [(unit, None) for unit in units]
        except ConnectionLost:
            raise
        except Exception as error:
            self._roll_back()
            if fatal(error) and getattr(error, "sqlstate", None) not in DEADLOCK:
                raise
        for left in reversed(range(TRIES)):
            try:
                return self._write_each(units)
            except ServerError as error:
                if isinstance(error, ConnectionLost):
                    raise
                self._roll_back()
                if not left or error.sqlstate not in DEADLOCK:
                    raise
        return []

    def _write_group(self, units: Sequence[Unit]) -> None:
        xid = self._begin(numbered=witness(units) is None)
        write_group(self._cursor, self._statements, units)
        self._finish(units, xid)

    def _write_each(self, units: Sequence[Unit]) -> Results:
        # Which of them will be written, and whether their events tell, is not known yet.
        xid = self._begin(numbered=True)
        # In the order of their ids: two engines that want the same heads wait, and do not block each other.
        ordered = sorted(units, key=_execution_of)
        results = write_each(self._cursor, self._statements, ordered, self._is_own)
        self._finish([unit for unit, error in results if error is None], xid)
        return results

    def _is_own(self, conflict: StateConflict, unit: Unit) -> bool:
        return conflict.execution_id in self._doubtful and is_written(self._cursor, unit)

    def _begin(self, *, numbered: bool = False) -> str | None:
        """Begin a transaction; return its number if it is to tell later what became of it."""
        self._cursor.execute("BEGIN")
        if not numbered:
            return None
        self._cursor.execute(XID)
        number: str = self._cursor.fetchone()[0]
        return number

    def _finish(self, units: Sequence[Unit] = (), xid: str | None = None) -> None:
        if any(unit.concerns_others for unit in units):
            self._cursor.execute(NOTIFY, self._notice)
        if units:
            self._doubt = Doubt(units, xid)
        self._cursor.execute("COMMIT")
        self._sent = time.perf_counter()
        try:
            self._current.sync(self._cursor.timeout)
        except (ConnectionLost, NotYet):
            raise
        except BaseException:
            self._doubt = None
            raise
        self._times.took(time.perf_counter() - self._sent)
        self._doubt = None

    def _resolve(self, deadline: float) -> None:
        """Find out what came of a commit without an answer, and end what was left unfinished in place."""
        doubt = self._doubt
        if doubt is None:
            if self._current.pending:
                self._roll_back()
            return
        if self._current.pending:
            # The connection is well, its answer was only slow.
            try:
                self._current.sync()
                self._times.took(time.perf_counter() - self._sent)
                written = True
            except ConnectionLost:
                raise
            except Exception:
                self._roll_back()
                written = False
        else:
            self._begin()
            try:
                written = committed(self._cursor, self._statements, doubt, deadline)
            except StateUnavailable:
                self._doubt = None
                raise
            self._roll_back()
        self._doubt = None
        if written:
            self._known.extend(doubt.units)

    @property
    def _current(self) -> Wire:
        if self._wire is None:
            raise ConnectionLost("the connection is closed", None)
        return self._wire

    def _connect(self) -> None:
        connection = connect_durably(self._address)
        self.version = connection.info.server_version
        self._wire = Wire(connection)
        self._cursor = PipelineCursor(self._wire)
        self.failure = None

    def _reach(self, deadline: float) -> None:
        """Connect again if the connection is gone; try until a deadline, with longer and longer pauses."""
        pause = SHORTEST_PAUSE
        while self._wire is None:
            try:
                self._connect()
            except psycopg.Error as error:
                self.failure = translate(error, self._address)
                if time.monotonic() + pause >= deadline:
                    raise self.failure from error
                time.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)

    def _lose(self, error: ConnectionLost) -> None:
        self.failure = translate(error, self._address)
        if self._doubt is not None:
            self._doubtful.update(map(_execution_of, self._doubt.units))
        self.close()

    def _roll_back(self) -> None:
        wire = self._wire
        if wire is None:
            return
        try:
            while wire.pending or wire.in_transaction:
                try:
                    if not wire.pending:
                        wire.send("ROLLBACK")
                    wire.sync()
                except ConnectionLost:
                    raise
                except Exception:
                    continue  # what went wrong is being undone
        except ConnectionLost as error:
            self._lose(error)

    def _translate(self, error: BaseException) -> StateBackendError:
        return translate(error, self._address)


def _execution_of(unit: Unit) -> str:
    return unit.execution_id or ""
