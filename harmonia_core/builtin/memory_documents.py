"""Select documents of a memory store: conditions, order, cursor. Pure.

Values order as in every backend: nothing, then numbers, then text. A document
written without a field is not found by it.
"""

import json
from collections.abc import Mapping

from harmonia_core.builtin.memory_store import Stored
from harmonia_core.contracts.rows import Document
from harmonia_core.contracts.state_backend import DocumentQuery

Place = tuple[tuple[int, str | float], str]


def document_page(
    collection: Mapping[str, Stored], query: DocumentQuery
) -> tuple[list[Document], str | None]:
    """Return one page and the cursor of the next; the cursor is the last document's place."""
    name, descending = query.order.lstrip("-"), query.order.startswith("-")
    places = sorted(
        (_place(key, stored, name) for key, stored in collection.items() if _matches(stored, name, query)),
        reverse=descending,
    )
    if query.cursor is not None:
        after = _read_cursor(query.cursor)
        places = [place for place in places if (place < after if descending else place > after)]
    page = places[: query.limit]
    documents = [Document(key, json.loads(collection[key].value), collection[key].version) for _, key in page]
    return documents, json.dumps(page[-1]) if len(places) > len(page) else None


def _matches(stored: Stored, order: str, query: DocumentQuery) -> bool:
    if order and order not in stored.fields:
        return False
    return all(name in stored.fields and stored.fields[name] == value for name, value in query.where)


def _place(key: str, stored: Stored, order: str) -> Place:
    value = stored.fields[order] if order else None
    if value is None:
        return (0, 0), key
    return (2 if isinstance(value, str) else 1, value), key


def _read_cursor(cursor: str) -> Place:
    (rank, value), key = json.loads(cursor)
    return (rank, value), key
