"""What may be asked about executions and documents: queries as data, and what they select. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json

from harmonia_core.contracts.rows import ExecutionRow

ErrorView = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ExecutionQuery:
    """Select executions, newest first; what is not given selects nothing out.

    cursor: as returned with the page before. labels: (key, value), or (key, None) for any value; all
        of them count.
    origin: those that were forked, or go on, from this execution. root: it and what goes on from it.
    error_text: a part of an error's category, code or message, in any case of letters.
    created_from, created_to: of the time in the id, which is when it was asked for; ranges are epoch
        seconds, the first belongs to them and the last does not.
    ended_from, ended_to: only what has ended, and then latest end first, as with `by_end`.
    actor: id of who began it.
    """

    namespace: str | None = "default"
    status: tuple[str, ...] = ()
    workflow: str | None = None
    limit: int = 50
    cursor: str | None = None
    labels: tuple[tuple[str, str | None], ...] = ()
    version: str | None = None
    definition_hash: str | None = None
    parent: str | None = None
    root: str | None = None
    origin: str | None = None
    reason: str | None = None
    error_code: str | None = None
    error_category: str | None = None
    error_text: str | None = None
    actor: str | None = None
    created_from: float | None = None
    created_to: float | None = None
    started_from: float | None = None
    started_to: float | None = None
    ended_from: float | None = None
    ended_to: float | None = None
    by_end: bool = False

    @property
    def ended(self) -> bool:
        """Tell whether only ended executions are selected, by their end."""
        return self.by_end or self.ended_from is not None or self.ended_to is not None

    @property
    def failing(self) -> bool:
        """Tell whether only executions that ended with an error are selected."""
        return not (self.error_code is self.error_category is self.error_text is None)

    @property
    def ids(self) -> tuple[str | None, str | None]:
        """Return what ids do not stand before and what they stand before, by the time that is in them."""
        start, stop = self.created_from, self.created_to
        return None if start is None else id_bound(start), None if stop is None else id_bound(stop)

    @property
    def behind(self) -> tuple[float, str] | None:
        """Return end and id of the last row of the page before, in a listing by end."""
        if self.cursor is None:
            return None
        moment, _, execution_id = self.cursor.partition(" ")
        return float(moment), execution_id

    def cursor_behind(self, row: ExecutionRow) -> str:
        """Return the cursor of what follows a row."""
        return f"{row.ended_at!r} {row.execution_id}" if self.ended else row.execution_id

    def matches(self, row: ExecutionRow) -> bool:
        """Tell whether an execution is selected, whatever the cursor."""
        return _matches(row, self)

    def matches_json(self, row: ExecutionRow) -> bool:
        """Tell whether what an execution holds as JSON is as wanted: labels, origin, error, actor."""
        return _matches_json(row, self)


@dataclass(frozen=True, slots=True)
class DocumentQuery:
    """Select documents of a collection by equality of indexed fields.

    order: an indexed field, `-field` for descending, or empty for the key.
    """

    namespace: str
    collection: str
    where: tuple[tuple[str, str | float | None], ...] = ()
    order: str = ""
    limit: int = 100
    cursor: str | None = None


def id_bound(moment: float) -> str:
    """Return the text that the ids of executions asked for at or after a moment do not stand before."""
    milliseconds = min(max(0, -int(-moment * 1000 // 1)), 2**48 - 1)
    text = f"{milliseconds:012x}"
    return f"{text[:8]}-{text[8:]}"


def _matches(row: ExecutionRow, query: ExecutionQuery) -> bool:
    return (
        (query.namespace is None or row.namespace == query.namespace)
        and (not query.status or row.status in query.status)
        and _is(row.workflow, query.workflow)
        and _is(row.version, query.version)
        and _is(row.definition_hash, query.definition_hash)
        and _is(row.parent_id, query.parent)
        and _is(row.root_id, query.root)
        and _is(row.reason, query.reason)
        and _in_time(row, query)
        and _matches_json(row, query)
    )


def _matches_json(row: ExecutionRow, query: ExecutionQuery) -> bool:
    return (
        (not query.labels or _labelled(_object(row.labels), query))
        and (query.origin is None or _object(row.origin).get("execution") == query.origin)
        and (query.actor is None or _object(row.actor).get("id") == query.actor)
        and (not query.failing or (row.error is not None and _failed(_object(row.error), query)))
    )


def _is(found: str | None, wanted: str | None) -> bool:
    return wanted is None or found == wanted


def _in_time(row: ExecutionRow, query: ExecutionQuery) -> bool:
    first, stop = query.ids
    return (
        (first is None or row.execution_id >= first)
        and (stop is None or row.execution_id < stop)
        and _within(row.started_at, query.started_from, query.started_to)
        and _within(row.ended_at, query.ended_from, query.ended_to)
        and (row.ended_at is not None or not query.ended)
    )


def _within(moment: float | None, start: float | None, stop: float | None) -> bool:
    if start is None and stop is None:
        return True
    return moment is not None and (start is None or moment >= start) and (stop is None or moment < stop)


def _object(text: str | None) -> Mapping[str, Any]:
    found = {} if text is None else from_json(text)
    return found if isinstance(found, dict) else {}


def _labelled(labels: Mapping[str, Any], query: ExecutionQuery) -> bool:
    return all(key in labels and (value is None or labels[key] == value) for key, value in query.labels)


def _failed(error: ErrorView, query: ExecutionQuery) -> bool:
    return (
        _is(error.get("code"), query.error_code)
        and _is(error.get("category"), query.error_category)
        and (query.error_text is None or query.error_text.casefold() in _said(error))
    )


def _said(error: ErrorView) -> str:
    return " ".join(str(error.get(name, "")) for name in ("category", "code", "message")).casefold()
