"""Questions about documents and streams."""

import json
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, select, tuple_

from harmonia_core import Document, DocumentQuery
from harmonia_sql import tables
from harmonia_sql.document_rows import place_of

_document = tables.document.c


def document(core: Connection, namespace: str, collection: str, key: str) -> Document | None:
    """Return one document."""
    here = (_document.namespace == namespace, _document.collection == collection, _document.key == key)
    row = core.execute(select(_document.value, _document.version).where(*here)).first()
    return Document(key, json.loads(row.value), row.version) if row else None


def find_documents(core: Connection, query: DocumentQuery) -> tuple[list[Document], str | None]:
    """Return one page; its cursor is the place of the last document in the order asked for."""
    name, descending = query.order.lstrip("-"), query.order.startswith("-")
    found, places = select(_document.key, _document.value, _document.version), [_document.key]
    if name:
        order = tables.document_index.alias("place")
        found = found.join_from(order, tables.document, _about(order, query, name))
        places = [order.c.place, order.c.key]
        found = found.add_columns(order.c.place)
    else:
        found = found.where(_document.namespace == query.namespace, _document.collection == query.collection)
    for number, (field, value) in enumerate(query.where):
        condition = tables.document_index.alias(f"condition{number}")
        found = found.join(condition, _about(condition, query, field))
        found = found.where(condition.c.place == place_of(value))
        if not name and not number:
            # The index of the first condition has the keys in order: only what matches is read.
            places = [condition.c.key]
    if query.cursor is not None:
        last = tuple_(*json.loads(query.cursor)[-len(places) :])
        found = found.where(tuple_(*places) < last if descending else tuple_(*places) > last)
    found = found.order_by(*(place.desc() if descending else place for place in places))
    rows = core.execute(found.limit(query.limit + 1)).all()
    page = rows[: query.limit]
    more = bool(page) and len(rows) > len(page)
    cursor = json.dumps([*page[-1][3:], page[-1].key]) if more else None
    return [Document(row.key, json.loads(row.value), row.version) for row in page], cursor


def _about(index: Any, query: DocumentQuery, field: str) -> ColumnElement[bool]:
    return and_(
        index.c.namespace == query.namespace,
        index.c.collection == query.collection,
        index.c.field == field,
        index.c.key == _document.key,
        _document.namespace == query.namespace,
        _document.collection == query.collection,
    )


def stream(core: Connection, namespace: str, stream: str, after: int, limit: int) -> list[tuple[int, Any]]:
    """Return values of a stream behind a position, ascending."""
    row = tables.document_stream.c
    here = (row.namespace == namespace, row.stream == stream, row.position > after)
    found = select(row.position, row.value).where(*here).order_by(row.position).limit(limit)
    return [(place, json.loads(value)) for place, value in core.execute(found)]
