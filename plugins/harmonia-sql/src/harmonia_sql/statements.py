"""The writer's statements: built with Core, compiled once to SQL text for the driver's cursor.

Core's own execution costs half of what a small commit costs; compiling the few
hot statements keeps the dialect in Core's hands and the time in the driver's.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Protocol

from sqlalchemy import (
    ColumnElement,
    Select,
    Table,
    bindparam,
    delete,
    func,
    literal_column,
    select,
    text,
    update,
)
from sqlalchemy.dialects.sqlite import dialect as sqlite_dialect
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.sql.expression import ClauseElement

from harmonia_sql import tables

# Rows per statement. Each statement releases the interpreter once, and taking it back from a
# busy event loop may cost 5 ms: few large statements are up to 15 times as quick as many small ones.
MOST_ROWS = 256

# What a HeadWrite sets, in its order. While an execution goes on, `ended_at` stays empty and is
# left alone, which saves writing the index of unfinished executions.
ENDING = ("seq", "epoch", "owner", "status", "reason", "error", "ended_at")
GOING_ON = ENDING[:-1]

_dialect = sqlite_dialect(paramstyle="qmark")


class Cursor(Protocol):
    """What a driver's cursor must do here."""

    @property
    def rowcount(self) -> int:
        """Return how many rows the last statement touched."""
        ...

    def execute(self, sql: str, parameters: Sequence[Any] = (), /) -> Any:
        """Run one statement."""
        ...

    def executemany(self, sql: str, parameters: Any, /) -> Any:
        """Run one statement for each row of parameters."""
        ...

    def fetchone(self) -> Any:
        """Return the next row, or None."""
        ...

    def fetchall(self) -> list[Any]:
        """Return the rows that are left."""
        ...


def text_of(statement: ClauseElement) -> str:
    """Compile a statement for SQLite with `?` for each parameter, in order of appearance."""
    return str(statement.compile(dialect=_dialect))


@dataclass(slots=True)
class Insertion:
    """Insert many rows of one table with few statements.

    head, group, tail: the statement around its `VALUES` group, which is repeated.
    """

    head: str
    group: str
    tail: str
    _texts: dict[int, str] = field(default_factory=dict)

    @classmethod
    def of(cls, statement: ClauseElement) -> "Insertion":
        """Cut a compiled one-row insert at its group of parameters."""
        head, values, rest = text_of(statement).partition(" VALUES ")
        end = rest.index(")") + 1
        return cls(head + values, rest[:end], rest[end:])

    def run(self, cursor: Cursor, rows: Sequence[Sequence[Any]]) -> int:
        """Insert rows in their order; return how many rows the database touched."""
        start, left, touched = 0, len(rows), 0
        while left:
            # Powers of two: nine texts serve any number, and the driver keeps them all prepared.
            count = min(MOST_ROWS, 1 << (left.bit_length() - 1))
            cursor.execute(self._text(count), tuple(chain.from_iterable(rows[start : start + count])))
            start, left, touched = start + count, left - count, touched + cursor.rowcount
        return touched

    def _text(self, count: int) -> str:
        found = self._texts.get(count)
        if found is None:
            found = self._texts[count] = self.head + ", ".join([self.group] * count) + self.tail
        return found


def insertion(table: Table, *, onto: str = "refuse", omit: str = "") -> Insertion:
    """Return the insertion of a table's rows; `onto` says what a row already there does.

    onto: `refuse` (integrity error), `keep` (the old row stays) or `replace`.
    omit: a column that the database fills.
    """
    names = [column.name for column in table.c if column.name != omit]
    new = insert(table).values({name: bindparam(name) for name in names})
    if onto == "keep":
        return Insertion.of(new.on_conflict_do_nothing())
    if onto == "replace":
        keys = [column.name for column in table.primary_key]
        rest = {name: new.excluded[name] for name in names if name not in keys}
        return Insertion.of(new.on_conflict_do_update(index_elements=keys, set_=rest))
    return Insertion.of(new)


def deletion(table: Table, *columns: str) -> str:
    """Return the text that deletes by equality of columns."""
    statement = delete(table)
    for name in columns:
        statement = statement.where(table.c[name] == bindparam(name))
    return text_of(statement)


def _head_update(*moved: str) -> str:
    row = tables.execution.c
    statement = (
        update(tables.execution)
        .ordered_values(*((row[name], bindparam(f"new_{name}")) for name in moved))
        .where(row.execution_id == bindparam("id"))
        .where(row.seq == bindparam("expected_seq"), row.epoch == bindparam("expected_epoch"))
    )
    if "ended_at" not in moved:
        statement = statement.where(row.ended_at.is_(None))
    return text_of(statement)


def _heads_update(*moved: str) -> Insertion:
    # The same for many rows in one step. SQLite names the columns of VALUES column1, column2, ...
    sets = ", ".join(f"{name} = moved.column{place}" for place, name in enumerate(moved, 1))
    keys = ("execution_id", "seq", "epoch")
    same = " AND ".join(f"execution.{k} = moved.column{n}" for n, k in enumerate(keys, len(moved) + 1))
    unended = "" if "ended_at" in moved else " AND execution.ended_at IS NULL"
    group = f"({', '.join('?' * (len(moved) + len(keys)))})"
    return Insertion(f"UPDATE execution SET {sets} FROM (VALUES ", group, f") AS moved WHERE {same}{unended}")


def _next_in_stream() -> str:
    # Parameters: namespace, stream, namespace, stream, value.
    stream = tables.document_stream
    here = (stream.c.namespace == bindparam("namespace"), stream.c.stream == bindparam("stream"))
    last = func.coalesce(func.max(stream.c.position), literal_column("0"))
    place = select(last + literal_column("1")).where(*here).scalar_subquery()
    row = select(bindparam("n"), bindparam("s"), place, bindparam("v"))
    return text_of(insert(stream).from_select(["namespace", "stream", "position", "value"], row))


class Statements:
    """Hold the compiled statements of the writer; build it once per process."""

    def __init__(self) -> None:
        self.move_head = _head_update(*GOING_ON)
        self.move_heads = _heads_update(*GOING_ON)
        self.end_head = _head_update(*ENDING)
        self.end_heads = _heads_update(*ENDING)
        self.create = insertion(tables.execution)
        self.event = insertion(tables.event)
        self.task = insertion(tables.task, onto="replace")
        self.timer = insertion(tables.timer, onto="replace")
        self.close_timer = deletion(tables.timer, "execution_id", "path", "kind")
        self.request = insertion(tables.request, onto="keep", omit="arrival")
        self.consume = deletion(tables.request, "request_id")
        self.token = insertion(tables.completion_token, onto="keep")
        self.close_token = deletion(tables.completion_token, "token_hash")
        self.snapshot = insertion(tables.snapshot, onto="replace")
        self.blob = insertion(tables.blob, onto="keep")
        self.chunk = insertion(tables.blob_chunk, onto="replace")
        self.drop_chunks = deletion(tables.blob_chunk, "upload_id")
        self.reference = insertion(tables.blob_reference, onto="keep")
        self.heartbeat = insertion(tables.heartbeat, onto="replace")
        self.engine = insertion(tables.engine, onto="replace")
        self.document = insertion(tables.document, onto="replace")
        self.drop_document = deletion(tables.document, "namespace", "collection", "key")
        self.index = insertion(tables.document_index)
        self.drop_index = deletion(tables.document_index, "namespace", "collection", "key")
        self.append = _next_in_stream()
        row = tables.execution.c
        self.head = text_of(_by(select(row.seq, row.epoch, row.owner), row.execution_id))
        doc, blob, chunk = tables.document.c, tables.blob.c, tables.blob_chunk.c
        self.version = text_of(_by(select(doc.version), doc.namespace, doc.collection, doc.key))
        self.stored_blob = text_of(_by(select(blob.upload_id), blob.namespace, blob.address))
        size = func.coalesce(func.sum(func.length(chunk.data)), literal_column("0"))
        self.uploaded = text_of(_by(select(size), chunk.upload_id))

        self.drop_engine = deletion(tables.engine, "engine_id")
        owners = select(row.owner).where(text(tables.UNFINISHED), row.owner.is_not(None))
        idle = select(tables.engine.c.engine_id).where(tables.engine.c.engine_id.not_in(owners))
        self.idle_engines = text_of(idle)


def _by(statement: Select[Any], *columns: ColumnElement[Any]) -> Select[Any]:
    for place, column in enumerate(columns):
        statement = statement.where(column == bindparam(f"key{place}"))
    return statement
