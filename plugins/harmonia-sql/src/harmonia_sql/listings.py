"""Pages of executions, newest first, each read in the order of an index whatever the size of the store.

Ended executions are indexed by status, by namespace and status, and by workflow and status, and
those that go on by a small index of their own. So a page is merged from one question for each
final status and one for all others: each finds its rows in order and stops after a page.
"""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, Select, select, text

from harmonia_core import ExecutionQuery, ExecutionRow
from harmonia_sql import tables

_row = tables.execution.c


def listings(query: ExecutionQuery) -> list[Select[Any]]:
    """Return the questions whose answers, merged, are the executions that a query selects."""
    if not query.status and query.namespace is None and query.workflow is None:
        return [_selected(query)]
    # Those that go on come first: one that ends between two questions is found twice, never missed.
    found = []
    live = [status for status in query.status if status not in tables.FINAL_STATUSES]
    if live:
        found.append(_selected(query).where(_row.status.in_(live), text(tables.UNFINISHED)))
    elif not query.status:
        found.append(_selected(query).where(text(tables.UNFINISHED)))
    ended = [one for one in tables.FINAL_STATUSES if one in query.status or not query.status]
    return found + [_selected(query).where(_row.status == one, text(tables.ENDED)) for one in ended]


def _selected(query: ExecutionQuery) -> Select[Any]:
    found = select(tables.execution).order_by(_row.execution_id.desc()).limit(query.limit + 1)
    if query.namespace is not None:
        found = found.where(_row.namespace == query.namespace)
    if query.workflow is not None:
        found = found.where(_row.workflow == query.workflow)
    if query.cursor is not None:
        found = found.where(_row.execution_id < query.cursor)
    return found


def merged(core: Connection, questions: Iterable[Select[Any]], count: int) -> list[ExecutionRow]:
    """Ask the questions and return the first of all their rows, newest first."""
    answers = (ExecutionRow._make(row) for question in questions for row in core.execute(question))
    found = {row.execution_id: row for row in answers}
    return [found[execution_id] for execution_id in sorted(found, reverse=True)[:count]]
