"""The statements with which executions are pruned: made once per dialect and number of rows."""

from functools import lru_cache
from typing import Any

from sqlalchemy import Table, and_, bindparam, delete, exists, select, text

from harmonia_sql import tables
from harmonia_sql.dialect import Dialect
from harmonia_sql.statements import Insertion, deletion, insertion

# Where rows lie by execution, beside its head and its references to blobs.
OWN = (
    *(tables.event, tables.task, tables.activity, tables.snapshot, tables.timer),
    *(tables.heartbeat, tables.request, tables.completion_token, tables.execution_label),
    tables.slot,
)

_execution, _blob, _reference = tables.execution.c, tables.blob.c, tables.blob_reference.c
REFERRED = exists().where(_reference.namespace == _blob.namespace, _reference.address == _blob.address)


@lru_cache(maxsize=8)
def note(dialect: Dialect) -> Insertion:
    """Note something as half deleted: kind, id."""
    return insertion(dialect, tables.pruning, onto="keep")


@lru_cache(maxsize=8)
def hold(dialect: Dialect) -> str:
    """Lock a note, if it is still there: kind, id."""
    row = tables.pruning.c
    held = select(row.id).where(row.kind == bindparam("kind"), row.id == bindparam("id"))
    return dialect.text_of(held.with_for_update())


@lru_cache(maxsize=8)
def forget(dialect: Dialect) -> str:
    """Delete a note: kind, id."""
    return deletion(dialect, tables.pruning, "kind", "id")


@lru_cache(maxsize=32)
def heads(dialect: Dialect, count: int) -> str:
    """Delete ended heads, return id and seq; those that another engine deletes just now are left to it."""
    ended = select(_execution.execution_id).where(_some(tables.execution, count), text(tables.ENDED))
    mine = ended.order_by(_execution.execution_id).with_for_update(skip_locked=True)
    gone = delete(tables.execution).where(_execution.execution_id.in_(mine))
    return dialect.text_of(gone.returning(_execution.execution_id, _execution.seq))


@lru_cache(maxsize=256)
def rows(dialect: Dialect, table: Table, count: int) -> str:
    """Delete the rows of executions in one table."""
    return dialect.text_of(delete(table).where(_some(table, count)))


@lru_cache(maxsize=32)
def references(dialect: Dialect, count: int) -> str:
    """Ask which blobs executions refer to."""
    found = select(_reference.namespace, _reference.address).where(_some(tables.blob_reference, count))
    return dialect.text_of(found.distinct())


@lru_cache(maxsize=32)
def lock_blobs(dialect: Dialect, count: int) -> str:
    """Lock those of some blobs of a namespace (it, then addresses) to which nothing refers."""
    free = select(_blob.namespace, _blob.address).where(_places(count), ~REFERRED)
    return dialect.text_of(free.order_by(_blob.namespace, _blob.address).with_for_update())


@lru_cache(maxsize=32)
def blobs(dialect: Dialect, count: int) -> str:
    """Delete those of some blobs of a namespace to which nothing refers; return upload, size, address."""
    gone = delete(tables.blob).where(_places(count), ~REFERRED)
    return dialect.text_of(gone.returning(_blob.upload_id, _blob.size, _blob.address))


@lru_cache(maxsize=32)
def piece(table: Table) -> str:
    """Delete so many rows of one owner: owner, count. References return namespace and address."""
    owner = "upload_id" if table is tables.blob_chunk else "execution_id"
    keys = ", ".join(column.name for column in table.primary_key)
    back = "namespace, address" if table is tables.blob_reference else owner
    some = f"SELECT {keys} FROM {table.name} WHERE {owner} = ? ORDER BY {keys} LIMIT ?"
    return f"DELETE FROM {table.name} WHERE ({keys}) IN ({some}) RETURNING {back}"


def _some(table: Table, count: int) -> Any:
    return table.c.execution_id.in_([bindparam(f"id{n}") for n in range(count)])


def _places(count: int) -> Any:
    some = _blob.address.in_([bindparam(f"address{n}") for n in range(count)])
    return and_(_blob.namespace == bindparam("namespace"), some)
