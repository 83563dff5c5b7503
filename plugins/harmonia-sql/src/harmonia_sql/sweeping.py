"""Find and delete what belongs to nobody. Questions run on a reader, deletions on the writer's thread."""

from collections.abc import Sequence

from sqlalchemy import Connection, Table, select, text

from harmonia_core import Pruned
from harmonia_sql import pruning_texts, tables
from harmonia_sql.dialect import Cursor
from harmonia_sql.pruning import Place, drop_blobs, padded
from harmonia_sql.statements import Statements

# Rows may be left in these without their execution: by a late heartbeat, by a crash of an older version.
STRAYS = (tables.heartbeat, tables.activity, tables.blob_reference)
# A start is for an execution that does not exist yet.
STALE_REQUESTS = """
    DELETE FROM request WHERE created_at < ?
    AND NOT EXISTS (SELECT 1 FROM execution AS e
        WHERE e.execution_id = request.execution_id AND e.ended_at IS NULL)
    AND (kind <> 'start' OR EXISTS (SELECT 1 FROM execution AS e
        WHERE e.execution_id = request.execution_id))"""


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


def strays(core: Connection, table: Table, after: str, limit: int) -> list[str]:
    """Return ids behind `after` that a table has rows for, but that no execution has."""
    # From id to id by the key of the table, which costs one look per execution and none per row.
    name = table.name
    found = text(
        f"WITH RECURSIVE ids(id) AS (SELECT min(execution_id) FROM {name} WHERE execution_id > :after "
        f"UNION ALL SELECT (SELECT min(execution_id) FROM {name} WHERE execution_id > id) "
        "FROM ids WHERE id IS NOT NULL) SELECT id FROM ids WHERE id IS NOT NULL AND NOT EXISTS "
        "(SELECT 1 FROM execution WHERE execution.execution_id = id) LIMIT :limit"
    )
    return [row[0] for row in core.execute(found, {"after": after, "limit": limit})]


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
    row = tables.execution.c
    owners = select(row.owner).where(text(tables.UNFINISHED), row.owner.is_not(None))
    engine_id = tables.engine.c.engine_id
    return list(core.execute(select(engine_id).where(engine_id.not_in(owners))).scalars())


def drop_engine(cursor: Cursor, statements: Statements, engine_id: str) -> None:
    """Delete the row of an engine."""
    cursor.execute(statements.drop_engine, (engine_id,))
