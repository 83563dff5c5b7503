"""The first schema."""

import sqlalchemy as sa
from alembic import op

from harmonia_sql.columns import NUMBER, TEXT

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables of the first version."""
    op.create_table(
        "blob",
        sa.Column("namespace", TEXT, nullable=False),
        sa.Column("address", TEXT, nullable=False),
        sa.Column("size", NUMBER, nullable=False),
        sa.Column("media_type", TEXT, nullable=False),
        sa.Column("upload_id", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("namespace", "address"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "blob_chunk",
        sa.Column("upload_id", TEXT, nullable=False),
        sa.Column("number", NUMBER, nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("upload_id", "number"),
        sqlite_with_rowid=True,
    )
    op.create_table(
        "blob_reference",
        sa.Column("execution_id", TEXT, nullable=False),
        sa.Column("namespace", TEXT, nullable=False),
        sa.Column("address", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("execution_id", "namespace", "address"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "completion_token",
        sa.Column("token_hash", TEXT, nullable=False),
        sa.Column("execution_id", TEXT, nullable=False),
        sa.Column("path", TEXT, nullable=False),
        sa.Column("attempt", NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("token_hash"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "document",
        sa.Column("namespace", TEXT, nullable=False),
        sa.Column("collection", TEXT, nullable=False),
        sa.Column("key", TEXT, nullable=False),
        sa.Column("value", TEXT, nullable=False),
        sa.Column("version", NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("namespace", "collection", "key"),
        sqlite_with_rowid=True,
    )
    op.create_table(
        "document_index",
        sa.Column("namespace", TEXT, nullable=False),
        sa.Column("collection", TEXT, nullable=False),
        sa.Column("field", TEXT, nullable=False),
        sa.Column("place", TEXT, nullable=False),
        sa.Column("key", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("namespace", "collection", "field", "place", "key"),
        sqlite_with_rowid=False,
    )
    op.create_index("document_index_key", "document_index", ["namespace", "collection", "key"], unique=False)
    op.create_table(
        "document_stream",
        sa.Column("namespace", TEXT, nullable=False),
        sa.Column("stream", TEXT, nullable=False),
        sa.Column("position", NUMBER, nullable=False),
        sa.Column("value", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("namespace", "stream", "position"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "engine",
        sa.Column("engine_id", TEXT, nullable=False),
        sa.Column("pid", NUMBER, nullable=False),
        sa.Column("host", TEXT, nullable=False),
        sa.Column("started_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("engine_id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "event",
        sa.Column("execution_id", TEXT, nullable=False),
        sa.Column("seq", NUMBER, nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("type", TEXT, nullable=False),
        sa.Column("v", NUMBER, nullable=False),
        sa.Column("actor", TEXT, nullable=True),
        sa.Column("causation", TEXT, nullable=True),
        sa.Column("data", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("execution_id", "seq"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "execution",
        sa.Column("execution_id", TEXT, nullable=False),
        sa.Column("namespace", TEXT, nullable=False),
        sa.Column("workflow", TEXT, nullable=False),
        sa.Column("version", TEXT, nullable=False),
        sa.Column("definition_hash", TEXT, nullable=False),
        sa.Column("status", TEXT, nullable=False),
        sa.Column("reason", TEXT, nullable=True),
        sa.Column("seq", NUMBER, nullable=False),
        sa.Column("epoch", NUMBER, nullable=False),
        sa.Column("owner", TEXT, nullable=True),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("started_at", sa.Float(), nullable=True),
        sa.Column("ended_at", sa.Float(), nullable=True),
        sa.Column("root_id", TEXT, nullable=False),
        sa.Column("parent_id", TEXT, nullable=True),
        sa.Column("origin", TEXT, nullable=True),
        sa.Column("labels", TEXT, nullable=False),
        sa.Column("error", TEXT, nullable=True),
        sa.Column("actor", TEXT, nullable=True),
        sa.PrimaryKeyConstraint("execution_id"),
        postgresql_with={"fillfactor": 70},
        sqlite_with_rowid=False,
    )
    op.create_index(
        "execution_unfinished",
        "execution",
        ["execution_id"],
        unique=False,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "heartbeat",
        sa.Column("execution_id", TEXT, nullable=False),
        sa.Column("path", TEXT, nullable=False),
        sa.Column("attempt", NUMBER, nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("details", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("execution_id", "path"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "request",
        sa.Column("arrival", NUMBER, sa.Identity(), nullable=False),
        sa.Column("request_id", TEXT, nullable=False),
        sa.Column("execution_id", TEXT, nullable=False),
        sa.Column("namespace", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("body", TEXT, nullable=False),
        sa.Column("actor", TEXT, nullable=True),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("arrival"),
        sa.UniqueConstraint("request_id"),
        sqlite_with_rowid=True,
    )
    op.create_index(op.f("ix_request_execution_id"), "request", ["execution_id"], unique=False)
    op.create_table(
        "snapshot",
        sa.Column("execution_id", TEXT, nullable=False),
        sa.Column("seq", NUMBER, nullable=False),
        sa.Column("state", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("execution_id", "seq"),
        sqlite_with_rowid=True,
    )
    op.create_table(
        "task",
        sa.Column("execution_id", TEXT, nullable=False),
        sa.Column("scope", TEXT, nullable=False),
        sa.Column("position", NUMBER, nullable=False),
        sa.Column("path", TEXT, nullable=False),
        sa.Column("type", TEXT, nullable=False),
        sa.Column("status", TEXT, nullable=False),
        sa.Column("reason", TEXT, nullable=True),
        sa.Column("attempt", NUMBER, nullable=False),
        sa.Column("started_at", sa.Float(), nullable=True),
        sa.Column("ended_at", sa.Float(), nullable=True),
        sa.Column("ended_seq", NUMBER, nullable=True),
        sa.Column("due", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("execution_id", "scope", "position"),
        postgresql_with={"fillfactor": 85},
        sqlite_with_rowid=False,
    )
    op.create_table(
        "timer",
        sa.Column("execution_id", TEXT, nullable=False),
        sa.Column("path", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("due", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("execution_id", "path", "kind"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Refuse: restore the backup copy instead."""
    raise NotImplementedError("There is nothing before the first schema.")
