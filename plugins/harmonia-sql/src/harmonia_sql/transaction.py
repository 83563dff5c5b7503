"""One transaction: the units of a group, written together by compare-and-set.

Tried first for the whole group; if anything in it disagrees with the database, all is
rolled back and done again unit by unit, each under a savepoint, so that only the units
that conflict are set aside.
"""

from collections.abc import Callable, Sequence
from dataclasses import fields
from itertools import chain
from operator import attrgetter
from typing import Any

from harmonia_core import StateBackendError, StateConflict, Unit
from harmonia_sql.blob_rows import write_blobs
from harmonia_sql.dialect import Cursor
from harmonia_sql.document_rows import write_appends, write_documents
from harmonia_sql.label_rows import label_rows
from harmonia_sql.slot_rows import write_slots
from harmonia_sql.statements import Statements

Results = list[tuple[Unit, StateBackendError | None]]
LISTS = tuple(field.name for field in fields(Unit) if field.default_factory is list)


def write_group(cursor: Cursor, statements: Statements, units: Sequence[Unit]) -> None:
    """Write all units inside an open transaction; raise if a single one cannot be written.

    Timers are closed before they are set, requests and tokens added before they are closed. Slots come last:
    who comes to run depends on all else, and whoever has a namespace's turn then waits for nothing more.
    """
    _write_heads(cursor, statements, units)
    rows = units[0] if len(units) == 1 else _merged(units)
    if rows.events:
        statements.event.run(cursor, rows.events)
    if rows.tasks:
        statements.task.run(cursor, rows.tasks)
    if rows.closed_timers:
        cursor.executemany(statements.close_timer, rows.closed_timers)
    if rows.timers:
        statements.timer.run(cursor, rows.timers)
    _write_exchange(cursor, statements, rows)
    if rows.blobs:
        write_blobs(cursor, statements, rows.blobs)
    if rows.documents:
        write_documents(cursor, statements, rows.documents)
    if rows.appends:
        write_appends(cursor, statements, rows.appends)
    if rows.slots or rows.closed_slots or rows.promotions:
        write_slots(cursor, statements, rows)


def write_each(
    cursor: Cursor,
    statements: Statements,
    units: Sequence[Unit],
    own: Callable[[StateConflict, Unit], bool] = lambda conflict, unit: False,
) -> Results:
    """Write units one by one inside an open transaction; return what came of each.

    own: tells whether a unit that conflicts does so because it has been written already.
    """
    results: Results = []
    for unit in units:
        error = _write_one(cursor, statements, unit)
        if isinstance(error, StateConflict) and own(error, unit):
            error = None
        results.append((unit, error))
    return results


def _merged(units: Sequence[Unit]) -> Unit:
    # One unit that holds the lists of all; heads, beginnings and snapshots stay with theirs.
    lists: dict[str, Any] = {name: list(chain.from_iterable(map(attrgetter(name), units))) for name in LISTS}
    return Unit(**lists)


def _write_heads(cursor: Cursor, statements: Statements, units: Sequence[Unit]) -> None:
    going: list[Sequence[Any]] = []
    ending: list[Sequence[Any]] = []
    created, snapshots = [], []
    for unit in units:
        head = unit.head
        if head is None:
            if unit.created is not None:
                created.append(unit.created)
        elif head.ended_at is None:
            going.append((*head[:6], *head[7:]))
        else:
            ending.append(head)
        if unit.snapshot is not None:
            snapshots.append(unit.snapshot)
    if going:
        statements.move.run(cursor, going)
    if ending:
        statements.end.run(cursor, ending)
    if created:
        statements.create.run(cursor, created)
        labels = label_rows(created)
        if labels:
            statements.label.run(cursor, labels)
    if snapshots:
        statements.snapshot.run(cursor, snapshots)


def _write_exchange(cursor: Cursor, statements: Statements, rows: Unit) -> None:
    if rows.requests:
        statements.request.run(cursor, rows.requests)
    if rows.consumed:
        cursor.executemany(statements.consume, [(request_id,) for request_id in rows.consumed])
    if rows.tokens:
        statements.token.run(cursor, rows.tokens)
    if rows.closed_tokens:
        cursor.executemany(statements.close_token, [(token_hash,) for token_hash in rows.closed_tokens])


def _write_one(cursor: Cursor, statements: Statements, unit: Unit) -> StateBackendError | None:
    error = _try_one(cursor, statements, unit)
    # Whoever was quicker is seen by now.
    if error is not None and statements.dialect.raced(error):
        error = _try_one(cursor, statements, unit)
    return None if error is None else _refusal(error)


def _try_one(cursor: Cursor, statements: Statements, unit: Unit) -> Exception | None:
    conflict = _conflict(cursor, statements, unit)
    if conflict is not None:
        return conflict
    cursor.execute("SAVEPOINT unit")
    try:
        write_group(cursor, statements, [unit])
        cursor.settle()
    except Exception as error:
        if statements.dialect.fatal(error):
            raise
        cursor.execute("ROLLBACK TO unit")
        cursor.execute("RELEASE unit")
        return error
    cursor.execute("RELEASE unit")
    return None


def _conflict(cursor: Cursor, statements: Statements, unit: Unit) -> StateConflict | None:
    execution_id = unit.execution_id
    if execution_id is None:
        return None
    cursor.execute(statements.head, (execution_id,))
    found = cursor.fetchone()
    expected = unit.head and (unit.head.expected_seq, unit.head.expected_epoch)
    if (found and found[:2]) == expected:
        return None
    seq, epoch, owner = found or (0, 0, None)
    return StateConflict(execution_id, seq, epoch, owner)


def _refusal(error: Exception) -> StateBackendError:
    if isinstance(error, StateBackendError):
        return error
    return StateBackendError(f"A row cannot be stored: {type(error).__name__}: {error}.")
