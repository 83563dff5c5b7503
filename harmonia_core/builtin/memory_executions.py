"""Pages of executions for the memory backend. Pure."""

from collections.abc import Iterator, Mapping
from itertools import islice

from harmonia_core.contracts.queries import ExecutionQuery
from harmonia_core.contracts.rows import ExecutionRow

Page = tuple[list[ExecutionRow], str | None]


def execution_page(rows: Mapping[str, ExecutionRow], query: ExecutionQuery) -> Page:
    """Return the page that a query asks for and the cursor of the next."""
    ordered = _by_end(rows, query) if query.ended else _newest(rows, query)
    found = list(islice((row for row in ordered if query.matches(row)), query.limit + 1))
    page = found[: query.limit]
    if len(found) <= query.limit or not page:
        return page, None
    return page, query.cursor_behind(page[-1])


def _newest(rows: Mapping[str, ExecutionRow], query: ExecutionQuery) -> Iterator[ExecutionRow]:
    return (rows[key] for key in sorted(rows, reverse=True) if query.cursor is None or key < query.cursor)


def _by_end(rows: Mapping[str, ExecutionRow], query: ExecutionQuery) -> Iterator[ExecutionRow]:
    ended = sorted((row for row in rows.values() if row.ended_at is not None), key=_end_of, reverse=True)
    behind = query.behind
    return (row for row in ended if behind is None or _end_of(row) < behind)


def _end_of(row: ExecutionRow) -> tuple[float, str]:
    return row.ended_at or 0.0, row.execution_id
