"""The writer's statements: built with Core, compiled once to SQL text for the driver's cursor.

Core's own execution costs half of what a small commit costs; compiling the few
hot statements keeps the dialect in Core's hands and the time in the driver's.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from operator import itemgetter
from typing import Any

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

from harmonia_sql import tables
from harmonia_sql.dialect import Cursor, Dialect

# Rows per statement. Each statement releases the interpreter once, and taking it back from a
# busy event loop may cost 5 ms: few large statements are up to 15 times as quick as many small ones.
MOST_ROWS = 256

# What a HeadWrite sets, in its order. While an execution goes on, `ended_at` stays empty and is
# left alone, which saves writing the index of unfinished executions.
ENDING = ("seq", "epoch", "owner", "status", "reason", "error", "ended_at")
GOING_ON = ENDING[:-1]

_owner, _engine_id = tables.execution.c.owner, tables.engine.c.engine_id
# Engines that own nothing unfinished.
IDLE_ENGINES = select(_engine_id).where(
    _engine_id.not_in(select(_owner).where(text(tables.UNFINISHED), _owner.is_not(None)))
)

Rows = Sequence[Sequence[Any]]


def _parts(rows: Rows) -> Iterator[Rows]:
    # Powers of two: nine texts serve any number of rows, and the driver keeps them all prepared.
    start, left = 0, len(rows)
    while left:
        count = min(MOST_ROWS, 1 << (left.bit_length() - 1))
        yield rows[start : start + count]
        start, left = start + count, left - count


@dataclass(slots=True)
class Insertion:
    """Insert many rows of one table with few statements.

    head, group, tail: the statement around its `VALUES` group, which is repeated.
    unique: leading columns by which a statement must not meet a row twice (the later one counts); 0: it may.
    """

    head: str
    group: str
    tail: str
    unique: int = 0
    _texts: dict[int, str] = field(default_factory=dict)

    @classmethod
    def of(cls, sql: str, unique: int = 0) -> "Insertion":
        """Cut the text of a one-row insert at its group of parameters."""
        head, values, rest = sql.partition(" VALUES ")
        end = rest.index(")") + 1
        return cls(head + values, rest[:end], rest[end:], unique)

    def run(self, cursor: Cursor, rows: Rows) -> None:
        """Insert rows in their order."""
        if self.unique and len(rows) > 1:
            rows = list({tuple(row[: self.unique]): row for row in rows}.values())
        for part in _parts(rows):
            cursor.execute(self.text(len(part)), tuple(chain.from_iterable(part)))

    def text(self, count: int) -> str:
        """Return the statement for so many rows."""
        found = self._texts.get(count)
        if found is None:
            found = self._texts[count] = self.head + ", ".join([self.group] * count) + self.tail
        return found


# A HeadWrite ends with the id and what is expected.
_moved_id = itemgetter(-3)


@dataclass(slots=True)
class Moves:
    """Move heads by compare-and-set, one by one if they are few, else many with one statement.

    one: the checked update of one head. many: the update of many; `checked` makes it one that fails.
    """

    one: str
    many: Insertion
    dialect: Dialect
    _texts: dict[int, str] = field(default_factory=dict)

    def run(self, cursor: Cursor, rows: Rows) -> None:
        """Move heads; the transaction fails with Discord if one of them stands elsewhere."""
        if len(rows) < self.dialect.few_heads:
            for row in rows:
                cursor.expect(self.one, row, 1)
            return
        # In the order of their ids: two engines that want the same heads wait, and do not block each other.
        for part in _parts(sorted(rows, key=_moved_id)):
            cursor.expect(self._text(len(part)), tuple(chain.from_iterable(part)), len(part))

    def _text(self, count: int) -> str:
        found = self._texts.get(count)
        if found is None:
            found = self._texts[count] = self.dialect.checked(self.many.text(count), count)
        return found


def insertion(dialect: Dialect, table: Table, *, onto: str = "refuse", omit: str = "") -> Insertion:
    """Return the insertion of a table's rows; `onto` says what a row already there does.

    onto: `refuse` (integrity error), `keep` (the old row stays) or `replace`.
    omit: a column that the database fills.
    """
    names = [column.name for column in table.c if column.name != omit]
    new, unique = dialect.insert(table).values({name: bindparam(name) for name in names}), 0
    if onto == "keep":
        new = new.on_conflict_do_nothing()
    elif onto == "replace":
        keys = [column.name for column in table.primary_key]
        rest = {name: new.excluded[name] for name in names if name not in keys}
        new = new.on_conflict_do_update(index_elements=keys, set_=rest)
        # The columns of a key stand first in every table.
        unique = 0 if dialect.touches_twice else len(keys)
    return Insertion.of(dialect.text_of(new), unique)


def deletion(dialect: Dialect, table: Table, *columns: str) -> str:
    """Return the text that deletes by equality of columns."""
    statement = delete(table)
    for name in columns:
        statement = statement.where(table.c[name] == bindparam(name))
    return dialect.text_of(statement)


def moves(dialect: Dialect, *moved: str) -> Moves:
    """Return the statements that set these columns of heads, then compare id, seq and epoch."""
    row = tables.execution.c
    one = (
        update(tables.execution)
        .ordered_values(*((row[name], bindparam(f"new_{name}")) for name in moved))
        .where(row.execution_id == bindparam("id"))
        .where(row.seq == bindparam("expected_seq"), row.epoch == bindparam("expected_epoch"))
    )
    if "ended_at" not in moved:
        one = one.where(row.ended_at.is_(None))
    return Moves(dialect.checked(dialect.text_of(one), 1), _many(dialect, *moved), dialect)


def _many(dialect: Dialect, *moved: str) -> Insertion:
    # The columns of VALUES are named column1, column2, ...
    keys = ("execution_id", "seq", "epoch")
    sets = ", ".join(f"{name} = moved.column{place}" for place, name in enumerate(moved, 1))
    same = " AND ".join(f"execution.{k} = moved.column{n}" for n, k in enumerate(keys, len(moved) + 1))
    unended = "" if "ended_at" in moved else " AND execution.ended_at IS NULL"
    columns = (tables.execution.c[name] for name in (*moved, *keys))
    group = f"({', '.join(map(dialect.placeholder, columns))})"
    return Insertion(f"UPDATE execution SET {sets} FROM (VALUES ", group, f") AS moved WHERE {same}{unended}")


def _next_in_stream(dialect: Dialect) -> str:
    # Parameters: namespace, stream, namespace, stream, value.
    stream = tables.document_stream
    here = (stream.c.namespace == bindparam("namespace"), stream.c.stream == bindparam("stream"))
    last = func.coalesce(func.max(stream.c.position), literal_column("0"))
    place = select(last + literal_column("1")).where(*here).scalar_subquery()
    row = select(bindparam("n"), bindparam("s"), place, bindparam("v"))
    new = dialect.insert(stream).from_select(["namespace", "stream", "position", "value"], row)
    return dialect.text_of(new)


class Statements:
    """Hold the compiled statements of the writer; build it once per store."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect

        def into(table: Table, onto: str = "refuse", omit: str = "") -> Insertion:
            return insertion(dialect, table, onto=onto, omit=omit)

        def drop(table: Table, *columns: str) -> str:
            return deletion(dialect, table, *columns)

        self.move = moves(dialect, *GOING_ON)
        self.end = moves(dialect, *ENDING)
        self.create = into(tables.execution)
        self.label = into(tables.execution_label, "keep")
        self.event = into(tables.event)
        self.task = into(tables.task, "replace")
        self.timer = into(tables.timer, "replace")
        self.close_timer = drop(tables.timer, "execution_id", "path", "kind")
        self.request = into(tables.request, "keep", omit="arrival")
        self.consume = drop(tables.request, "request_id")
        self.token = into(tables.completion_token, "keep")
        self.close_token = drop(tables.completion_token, "token_hash")
        self.snapshot = into(tables.snapshot, "replace")
        self.blob = into(tables.blob, "keep")
        self.chunk = into(tables.blob_chunk, "replace")
        self.drop_chunks = drop(tables.blob_chunk, "upload_id")
        self.upload = into(tables.upload, "keep")
        self.close_upload = drop(tables.upload, "upload_id")
        self.reference = into(tables.blob_reference, "keep")
        self.heartbeat = into(tables.heartbeat, "replace")
        self.activity = into(tables.activity, "keep")
        self.engine = into(tables.engine, "replace")
        self.drop_engine = drop(tables.engine, "engine_id")
        self.new_document = into(tables.document)
        self.document = into(tables.document, "replace")
        self.drop_document = drop(tables.document, "namespace", "collection", "key")
        self.index = into(tables.document_index)
        self.drop_index = drop(tables.document_index, "namespace", "collection", "key")
        self.append = _next_in_stream(dialect)
        self._compile_questions()

    def _compile_questions(self) -> None:
        text_of = self.dialect.text_of
        said = tables.activity.c
        old = said.execution_id == bindparam("execution_id"), said.position <= bindparam("last")
        self.drop_activity = text_of(delete(tables.activity).where(*old))
        row, doc = tables.execution.c, tables.document.c
        blob, chunk = tables.blob.c, tables.blob_chunk.c
        # What is compared before it is written stays as it was read (SQLite has one writer anyway).
        head = _by(select(row.seq, row.epoch, row.owner), row.execution_id).with_for_update()
        self.head = text_of(head)
        version = _by(select(doc.version), doc.namespace, doc.collection, doc.key).with_for_update()
        self.version = text_of(version)
        # Held until the reference beside it is committed, so that nobody deletes the blob meanwhile.
        stored = _by(select(blob.upload_id), blob.namespace, blob.address)
        self.stored_blob = text_of(stored.with_for_update(read=True, key_share=True))
        size = func.coalesce(func.sum(func.length(chunk.data)), literal_column("0"))
        self.uploaded = text_of(_by(select(size), chunk.upload_id))
        self.idle_engines = text_of(IDLE_ENGINES)


def _by(statement: Select[Any], *columns: ColumnElement[Any]) -> Select[Any]:
    for place, column in enumerate(columns):
        statement = statement.where(column == bindparam(f"key{place}"))
    return statement
