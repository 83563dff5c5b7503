"""One transaction: the units of a group, written together by compare-and-set.

Tried first for the whole group; if anything in it disagrees with the database, all is
rolled back and done again unit by unit, each under a savepoint, so that only the units
that conflict are set aside.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any

from harmonia_core import HeadWrite, StateBackendError, StateConflict, Unit
from harmonia_sql.blob_rows import write_blobs
from harmonia_sql.document_rows import write_appends, write_documents
from harmonia_sql.statements import Cursor, Insertion, Statements

Results = list[tuple[Unit, StateBackendError | None]]
# Below this, single updates are quicker than one update of many rows.
FEW_HEADS = 8


class Discord(StateBackendError):
    """Tell that a group of units does not fit the database; which one is not known yet."""


def write_group(cursor: Cursor, statements: Statements, units: Sequence[Unit]) -> None:
    """Write all units inside an open transaction; raise if a single one cannot be written.

    Timers are closed before they are set, requests and tokens added before they are closed.
    """
    _move_heads(cursor, statements, [unit.head for unit in units if unit.head is not None])
    created = [unit.created for unit in units if unit.created is not None]
    if created:
        statements.create.run(cursor, created)
    if rows := _gather(unit.events for unit in units):
        statements.event.run(cursor, rows)
    if rows := _gather(unit.tasks for unit in units):
        statements.task.run(cursor, rows)
    if rows := _gather(unit.closed_timers for unit in units):
        cursor.executemany(statements.close_timer, rows)
    if rows := _gather(unit.timers for unit in units):
        statements.timer.run(cursor, rows)
    _write_exchange(cursor, statements, units)
    snapshots = [unit.snapshot for unit in units if unit.snapshot is not None]
    if snapshots:
        statements.snapshot.run(cursor, snapshots)
    if blobs := _gather(unit.blobs for unit in units):
        write_blobs(cursor, statements, blobs)
    if documents := _gather(unit.documents for unit in units):
        write_documents(cursor, statements, documents)
    if appends := _gather(unit.appends for unit in units):
        write_appends(cursor, statements, appends)


def write_each(cursor: Cursor, statements: Statements, units: Sequence[Unit]) -> Results:
    """Write units one by one inside an open transaction; return what came of each."""
    return [(unit, _write_one(cursor, statements, unit)) for unit in units]


def _gather(lists: Iterable[list[Any]]) -> list[Any]:
    return list(chain.from_iterable(lists))


def _move_heads(cursor: Cursor, statements: Statements, heads: Sequence[HeadWrite]) -> None:
    going = [(*head[:6], *head[7:]) for head in heads if head.ended_at is None]
    ending = [head for head in heads if head.ended_at is not None]
    moved = _update(cursor, going, statements.move_head, statements.move_heads)
    moved += _update(cursor, ending, statements.end_head, statements.end_heads)
    if moved != len(heads):
        raise Discord("a head has moved")


def _update(cursor: Cursor, rows: Sequence[Sequence[Any]], one: str, many: Insertion) -> int:
    if len(rows) < FEW_HEADS:
        return sum(cursor.execute(one, row).rowcount for row in rows)
    return many.run(cursor, rows)


def _write_exchange(cursor: Cursor, statements: Statements, units: Sequence[Unit]) -> None:
    if rows := _gather(unit.requests for unit in units):
        statements.request.run(cursor, rows)
    if ids := _gather(unit.consumed for unit in units):
        cursor.executemany(statements.consume, [(request_id,) for request_id in ids])
    if rows := _gather(unit.tokens for unit in units):
        statements.token.run(cursor, rows)
    if hashes := _gather(unit.closed_tokens for unit in units):
        cursor.executemany(statements.close_token, [(token_hash,) for token_hash in hashes])


def _write_one(cursor: Cursor, statements: Statements, unit: Unit) -> StateBackendError | None:
    conflict = _conflict(cursor, statements, unit)
    if conflict is not None:
        return conflict
    cursor.execute("SAVEPOINT unit")
    try:
        write_group(cursor, statements, [unit])
    except Exception as error:
        if fatal(error):
            raise
        cursor.execute("ROLLBACK TO unit")
        cursor.execute("RELEASE unit")
        return _refusal(error)
    cursor.execute("RELEASE unit")
    return None


def _conflict(cursor: Cursor, statements: Statements, unit: Unit) -> StateConflict | None:
    row = unit.head or unit.created
    if row is None:
        return None
    cursor.execute(statements.head, (row.execution_id,))
    found = cursor.fetchone()
    expected = unit.head and (unit.head.expected_seq, unit.head.expected_epoch)
    if (found and found[:2]) == expected:
        return None
    seq, epoch, owner = found or (0, 0, None)
    return StateConflict(row.execution_id, seq, epoch, owner)


def fatal(error: Exception) -> bool:
    """Tell whether an error concerns the database and not just the rows of one unit."""
    return isinstance(error, sqlite3.Error) and not isinstance(
        error, sqlite3.IntegrityError | sqlite3.DataError | sqlite3.InterfaceError | sqlite3.ProgrammingError
    )


def _refusal(error: Exception) -> StateBackendError:
    if isinstance(error, StateBackendError):
        return error
    return StateBackendError(f"A row cannot be stored: {type(error).__name__}: {error}.")
