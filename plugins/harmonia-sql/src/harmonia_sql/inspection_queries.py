"""Questions of those who check a store: projections of one instant, holdings, counts, rows astray."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from json import dumps
from typing import Any

from sqlalchemy import Connection, case, func, literal, select, text, tuple_
from sqlalchemy.exc import SQLAlchemyError

from harmonia_core import ExecutionRow, Holding, Problem, TaskRow, TimerRow
from harmonia_sql import tables
from harmonia_sql.label_rows import label_places
from harmonia_sql.queries import MOST_IDS, head, timers
from harmonia_sql.sweeping import orphans

PAGE = 1000
# Rows that one check names; more of a kind say nothing new.
MOST_NAMED = 100
# Rows of stored activity that are counted; beyond that the count is a lower bound.
MOST_COUNTED = 100_000

_ADDRESSED = (tables.blob_reference.c.namespace, tables.blob_reference.c.address)


@contextmanager
def instant(core: Connection, begin: Sequence[str]) -> Iterator[None]:
    """Let every question inside see the same committed state. begin: statements that open the transaction."""
    for statement in begin:
        core.exec_driver_sql(statement)
    try:
        yield
    except BaseException:
        with suppress(SQLAlchemyError):  # the connection may be what failed
            core.exec_driver_sql("ROLLBACK")
        raise
    core.exec_driver_sql("ROLLBACK")


def projections(
    core: Connection, begin: Sequence[str], execution_id: str, take: Callable[[Sequence[TaskRow]], None]
) -> tuple[ExecutionRow, list[TimerRow]] | None:
    """Read an execution's projections, all of one instant."""
    with instant(core, begin):
        found = head(core, execution_id)
        if found is None:
            return None
        for page in _task_pages(core, execution_id):
            take(page)
        return _with_index(core, found), timers(core, execution_id)


def _with_index(core: Connection, head: ExecutionRow) -> ExecutionRow:
    """Return a head; one whose labels are indexed as others with labels that differ from any there may be."""
    label = tables.execution_label.c
    rows = select(label.key, label.value).where(label.execution_id == head.execution_id)
    indexed = {(key, value) for key, value in core.execute(rows)}
    if indexed == set(label_places(head.labels)):
        return head
    return head._replace(labels=dumps({"row": head.labels, "index": sorted(indexed)}))


def _task_pages(core: Connection, execution_id: str) -> Iterator[list[TaskRow]]:
    row = tables.task.c
    place = tuple_(row.scope, row.position)
    rows = select(tables.task).where(row.execution_id == execution_id).order_by(row.scope, row.position)
    found = [TaskRow._make(one) for one in core.execute(rows.limit(PAGE))]
    while found:
        yield found
        last = tuple_(literal(found[-1].scope), literal(found[-1].position))
        found = [TaskRow._make(one) for one in core.execute(rows.where(place > last).limit(PAGE))]


def holdings(
    core: Connection, execution_id: str, namespace: str, addresses: Sequence[str]
) -> dict[str, Holding]:
    """Return what is held of those blobs that are stored."""
    blob, reference = tables.blob.c, tables.blob_reference.c
    referred = (
        select(reference.address)
        .where(reference.execution_id == execution_id)
        .where(reference.namespace == blob.namespace, reference.address == blob.address)
        .exists()
    )
    found: dict[str, Holding] = {}
    for start in range(0, len(addresses), MOST_IDS):
        part = blob.address.in_(addresses[start : start + MOST_IDS])
        rows = select(blob.address, blob.size, referred).where(blob.namespace == namespace, part)
        found.update((address, Holding(size, bool(noted))) for address, size, noted in core.execute(rows))
    return found


def facts(core: Connection, begin: Sequence[str]) -> dict[str, Any]:
    """Count what is stored; every question is answered from an index or has an end."""
    with instant(core, begin):
        return _facts(core)


def _facts(core: Connection) -> dict[str, Any]:
    row, blob = tables.execution.c, tables.blob.c
    unfinished, ended = text(tables.UNFINISHED), text(tables.ENDED)
    status: dict[str, int] = {}
    for condition in (unfinished, ended):
        counted = select(row.status, func.count()).where(condition).group_by(row.status)
        for name, count in core.execute(counted):
            status[name] = status.get(name, 0) + count
    oldest, newest = (
        core.scalar(select(row.ended_at).where(ended).order_by(order).limit(1))
        for order in (row.ended_at, row.ended_at.desc())
    )
    owners = core.execute(select(row.owner, func.count()).where(unfinished).group_by(row.owner))
    blobs = core.execute(select(func.count(), func.coalesce(func.sum(blob.size), 0)).select_from(tables.blob))
    some = select(literal(1)).select_from(tables.activity).limit(MOST_COUNTED).subquery()
    count, size = blobs.one()
    return {
        "schema": core.scalar(select(tables.alembic_version.c.version_num)),
        "executions": status,
        "estimated": False,
        "finished": {"oldest": oldest, "newest": newest},
        "owners": {owner or "": number for owner, number in owners},
        "requests": core.scalar(select(func.count()).select_from(tables.request)),
        "blobs": {"count": count, "bytes": int(size)},
        "activity": core.scalar(select(func.count()).select_from(some)),
    }


def astray(core: Connection, begin: Sequence[str]) -> list[Problem]:
    """Return rows without their execution, references without their blob, blobs without their content."""
    with instant(core, begin):
        return _astray(core)


def _astray(core: Connection) -> list[Problem]:
    found: list[Problem] = []
    for table in (
        tables.event, tables.task, tables.timer, tables.snapshot, tables.heartbeat,
        tables.completion_token, tables.activity, tables.blob_reference, tables.execution_label,
        tables.slot,
    ):  # fmt: skip
        for execution_id in orphans(core, table, MOST_NAMED):
            place = f"{execution_id}/{table.name}"
            message = "rows stand here, but there is no such execution"
            found.append(Problem("row-orphaned", place, message))
    return [*found, *_lost_blobs(core), *_short_blobs(core)]


def _lost_blobs(core: Connection) -> Iterator[Problem]:
    reference, blob, pruning = tables.blob_reference.c, tables.blob.c, tables.pruning.c
    there = select(1).where(blob.namespace == reference.namespace, blob.address == reference.address).exists()
    going = select(1).where(pruning.kind == "execution", pruning.id == reference.execution_id).exists()
    rows = select(reference.execution_id, *_ADDRESSED).where(~there, ~going).limit(MOST_NAMED)
    for execution_id, _, address in core.execute(rows):
        message = "it is referred to, but not there"
        yield Problem(
            "blob-missing", f"{execution_id}/blob/{address}", message, suggestion="restore it from a backup"
        )


def _short_blobs(core: Connection) -> Iterator[Problem]:
    blob, chunk = tables.blob.c, tables.blob_chunk.c
    stored = (
        select(func.coalesce(func.sum(func.length(chunk.data)), 0))
        .where(chunk.upload_id == blob.upload_id)
        .scalar_subquery()
    )
    differs = case((stored == blob.size, False), else_=True)
    rows = select(blob.namespace, blob.address, blob.size, stored).where(differs).limit(MOST_NAMED)
    for namespace, address, size, found in core.execute(rows):
        message = f"{found} of its {size} bytes are stored"
        yield Problem(
            "blob-damaged", f"{namespace}/blob/{address}", message, suggestion="restore it from a backup"
        )
