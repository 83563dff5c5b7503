"""Pages of executions for the memory backend. Pure."""

from collections.abc import Iterator, Mapping
from itertools import islice

from harmonia_core.contracts.queries import ExecutionQuery, end_cursor, end_place, matches, read_end_cursor
from harmonia_core.contracts.rows import ExecutionRow

Page = tuple[list[ExecutionRow], str | None]


def execution_page(rows: Mapping[str, ExecutionRow], query: ExecutionQuery) -> Page:
    """Return the page that a query asks for and the cursor of the next."""
    ordered = _by_end(rows, query) if query.ended else _newest(rows, query)
    found = list(islice((row for row in ordered if matches(row, query)), query.limit + 1))
    page = found[: query.limit]
    if len(found) <= query.limit or not page:
        return page, None
    return page, end_cursor(page[-1]) if query.ended else page[-1].execution_id


def _newest(rows: Mapping[str, ExecutionRow], query: ExecutionQuery) -> Iterator[ExecutionRow]:
    return (rows[key] for key in sorted(rows, reverse=True) if query.cursor is None or key < query.cursor)


def _by_end(rows: Mapping[str, ExecutionRow], query: ExecutionQuery) -> Iterator[ExecutionRow]:
    ended = sorted((row for row in rows.values() if row.ended_at is not None), key=end_place, reverse=True)
    behind = None if query.cursor is None else read_end_cursor(query.cursor)
    return (row for row in ended if behind is None or end_place(row) < behind)
