"""Pages of executions, each read in the order of an index whatever the size of the store.

What selects few leads: labels, family, origin and definition have indexes in the order of ids, ends one in
their own order. Without them, ended executions are indexed by status, by namespace and status, and by
workflow and status, and those that go on by a small index of their own. So a page is then merged from one
question for each final status and one for all others: each finds its rows in order and stops after a page.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, literal, select, text, tuple_

from harmonia_core import ExecutionQuery, ExecutionRow
from harmonia_sql import tables
from harmonia_sql.label_rows import key_place, value_place
from harmonia_sql.origins import OriginId

# Rows read at once where more has to be looked at than the columns: what an error says, who began it.
LOOKED_AT = 500
# These end without an error.
UNFAILING = frozenset({"completed", "continued"})

_row, _label = tables.execution.c, tables.execution_label.c
_END = (_row.ended_at, _row.execution_id)


def page(core: Connection, query: ExecutionQuery) -> tuple[list[ExecutionRow], str | None]:
    """Return one page of what a query selects, and the cursor of the next."""
    found = {row.execution_id: row for one in listings(query) for row in _asked(core, one, query)}
    rows = sorted(found.values(), key=_end_of if query.ended else _id_of, reverse=True)
    shown = rows[: query.limit]
    if not shown or len(rows) <= query.limit:
        return shown, None
    return shown, query.cursor_behind(shown[-1])


def _id_of(row: ExecutionRow) -> str:
    return row.execution_id


def _end_of(row: ExecutionRow) -> tuple[float, str]:
    return row.ended_at or 0.0, row.execution_id


def _asked(core: Connection, question: Select[Any], query: ExecutionQuery) -> Iterator[ExecutionRow]:
    """Yield the first of a question's rows that a query selects: one more than it wants."""
    least = LOOKED_AT if query.failing or query.actor is not None else 0
    left, behind = query.limit + 1, None
    while left:
        part, size = question if behind is None else _behind(question, query, behind), max(left, least)
        rows = [ExecutionRow._make(row) for row in core.execute(part.limit(size))]
        kept = [row for row in rows if query.matches_json(row)][:left]
        yield from kept
        left = 0 if len(rows) < size else left - len(kept)
        behind = rows[-1] if rows else None


def _behind(question: Select[Any], query: ExecutionQuery, row: ExecutionRow) -> Select[Any]:
    if query.ended:
        return question.where(tuple_(*_END) < tuple_(*map(literal, _end_of(row))))
    return question.where((_label if query.labels else _row).execution_id < row.execution_id)


def listings(query: ExecutionQuery) -> list[Select[Any]]:
    """Return the questions whose answers, merged, are the executions that a query selects."""
    if query.ended:
        return [_by_end(query)]
    if query.labels:
        return [_labelled(query)]
    if query.root is not None:
        itself = _row.execution_id == query.root
        return [_selected(query).where(itself), _selected(query).where(_row.execution_id != _row.root_id)]
    if any(one is not None for one in (query.parent, query.origin, query.definition_hash)):
        return [_selected(query)]
    if not query.status and query.namespace is None and query.workflow is None and not query.failing:
        return [_selected(query)]
    return _by_status(query)


def _by_status(query: ExecutionQuery) -> list[Select[Any]]:
    # Those that go on come first: one that ends between two questions is found twice, never missed.
    found, every = [], replace(query, status=())
    live = [status for status in query.status if status not in tables.FINAL_STATUSES]
    if not query.failing and (live or not query.status):
        going_on = _selected(every).where(text(tables.UNFINISHED))
        found.append(going_on.where(_row.status.in_(live)) if live else going_on)
    ended = [one for one in tables.FINAL_STATUSES if one in query.status or not query.status]
    wanted = (one for one in ended if not (query.failing and one in UNFAILING))
    return found + [_selected(every).where(_row.status == one, text(tables.ENDED)) for one in wanted]


def _selected(query: ExecutionQuery, ids: Any = _row.execution_id) -> Select[Any]:
    """Return the question for everything that columns tell, newest first. ids: the column to go along."""
    found = _filtered(select(tables.execution), query).order_by(ids.desc())
    if query.cursor is not None:
        found = found.where(ids < query.cursor)
    return _begun(found, query, ids)


def _begun(found: Select[Any], query: ExecutionQuery, ids: Any) -> Select[Any]:
    first, stop = query.ids
    if first is not None:
        found = found.where(ids >= first)
    return found if stop is None else found.where(ids < stop)


def _labelled(query: ExecutionQuery) -> Select[Any]:
    """Return the question along the first label with a value, or the first one."""
    first, *others = sorted(query.labels, key=lambda label: label[1] is None)
    found = _selected(query, _label.execution_id).join_from(
        tables.execution, tables.execution_label, _label.execution_id == _row.execution_id
    )
    found = found.where(_label.key == key_place(first[0]))
    if first[1] is not None:
        found = found.where(_label.value == value_place(first[1]))
    return _with_labels(found, others)


def _by_end(query: ExecutionQuery) -> Select[Any]:
    found = _filtered(select(tables.execution), query).where(text(tables.ENDED))
    found = found.order_by(*(column.desc() for column in _END))
    if query.ended_from is not None:
        found = found.where(_row.ended_at >= query.ended_from)
    if query.ended_to is not None:
        found = found.where(_row.ended_at < query.ended_to)
    if query.behind is not None:
        found = found.where(tuple_(*_END) < tuple_(*map(literal, query.behind)))
    return _with_labels(_begun(found, query, _row.execution_id), query.labels)


def _with_labels(found: Select[Any], labels: Iterable[tuple[str, str | None]]) -> Select[Any]:
    for key, value in labels:
        one = tables.execution_label.alias()
        there = select(literal(1)).where(one.c.execution_id == _row.execution_id, one.c.key == key_place(key))
        if value is not None:
            there = there.where(one.c.value == value_place(value))
        found = found.where(there.exists())
    return found


def _filtered(found: Select[Any], query: ExecutionQuery) -> Select[Any]:
    wanted = (
        (_row.namespace, query.namespace),
        (_row.workflow, query.workflow),
        (_row.version, query.version),
        (_row.definition_hash, query.definition_hash),
        (_row.parent_id, query.parent),
        (_row.reason, query.reason),
        (_row.root_id, query.root),
        (OriginId(), query.origin),
    )
    # What is listed by end goes along that index, not along one of these with a sort behind it.
    shape = _unindexed if query.ended else _as_it_is
    for column, value in wanted:
        if value is not None:
            found = found.where(shape(column) == value)
    if query.origin is not None:
        found = found.where(text("origin IS NOT NULL"))
    if query.failing:
        found = found.where(_row.error.is_not(None))
    if query.started_from is not None:
        found = found.where(_row.started_at >= query.started_from)
    if query.started_to is not None:
        found = found.where(_row.started_at < query.started_to)
    return found.where(shape(_row.status).in_(query.status)) if query.status else found


def _as_it_is(column: ColumnElement[Any]) -> ColumnElement[Any]:
    return column


def _unindexed(column: ColumnElement[Any]) -> ColumnElement[Any]:
    return column.concat("")
