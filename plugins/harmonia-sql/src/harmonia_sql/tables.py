"""The tables, declared once. Columns stand in the order of the contract's rows.

Truths of their own, never rebuilt: request, completion_token, heartbeat, document*,
blob*. Projections of the log: execution (but for its fence) with its labels, task, timer, slot (but for
who of those that wait has been chosen). Keys begin with the execution id, which is time-ordered, so that
inserts stay at the edge of the tree.
"""

from sqlalchemy import BigInteger, Column, Identity, Index, LargeBinary, PrimaryKeyConstraint, String, Table

from harmonia_sql.columns import NUMBER, TEXT
from harmonia_sql.declaring import metadata as metadata
from harmonia_sql.declaring import number, partial, table, text, time
from harmonia_sql.origins import OriginId

FINAL_STATUSES = ("completed", "failed", "cancelled", "terminated", "compensated", "continued")
# The conditions of partial indexes. They name no column that an ordinary step of an execution
# sets: an index whose condition is touched is written with every commit.
UNFINISHED, ENDED = "ended_at IS NULL", "ended_at IS NOT NULL"

event = table(
    "event",
    text("execution_id"),
    number("seq"),
    time("at"),
    text("type"),
    number("v"),
    text("actor", null=True),
    text("causation", null=True),
    text("data"),
    key=("execution_id", "seq"),
)
execution = table(
    "execution",
    text("execution_id"),
    text("namespace"),
    text("workflow"),
    text("version"),
    text("definition_hash"),
    text("status"),
    text("reason", null=True),
    number("seq"),
    number("epoch"),
    text("owner", null=True),
    time("created_at"),
    time("started_at", null=True),
    time("ended_at", null=True),
    text("root_id"),
    text("parent_id", null=True),
    text("origin", null=True),
    text("labels"),
    text("error", null=True),
    text("actor", null=True),
    # For each listing an index in its order; see `listings`. They are written when an execution ends.
    partial("execution_unfinished", "execution_id", where=UNFINISHED),
    partial("execution_ended", "ended_at", "execution_id", where=ENDED),
    partial("execution_status", "status", "execution_id", where=ENDED),
    partial("execution_namespace", "namespace", "status", "execution_id", where=ENDED),
    partial("execution_workflow", "workflow", "status", "execution_id", where=ENDED),
    # Those of what never changes are written when it begins, and most executions are in one of them only.
    Index("execution_definition", "definition_hash", "execution_id"),
    partial("execution_parent", "parent_id", "execution_id", where="parent_id IS NOT NULL"),
    partial("execution_root", "root_id", "execution_id", where="execution_id != root_id"),
    partial("execution_origin", OriginId(), "execution_id", where="origin IS NOT NULL"),
    key=("execution_id",),
    fill=70,
)
execution_label = table(
    "execution_label",
    text("execution_id"),
    text("key"),
    text("value"),
    Index("execution_label_key", "key", "execution_id"),
    Index("execution_label_value", "key", "value", "execution_id"),
    key=("execution_id", "key", "value"),
)
task = table(
    "task",
    text("execution_id"),
    text("scope"),
    number("position"),
    text("path"),
    text("type"),
    text("status"),
    text("reason", null=True),
    number("attempt"),
    time("started_at", null=True),
    time("ended_at", null=True),
    number("ended_seq", null=True),
    time("due", null=True),
    key=("execution_id", "scope", "position"),
    fill=85,
)
timer = table(
    "timer",
    text("execution_id"),
    text("path"),
    text("kind"),
    time("due"),
    key=("execution_id", "path", "kind"),
)
request = table(
    "request",
    Column("arrival", NUMBER, Identity(), nullable=False),
    Column("request_id", TEXT, nullable=False, unique=True),
    Column("execution_id", TEXT, nullable=False, index=True),
    text("namespace"),
    text("kind"),
    text("body"),
    text("actor", null=True),
    time("created_at"),
    key=("arrival",),
    clustered=False,
)
slot = table(
    "slot",
    text("execution_id"),
    text("path"),
    text("key"),
    text("namespace"),
    number("units"),
    number("most", null=True),
    text("policy"),
    number("priority"),
    time("since"),
    number("seq"),
    text("state"),
    time("moved"),
    Index("slot_key", "namespace", "key", "state", "since"),
    key=("execution_id", "path", "key"),
)
# When something began under a limit that has a rate; forgotten as soon as that counts no more.
slot_start = table(
    "slot_start",
    text("namespace"),
    text("key"),
    time("at"),
    text("execution_id"),
    text("path"),
    number("seq"),
    key=("namespace", "key", "at", "execution_id", "path", "seq"),
)
completion_token = table(
    "completion_token",
    text("token_hash"),
    Column("execution_id", TEXT, nullable=False, index=True),
    text("path"),
    number("attempt"),
    key=("token_hash",),
)
blob = table(
    "blob",
    text("namespace"),
    text("address"),
    number("size"),
    text("media_type"),
    text("upload_id"),
    key=("namespace", "address"),
)
blob_chunk = table(
    "blob_chunk",
    text("upload_id"),
    number("number"),
    Column("data", LargeBinary, nullable=False),
    key=("upload_id", "number"),
    clustered=False,
)
blob_reference = table(
    "blob_reference",
    text("execution_id"),
    text("namespace"),
    text("address"),
    Index("blob_reference_address", "namespace", "address"),
    key=("execution_id", "namespace", "address"),
)
# Uploads that no blob names yet, with the engine that makes them: what is left of dead ones is swept.
upload = table(
    "upload",
    text("upload_id"),
    text("engine_id", null=True),
    time("at"),
    key=("upload_id",),
)
# Large things on their way out, deleted piece by piece: `execution`, `upload`.
pruning = table(
    "pruning",
    text("kind"),
    text("id"),
    key=("kind", "id"),
)
snapshot = table(
    "snapshot",
    text("execution_id"),
    number("seq"),
    Column("state", LargeBinary, nullable=False),
    key=("execution_id", "seq"),
    clustered=False,
)
heartbeat = table(
    "heartbeat",
    text("execution_id"),
    text("path"),
    number("attempt"),
    time("at"),
    text("details"),
    key=("execution_id", "path"),
)
activity = table(
    "activity",
    text("execution_id"),
    Column("position", BigInteger, nullable=False),
    text("path"),
    number("attempt"),
    text("kind"),
    text("level"),
    text("data"),
    key=("execution_id", "position"),
)
document = table(
    "document",
    text("namespace"),
    text("collection"),
    text("key"),
    text("value"),
    number("version"),
    key=("namespace", "collection", "key"),
    clustered=False,
)
document_index = table(
    "document_index",
    text("namespace"),
    text("collection"),
    text("field"),
    text("place"),
    text("key"),
    Index("document_index_key", "namespace", "collection", "key"),
    key=("namespace", "collection", "field", "place", "key"),
)
document_stream = table(
    "document_stream",
    text("namespace"),
    text("stream"),
    number("position"),
    text("value"),
    key=("namespace", "stream", "position"),
)
engine = table(
    "engine",
    text("engine_id"),
    number("pid"),
    text("host"),
    time("started_at"),
    key=("engine_id",),
)
# Alembic's own table, declared here so that a new database needs no Alembic.
alembic_version = Table(
    "alembic_version",
    metadata,
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)
