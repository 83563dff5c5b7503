"""Write an execution's projections anew, under the fence of its head."""

from collections.abc import Callable, Mapping, Sequence

from sqlalchemy import bindparam, update

from harmonia_core import ExecutionRow, SlotRow, StateConflict, TaskRow, TimerRow, mending
from harmonia_sql import tables
from harmonia_sql.dialect import Cursor
from harmonia_sql.label_rows import label_rows
from harmonia_sql.slot_rows import write_slots
from harmonia_sql.statements import Statements, deletion

# Truths: they are compared, or belong to others.
KEPT = frozenset({"execution_id", "namespace", "seq", "epoch", "owner"})


def replacement(
    head: ExecutionRow,
    tasks: Sequence[TaskRow],
    timers: Sequence[TimerRow],
    drop_snapshots: Sequence[int],
    slots: Mapping[str, Sequence[SlotRow]],
) -> Callable[[Cursor, Statements], None]:
    """Return the write that puts projections in place of those that stand; it raises StateConflict."""
    key = (head.execution_id,)

    def write(cursor: Cursor, statements: Statements) -> None:
        dialect = statements.dialect
        _replace_head(cursor, statements, head)
        for table in (tables.task, tables.timer, tables.execution_label):
            cursor.execute(deletion(dialect, table, "execution_id"), key)
        statements.task.run(cursor, tasks)
        statements.timer.run(cursor, timers)
        statements.label.run(cursor, label_rows([head]))
        snapshots = deletion(dialect, tables.snapshot, "execution_id", "seq")
        for seq in drop_snapshots:
            cursor.execute(snapshots, (head.execution_id, seq))
        write_slots(cursor, statements, mending(head.execution_id, slots))

    return write


def _replace_head(cursor: Cursor, statements: Statements, head: ExecutionRow) -> None:
    # The update locks the row, so that what is compared next cannot move before the commit.
    row = tables.execution.c
    names = [name for name in ExecutionRow._fields if name not in KEPT]
    statement = (
        update(tables.execution)
        .ordered_values(*((row[name], bindparam(f"new_{name}")) for name in names))
        .where(row.execution_id == bindparam("id"))
        .returning(row.seq, row.epoch, row.owner)
    )
    text = statements.dialect.text_of(statement)
    cursor.execute(text, (*(getattr(head, name) for name in names), head.execution_id))
    found = cursor.fetchone()
    if found is None or tuple(found) != (head.seq, head.epoch, head.owner):
        raise StateConflict(head.execution_id, *(found or (0, 0, None)))
