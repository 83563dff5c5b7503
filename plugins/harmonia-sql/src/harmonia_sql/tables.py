"""The tables, declared once. Columns stand in the order of the contract's rows.

Truths of their own, never rebuilt: request, completion_token, heartbeat, document*,
blob*. Projections of the log: execution (but for its fence) with its labels, task, timer, slot (but for
who of those that wait has been chosen). Keys begin
with the execution id, which is time-ordered, so that inserts stay at the edge of the tree.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    Identity,
    Index,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    text,
)
from sqlalchemy.sql.schema import SchemaItem

from harmonia_sql.columns import NUMBER, TEXT
from harmonia_sql.origins import OriginId

FINAL_STATUSES = ("completed", "failed", "cancelled", "terminated", "compensated", "continued")
# The conditions of partial indexes. They name no column that an ordinary step of an execution
# sets: an index whose condition is touched is written with every commit.
UNFINISHED, ENDED = "ended_at IS NULL", "ended_at IS NOT NULL"

metadata = MetaData()


def _text(name: str, *, null: bool = False) -> Column[str]:
    return Column(name, TEXT, nullable=null)


def _number(name: str, *, null: bool = False) -> Column[int]:
    return Column(name, NUMBER, nullable=null)


def _time(name: str, *, null: bool = False) -> Column[float]:
    return Column(name, Float, nullable=null)


def _table(
    name: str, *items: SchemaItem, key: tuple[str, ...], clustered: bool = True, fill: int | None = None
) -> Table:
    # Clustered: rows lie in the tree of their key, one write each instead of two. Not for large rows.
    # Fill: percent of a page that PostgreSQL fills at first. A row that is updated again and again finds
    # room for its next version beside it, and no index is written (execution: 70, task: 85).
    primary = PrimaryKeyConstraint(*key)
    info = {} if fill is None else {"fill": fill}
    return Table(name, metadata, *items, primary, sqlite_with_rowid=not clustered, info=info)


def _partial(name: str, *columns: str | OriginId, where: str) -> Index:
    condition = text(where)
    return Index(name, *columns, sqlite_where=condition, info={"where": condition})


def give_postgres_options() -> None:
    """Give the tables what only PostgreSQL has; apart, because to name it loads its dialect, 50 ms."""
    for table in metadata.tables.values():
        if "fill" in table.info:
            table.dialect_options["postgresql"]["with"] = {"fillfactor": table.info["fill"]}
        for index in table.indexes:
            if "where" in index.info:
                index.dialect_options["postgresql"]["where"] = index.info["where"]


event = _table(
    "event",
    _text("execution_id"),
    _number("seq"),
    _time("at"),
    _text("type"),
    _number("v"),
    _text("actor", null=True),
    _text("causation", null=True),
    _text("data"),
    key=("execution_id", "seq"),
)
execution = _table(
    "execution",
    _text("execution_id"),
    _text("namespace"),
    _text("workflow"),
    _text("version"),
    _text("definition_hash"),
    _text("status"),
    _text("reason", null=True),
    _number("seq"),
    _number("epoch"),
    _text("owner", null=True),
    _time("created_at"),
    _time("started_at", null=True),
    _time("ended_at", null=True),
    _text("root_id"),
    _text("parent_id", null=True),
    _text("origin", null=True),
    _text("labels"),
    _text("error", null=True),
    _text("actor", null=True),
    # For each listing an index in its order; see `listings`. They are written when an execution ends.
    _partial("execution_unfinished", "execution_id", where=UNFINISHED),
    _partial("execution_ended", "ended_at", "execution_id", where=ENDED),
    _partial("execution_status", "status", "execution_id", where=ENDED),
    _partial("execution_namespace", "namespace", "status", "execution_id", where=ENDED),
    _partial("execution_workflow", "workflow", "status", "execution_id", where=ENDED),
    # Those of what never changes are written when it begins, and most executions are in one of them only.
    Index("execution_definition", "definition_hash", "execution_id"),
    _partial("execution_parent", "parent_id", "execution_id", where="parent_id IS NOT NULL"),
    _partial("execution_root", "root_id", "execution_id", where="execution_id != root_id"),
    _partial("execution_origin", OriginId(), "execution_id", where="origin IS NOT NULL"),
    key=("execution_id",),
    fill=70,
)
execution_label = _table(
    "execution_label",
    _text("execution_id"),
    _text("key"),
    _text("value"),
    Index("execution_label_key", "key", "execution_id"),
    Index("execution_label_value", "key", "value", "execution_id"),
    key=("execution_id", "key", "value"),
)
task = _table(
    "task",
    _text("execution_id"),
    _text("scope"),
    _number("position"),
    _text("path"),
    _text("type"),
    _text("status"),
    _text("reason", null=True),
    _number("attempt"),
    _time("started_at", null=True),
    _time("ended_at", null=True),
    _number("ended_seq", null=True),
    _time("due", null=True),
    key=("execution_id", "scope", "position"),
    fill=85,
)
timer = _table(
    "timer",
    _text("execution_id"),
    _text("path"),
    _text("kind"),
    _time("due"),
    key=("execution_id", "path", "kind"),
)
request = _table(
    "request",
    Column("arrival", NUMBER, Identity(), nullable=False),
    Column("request_id", TEXT, nullable=False, unique=True),
    Column("execution_id", TEXT, nullable=False, index=True),
    _text("namespace"),
    _text("kind"),
    _text("body"),
    _text("actor", null=True),
    _time("created_at"),
    key=("arrival",),
    clustered=False,
)
slot = _table(
    "slot",
    _text("execution_id"),
    _text("path"),
    _text("key"),
    _text("namespace"),
    _number("units"),
    _number("most", null=True),
    _text("policy"),
    _number("priority"),
    _time("since"),
    _number("seq"),
    _text("state"),
    _time("moved"),
    Index("slot_key", "namespace", "key", "state", "since"),
    key=("execution_id", "path", "key"),
)
# When something began under a limit that has a rate; forgotten as soon as that counts no more.
slot_start = _table(
    "slot_start",
    _text("namespace"),
    _text("key"),
    _time("at"),
    _text("execution_id"),
    _text("path"),
    _number("seq"),
    key=("namespace", "key", "at", "execution_id", "path", "seq"),
)
completion_token = _table(
    "completion_token",
    _text("token_hash"),
    Column("execution_id", TEXT, nullable=False, index=True),
    _text("path"),
    _number("attempt"),
    key=("token_hash",),
)
blob = _table(
    "blob",
    _text("namespace"),
    _text("address"),
    _number("size"),
    _text("media_type"),
    _text("upload_id"),
    key=("namespace", "address"),
)
blob_chunk = _table(
    "blob_chunk",
    _text("upload_id"),
    _number("number"),
    Column("data", LargeBinary, nullable=False),
    key=("upload_id", "number"),
    clustered=False,
)
blob_reference = _table(
    "blob_reference",
    _text("execution_id"),
    _text("namespace"),
    _text("address"),
    Index("blob_reference_address", "namespace", "address"),
    key=("execution_id", "namespace", "address"),
)
# Uploads that no blob names yet, with the engine that makes them: what is left of dead ones is swept.
upload = _table(
    "upload",
    _text("upload_id"),
    _text("engine_id", null=True),
    _time("at"),
    key=("upload_id",),
)
# Large things on their way out, deleted piece by piece: `execution`, `upload`.
pruning = _table(
    "pruning",
    _text("kind"),
    _text("id"),
    key=("kind", "id"),
)
snapshot = _table(
    "snapshot",
    _text("execution_id"),
    _number("seq"),
    Column("state", LargeBinary, nullable=False),
    key=("execution_id", "seq"),
    clustered=False,
)
heartbeat = _table(
    "heartbeat",
    _text("execution_id"),
    _text("path"),
    _number("attempt"),
    _time("at"),
    _text("details"),
    key=("execution_id", "path"),
)
activity = _table(
    "activity",
    _text("execution_id"),
    Column("position", BigInteger, nullable=False),
    _text("path"),
    _number("attempt"),
    _text("kind"),
    _text("level"),
    _text("data"),
    key=("execution_id", "position"),
)
document = _table(
    "document",
    _text("namespace"),
    _text("collection"),
    _text("key"),
    _text("value"),
    _number("version"),
    key=("namespace", "collection", "key"),
    clustered=False,
)
document_index = _table(
    "document_index",
    _text("namespace"),
    _text("collection"),
    _text("field"),
    _text("place"),
    _text("key"),
    Index("document_index_key", "namespace", "collection", "key"),
    key=("namespace", "collection", "field", "place", "key"),
)
document_stream = _table(
    "document_stream",
    _text("namespace"),
    _text("stream"),
    _number("position"),
    _text("value"),
    key=("namespace", "stream", "position"),
)
engine = _table(
    "engine",
    _text("engine_id"),
    _number("pid"),
    _text("host"),
    _time("started_at"),
    key=("engine_id",),
)
# Alembic's own table, declared here so that a new database needs no Alembic.
alembic_version = Table(
    "alembic_version",
    metadata,
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)
