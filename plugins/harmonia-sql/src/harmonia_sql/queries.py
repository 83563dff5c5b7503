"""Questions about executions: each a plain function over Core that returns the contract's rows."""

from collections.abc import Sequence

from sqlalchemy import Connection, literal, or_, select, text, tuple_

from harmonia_core import (
    EngineRow,
    EventRow,
    ExecutionRow,
    FinishedQuery,
    HeartbeatRow,
    RequestRow,
    TaskRow,
    TimerRow,
    TokenRow,
)
from harmonia_sql import tables

# More ids than this in one question: the requests are all read and the wanted ones picked, heads
# are read in parts.
MOST_IDS = 500

_event, _execution, _task = tables.event.c, tables.execution.c, tables.task.c
_chunk, _blob = tables.blob_chunk.c, tables.blob.c


def head(core: Connection, execution_id: str) -> ExecutionRow | None:
    """Return the head row."""
    row = core.execute(select(tables.execution).where(_execution.execution_id == execution_id)).first()
    return ExecutionRow._make(row) if row else None


def heads(core: Connection, execution_ids: Sequence[str]) -> list[ExecutionRow]:
    """Return the head rows of those that exist."""
    ids = list(execution_ids)
    parts = (ids[start : start + MOST_IDS] for start in range(0, len(ids), MOST_IDS))
    found = (select(tables.execution).where(_execution.execution_id.in_(part)) for part in parts)
    return [ExecutionRow._make(row) for question in found for row in core.execute(question)]


def events(core: Connection, execution_id: str, after: int, limit: int | None) -> list[EventRow]:
    """Return events behind a seq, ascending."""
    found = select(tables.event).where(_event.execution_id == execution_id, _event.seq > after)
    return [EventRow._make(row) for row in core.execute(found.order_by(_event.seq).limit(limit))]


def snapshot(core: Connection, execution_id: str, up_to: int | None) -> tuple[int, bytes] | None:
    """Return the youngest snapshot at or before a seq."""
    row = tables.snapshot.c
    found = select(row.seq, row.state).where(row.execution_id == execution_id)
    if up_to is not None:
        found = found.where(row.seq <= up_to)
    first = core.execute(found.order_by(row.seq.desc()).limit(1)).first()
    return (first[0], first[1]) if first else None


def tasks(core: Connection, execution_id: str, scope: str | None) -> list[TaskRow]:
    """Return task rows in order."""
    found = select(tables.task).where(_task.execution_id == execution_id)
    if scope is not None:
        found = found.where(_task.scope == scope)
    return [TaskRow._make(row) for row in core.execute(found.order_by(_task.scope, _task.position))]


def item_ends(core: Connection, execution_id: str, scope: str, start: int, stop: int) -> list[EventRow]:
    """Return the ending events of a map's items, in position order."""
    both = (_event.execution_id == _task.execution_id) & (_event.seq == _task.ended_seq)
    found = (
        select(tables.event)
        .join_from(tables.task, tables.event, both)
        .where(_task.execution_id == execution_id, _task.scope == scope)
        .where(_task.position >= start, _task.position < stop)
        .order_by(_task.position)
    )
    return [EventRow._make(row) for row in core.execute(found)]


def timers(core: Connection, execution_id: str) -> list[TimerRow]:
    """Return open timers by due time."""
    row = tables.timer.c
    found = select(tables.timer).where(row.execution_id == execution_id)
    return [TimerRow._make(row) for row in core.execute(found.order_by(row.due, row.path, row.kind))]


def finished(core: Connection, query: FinishedQuery) -> tuple[list[ExecutionRow], str | None]:
    """Return one page of ended executions, oldest end first."""
    place = (_execution.ended_at, _execution.execution_id)
    found = select(tables.execution).where(text(tables.ENDED))
    if query.before is not None:
        found = found.where(_execution.ended_at < query.before)
    if query.cursor is not None:
        moment, _, execution_id = query.cursor.partition(" ")
        found = found.where(tuple_(*place) > tuple_(literal(float(moment)), literal(execution_id)))
    rows = [ExecutionRow._make(row) for row in core.execute(found.order_by(*place).limit(query.limit))]
    return rows, f"{rows[-1].ended_at!r} {rows[-1].execution_id}" if rows else None


def unfinished(core: Connection) -> list[ExecutionRow]:
    """Return every execution that is not final, oldest first."""
    found = (
        select(tables.execution)
        .where(text(tables.UNFINISHED), _execution.status.not_in(tables.FINAL_STATUSES))
        .order_by(_execution.execution_id)
    )
    return [ExecutionRow._make(row) for row in core.execute(found)]


def owners(core: Connection) -> set[str | None]:
    """Return who owns executions that are not final; None if some that need no person have nobody."""
    some = or_(_execution.owner.is_not(None), _execution.status != "attention")
    found = select(_execution.owner).where(text(tables.UNFINISHED), some).distinct()
    return set(core.execute(found).scalars())


def requests(core: Connection, execution_ids: Sequence[str] | None) -> list[RequestRow]:
    """Return waiting requests in order of arrival."""
    row = tables.request.c
    found = select(*[column for column in row if column.name != "arrival"]).order_by(row.arrival)
    few = execution_ids is not None and len(execution_ids) <= MOST_IDS
    if execution_ids is not None and few:
        found = found.where(row.execution_id.in_(execution_ids))
    rows = [RequestRow._make(row) for row in core.execute(found)]
    if execution_ids is None or few:
        return rows
    wanted = set(execution_ids)
    return [row for row in rows if row.execution_id in wanted]


def token(core: Connection, token_hash: str) -> TokenRow | None:
    """Return the attempt behind a completion token."""
    row = tables.completion_token.c
    found = core.execute(select(tables.completion_token).where(row.token_hash == token_hash)).first()
    return TokenRow._make(found) if found else None


def heartbeat(core: Connection, execution_id: str, path: str) -> HeartbeatRow | None:
    """Return a task's last heartbeat."""
    row = tables.heartbeat.c
    here = select(tables.heartbeat).where(row.execution_id == execution_id, row.path == path)
    found = core.execute(here).first()
    return HeartbeatRow._make(found) if found else None


def engines(core: Connection) -> list[EngineRow]:
    """Return the engines known here, oldest first."""
    row = tables.engine.c
    return [EngineRow._make(row) for row in core.execute(select(tables.engine).order_by(row.started_at))]


def blob(core: Connection, namespace: str, address: str) -> bytes | None:
    """Return a blob whole."""
    # One question, so that pruning cannot come between the blob and its chunks.
    both = tables.blob.outerjoin(tables.blob_chunk, _blob.upload_id == _chunk.upload_id)
    here = (_blob.namespace == namespace, _blob.address == address)
    found = core.execute(select(_chunk.data).select_from(both).where(*here).order_by(_chunk.number)).all()
    return b"".join(row[0] or b"" for row in found) if found else None


def blob_chunk(core: Connection, namespace: str, address: str, number: int) -> bytes | None:
    """Return one chunk of a blob."""
    both = tables.blob.join(tables.blob_chunk, _blob.upload_id == _chunk.upload_id)
    here = (_blob.namespace == namespace, _blob.address == address, _chunk.number == number)
    data: bytes | None = core.execute(select(_chunk.data).select_from(both).where(*here)).scalar()
    return data
