"""The index of labels: one row for each label of an execution, written when it begins.

What stands in the index is cut to a length that an index takes, and without characters that a database
does not; whoever finds an execution by it looks at the labels themselves.
"""

from collections.abc import Iterable, Sequence
from json import dumps, loads

from harmonia_core import ExecutionRow

# Characters of four bytes at most; with the id they fit into a third of a page of 8 KiB.
MOST_KEY, MOST_VALUE = 120, 400
NONE = "{}"

LabelRow = tuple[str, str, str]


def label_rows(rows: Iterable[ExecutionRow]) -> list[LabelRow]:
    """Return (execution, key, value) for each label of some executions."""
    return [
        (row.execution_id, *place)
        for row in rows
        if row.labels != NONE
        for place in dict.fromkeys(label_places(row.labels))
    ]


def label_places(labels: str) -> Sequence[tuple[str, str]]:
    """Return where the labels of an execution stand in the index; nowhere if they cannot be read."""
    try:
        found = loads(labels)
    except ValueError:
        return ()
    if not isinstance(found, dict):
        return ()
    return [(key_place(key), value_place(value)) for key, value in found.items() if isinstance(value, str)]


def key_place(key: str) -> str:
    """Return how a key stands in the index."""
    return _plain(key)[:MOST_KEY]


def value_place(value: str) -> str:
    """Return how a value stands in the index."""
    return _plain(value)[:MOST_VALUE]


def _plain(text: str) -> str:
    # Escaped as in JSON: no database column holds a NUL.
    return text if text.isprintable() and "\\" not in text else dumps(text, ensure_ascii=False)[1:-1]
