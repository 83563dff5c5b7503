"""Find and delete what belongs to nobody. Questions run on a reader, deletions on the writer's thread."""

from collections.abc import Sequence

from sqlalchemy import Connection, Table, func, null, select, text

from harmonia_core import Pruned
from harmonia_sql import pruning_texts, tables
from harmonia_sql.dialect import Cursor
from harmonia_sql.pruning import Place, drop_blobs, padded
from harmonia_sql.statements import IDLE_ENGINES, Statements

# Rows may be left in these without their execution: by a late heartbeat, by a crash of an older version.
STRAYS = (tables.heartbeat, tables.activity, tables.blob_reference)
# What begins one is for an execution that does not exist yet; what else waits for it waits with that.
STALE_REQUESTS = """
    DELETE FROM request WHERE created_at < ?
    AND NOT EXISTS (SELECT 1 FROM execution AS e
        WHERE e.execution_id = request.execution_id AND e.ended_at IS NULL)
    AND (EXISTS (SELECT 1 FROM execution AS e WHERE e.execution_id = request.execution_id)
        OR NOT EXISTS (SELECT 1 FROM request AS s
            WHERE s.execution_id = request.execution_id AND s.kind IN ('start', 'continue', 'fork')))"""


def abandoned(core: Connection, before: float) -> list[tuple[str, str | None]]:
    """Return uploads that no blob names, begun before a moment, and the engines that made them."""
    row = tables.upload.c
    return [
        (one[0], one[1]) for one in core.execute(select(row.upload_id, row.engine_id).where(row.at < before))
    ]


def drop_upload(cursor: Cursor, statements: Statements, upload_id: str) -> None:
    """Note an upload as being deleted."""
    pruning_texts.note(statements.dialect).run(cursor, [("upload", upload_id)])
    cursor.execute(statements.close_upload, (upload_id,))


def drop_requests(cursor: Cursor, statements: Statements, before: float) -> None:
    """Delete requests from before a moment that no execution is going to consume."""
    cursor.execute(STALE_REQUESTS, (before,))


def orphans(core: Connection, table: Table, limit: int) -> list[str]:
    """Return executions that a table has rows of and that are neither there nor on their way in or out.

    It goes from one id to the next by the index: one look per execution, and none per row.
    """
    key, pruning = table.c.execution_id, tables.pruning.c
    ids = select(func.min(key).label("id")).cte("ids", recursive=True)
    following = select(func.min(key)).where(key > ids.c.id).scalar_subquery()
    ids = ids.union_all(select(following).where(ids.c.id.is_not(null())))
    there = select(1).where(tables.execution.c.execution_id == ids.c.id).exists()
    going = select(1).where(pruning.kind == "execution", pruning.id == ids.c.id).exists()
    # What a start hands on is kept for the execution that it begins.
    request = tables.request.c
    coming = select(1).where(request.execution_id == ids.c.id, request.kind == "start").exists()
    rows = select(ids.c.id).where(ids.c.id.is_not(null()), ~there, ~going, ~coming).limit(limit)
    return list(core.execute(rows).scalars())


def drop_strays(cursor: Cursor, statements: Statements, table: Table, execution_ids: Sequence[str]) -> Pruned:
    """Delete the rows of executions that are gone, and blobs that were kept for them alone."""
    dialect, ids = statements.dialect, padded(execution_ids)
    places: list[Place] = []
    if table is tables.blob_reference:
        cursor.execute(pruning_texts.references(dialect, len(ids)), ids)
        places = [(row[0], row[1]) for row in cursor.fetchall()]
    cursor.execute(pruning_texts.rows(dialect, table, len(ids)), ids)
    return drop_blobs(cursor, statements, places)


def unreferenced(core: Connection, after: Place, limit: int) -> list[Place]:
    """Return blobs behind a place to which nothing refers."""
    free = text(
        "SELECT namespace, address FROM blob WHERE (namespace, address) > (:namespace, :address) "
        "AND NOT EXISTS (SELECT 1 FROM blob_reference AS r "
        "WHERE r.namespace = blob.namespace AND r.address = blob.address) "
        "ORDER BY namespace, address LIMIT :limit"
    )
    values = {"namespace": after[0], "address": after[1], "limit": limit}
    return [(row[0], row[1]) for row in core.execute(free, values)]


def idle_engines(core: Connection) -> list[str]:
    """Return engines that own nothing unfinished."""
    return list(core.execute(IDLE_ENGINES).scalars())


def drop_engine(cursor: Cursor, statements: Statements, engine_id: str) -> None:
    """Delete the row of an engine."""
    cursor.execute(statements.drop_engine, (engine_id,))
