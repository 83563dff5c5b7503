"""What became of a commit whose answer was lost: found out, never guessed.

An execution's log tells it: a unit's events stand there or not, and nobody else could have
written them. A group without events is told by its transaction's number, asked for
before the commit is sent.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from harmonia_core import EventRow, StateUnavailable, Unit
from harmonia_sql.dialect import Cursor
from harmonia_sql.postgres.errors import ConnectionLost
from harmonia_sql.statements import Statements

EVENTS = (
    f"SELECT {', '.join(EventRow._fields)} FROM event "
    "WHERE execution_id = ? AND seq >= ? AND seq <= ? ORDER BY seq"
)
STATUS = "SELECT pg_xact_status(?::xid8)"
# Seconds between two looks at a transaction whose connection is gone and that still goes on.
LOOK_EVERY = 0.02


@dataclass(frozen=True, slots=True)
class Doubt:
    """Hold what was sent together with a commit. xid: of the transaction, if no unit has events."""

    units: Sequence[Unit]
    xid: str | None


def witness(units: Sequence[Unit]) -> Unit | None:
    """Return a unit whose events tell whether all these units were written."""
    return next((unit for unit in units if unit.events and unit.execution_id), None)


def committed(cursor: Cursor, statements: Statements, doubt: Doubt, deadline: float) -> bool:
    """Tell whether the transaction was committed; the caller has begun another one and ends it.

    It may still be going on in the server: that is waited for, until a deadline (monotonic).
    """
    unit = witness(doubt.units)
    if unit is not None:
        # Whoever still changes the head holds this lock.
        cursor.execute(statements.head, (unit.execution_id,))
        cursor.fetchone()
        return is_written(cursor, unit)
    while doubt.xid is not None:
        cursor.execute(STATUS, (doubt.xid,))
        status = cursor.fetchone()[0]
        if status != "in progress":
            return _decided(status)
        if time.monotonic() >= deadline:
            raise ConnectionLost("the server still works on a transaction of a lost connection", None)
        time.sleep(LOOK_EVERY)
    return False


def is_written(cursor: Cursor, unit: Unit) -> bool:
    """Tell whether exactly the events of a unit stand where they belong."""
    events = unit.events
    if not events:
        return False
    cursor.execute(EVENTS, (events[0].execution_id, events[0].seq, events[-1].seq))
    return [EventRow._make(row) for row in cursor.fetchall()] == list(events)


def _decided(status: str | None) -> bool:
    if status is None:
        raise StateUnavailable("The server does not know any more whether the last commit was written.")
    return status == "committed"
