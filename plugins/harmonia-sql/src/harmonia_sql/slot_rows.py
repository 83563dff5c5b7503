"""The rows of slots in a database: written with a unit, brought to run by `promote`, and listed."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import starmap
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Select,
    and_,
    bindparam,
    case,
    delete,
    func,
    literal_column,
    or_,
    select,
    text,
    update,
)

from harmonia_core import (
    Limit,
    Promotion,
    RequestRow,
    SlotQuery,
    SlotRow,
    Unit,
    limit_key,
    promote,
    read_limit,
)
from harmonia_sql import tables
from harmonia_sql.dialect import Cursor, Dialect
from harmonia_sql.statements import Insertion, Statements, deletion, insertion

PLACE, LIMITS = "harmonia", "harmonia.limits"
HOLDING, QUEUED = ("held", "leaving"), ("waiting", "asked")

_slot, _start, _head = tables.slot.c, tables.slot_start.c, tables.execution.c
_LINE = (_slot.priority.desc(), _slot.since, _slot.execution_id, _slot.seq, _slot.path)


def write_slots(cursor: Cursor, statements: Statements, unit: Unit) -> None:
    """Write the slots of units inside an open transaction, everything else of which is written."""
    texts = _texts(statements.dialect)
    if unit.closed_slots:
        cursor.executemany(texts.close, unit.closed_slots)
    if unit.slot_priorities:
        cursor.executemany(texts.prioritise, unit.slot_priorities)
    if unit.slots:
        texts.write.run(cursor, unit.slots)
    if unit.promotions:
        if statements.dialect.turn:
            for namespace in sorted({one[0] for one in unit.promotions}):
                cursor.execute(statements.dialect.turn, (f"slots {namespace}",))
        promote(_Rows(cursor, statements, texts), starmap(Promotion, unit.promotions))


@dataclass(frozen=True, slots=True)
class _Texts:
    """Hold the statements, compiled once per dialect."""

    write: Insertion
    begin: Insertion
    close: str
    prioritise: str
    limit: str
    used: str
    waiting: str
    behind: str
    unasked: str
    wants: str
    oldest: str
    mark: str
    count: str
    forget: str


@lru_cache(maxsize=8)
def _texts(dialect: Dialect) -> _Texts:
    of_key = (_slot.namespace == bindparam("namespace"), _slot.key == bindparam("key"))
    mine = (_slot.execution_id == bindparam("id"), _slot.path == bindparam("path"))
    document, line = tables.document.c, _line()
    kept = text(f"document.namespace = '{PLACE}' AND document.collection = '{LIMITS}'")
    used = select(func.coalesce(func.sum(_slot.units), literal_column("0")))
    starts = (_start.namespace == bindparam("namespace"), _start.key == bindparam("key"))
    asks = and_(_slot.state == literal_column("'waiting'"), _slot.policy != literal_column("'queue'"))
    held = select(tables.slot).where(*of_key, text("state = 'held'"))
    ordered = held.order_by(_slot.moved, _slot.execution_id, _slot.path)
    of = dialect.text_of
    return _Texts(
        insertion(dialect, tables.slot, onto="replace"),
        insertion(dialect, tables.slot_start, onto="keep"),
        deletion(dialect, tables.slot, "execution_id", "path"),
        of(update(tables.slot).values(priority=bindparam("p")).where(_slot.execution_id == bindparam("id"))),
        of(select(document.value).where(kept, document.key == bindparam("key"))),
        of(used.where(*of_key, text("state IN ('held', 'leaving')"))),
        of(_in_line(line)) + " LIMIT ?",
        of(_in_line(line, _behind())) + " LIMIT ?",
        of(_in_line(line, asks)),
        of(select(tables.slot).where(*mine).order_by(_slot.key)),
        of(ordered) + " LIMIT 1",
        of(update(tables.slot).ordered_values((_slot.state, bindparam("s")), (_slot.moved, bindparam("m")))
           .where(*mine)),
        of(select(func.count()).select_from(tables.slot_start).where(*starts)),
        of(delete(tables.slot_start).where(*starts, _start.at <= bindparam("at"))),
    )  # fmt: skip


def _line() -> FromClause:
    going = and_(_head.execution_id == _slot.execution_id, text("execution.status <> 'paused'"))
    return tables.slot.join(tables.execution, going)


def _in_line(line: FromClause, *more: ColumnElement[bool]) -> Select[Any]:
    """Return the question who waits for a limit, in their order."""
    return (
        select(tables.slot)
        .select_from(line)
        .where(_slot.namespace == bindparam("namespace"), _slot.key == bindparam("key"))
        .where(text("slot.state IN ('waiting', 'asked')"), *more)
        .order_by(*_LINE)
    )


def _behind() -> ColumnElement[bool]:
    """Return what is true of those who stand behind a place: (priority, priority, since, since, id, ...)."""
    found: ColumnElement[bool] = _slot.path > bindparam("path")
    for column in (_slot.seq, _slot.execution_id, _slot.since):
        here, there = (bindparam(f"{column.name}{number}", type_=column.type) for number in (1, 2))
        found = or_(column > here, and_(column == there, found))
    return or_(_slot.priority < bindparam("p1"), and_(_slot.priority == bindparam("p2"), found))


class _Rows:
    """The rows of one database, as `promote` sees them."""

    def __init__(self, cursor: Cursor, statements: Statements, texts: _Texts) -> None:
        self._cursor, self._statements, self._texts = cursor, statements, texts

    def _all(self, sql: str, *parameters: object) -> list[SlotRow]:
        self._cursor.execute(sql, parameters)
        return [SlotRow._make(row) for row in self._cursor.fetchall()]

    def _one(self, sql: str, *parameters: object) -> object:
        self._cursor.execute(sql, parameters)
        row = self._cursor.fetchone()
        return None if row is None else row[0]

    def limit(self, namespace: str, key: str) -> Limit | None:
        found = self._one(self._texts.limit, limit_key(namespace, key))
        return None if found is None else read_limit(key, json.loads(str(found)))

    def used(self, namespace: str, key: str) -> int:
        return int(self._one(self._texts.used, namespace, key))  # type: ignore[call-overload, no-any-return]

    def waiting(self, namespace: str, key: str, behind: SlotRow | None, most: int) -> Sequence[SlotRow]:
        if behind is None:
            return self._all(self._texts.waiting, namespace, key, most)
        one = behind
        since, whose, seq = (one.since,) * 2, (one.execution_id,) * 2, (one.seq,) * 2
        place = one.priority, one.priority, *since, *whose, *seq, one.path
        return self._all(self._texts.behind, namespace, key, *place, most)

    def unasked(self, namespace: str, key: str) -> Sequence[SlotRow]:
        return self._all(self._texts.unasked, namespace, key)

    def wants(self, row: SlotRow) -> Sequence[SlotRow]:
        return self._all(self._texts.wants, row.execution_id, row.path)

    def oldest(self, namespace: str, key: str) -> SlotRow | None:
        return next(iter(self._all(self._texts.oldest, namespace, key)), None)

    def mark(self, row: SlotRow, state: str, at: float) -> None:
        self._cursor.execute(self._texts.mark, (state, at, row.execution_id, row.path))

    def starts(self, namespace: str, key: str, since: float) -> int:
        self._cursor.execute(self._texts.forget, (namespace, key, since))
        return int(self._one(self._texts.count, namespace, key))  # type: ignore[call-overload, no-any-return]

    def begun(self, row: SlotRow, at: float) -> None:
        self._texts.begin.run(
            self._cursor, [(row.namespace, row.key, at, row.execution_id, row.path, row.seq)]
        )

    def tell(self, requests: Sequence[RequestRow]) -> None:
        self._statements.request.run(self._cursor, requests)


def slots(core: Connection, query: SlotQuery) -> list[SlotRow]:
    """Return rows by limit, those that hold first, then those that wait in their order."""
    wanted = {name: getattr(query, name) for name in ("namespace", "key", "execution_id", "path")}
    found = select(tables.slot).where(
        *(_slot[name] == value for name, value in wanted.items() if value is not None)
    )
    queued = case((_slot.state.in_(HOLDING), 0), else_=1)
    ordered = found.order_by(_slot.namespace, _slot.key, queued, *_LINE)
    return [SlotRow._make(row) for row in core.execute(ordered)]
