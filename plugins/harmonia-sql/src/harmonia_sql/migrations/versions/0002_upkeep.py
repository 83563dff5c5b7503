"""Upkeep: an index for each listing, every execution's reference to its definition, stored activity."""

import time
from typing import Any

import sqlalchemy as sa
from alembic import op

from harmonia_sql.columns import NUMBER, TEXT

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add indexes and tables, then the references that older versions did not write."""
    condition = sa.text("ended_at IS NOT NULL")
    ended: dict[str, Any] = {"sqlite_where": condition, "postgresql_where": condition}
    op.create_index("execution_ended", "execution", ["ended_at", "execution_id"], **ended)
    op.create_index("execution_status", "execution", ["status", "execution_id"], **ended)
    op.create_index("execution_namespace", "execution", ["namespace", "status", "execution_id"], **ended)
    op.create_index("execution_workflow", "execution", ["workflow", "status", "execution_id"], **ended)
    op.create_index("blob_reference_address", "blob_reference", ["namespace", "address"])
    op.create_index(op.f("ix_completion_token_execution_id"), "completion_token", ["execution_id"])
    _create_tables()
    op.execute(
        "INSERT INTO blob_reference (execution_id, namespace, address) "
        "SELECT execution_id, namespace, definition_hash FROM execution "
        "WHERE EXISTS (SELECT 1 FROM blob WHERE blob.namespace = execution.namespace "
        "AND blob.address = execution.definition_hash) "
        "ON CONFLICT DO NOTHING"
    )
    # Uploads were not noted before; those that no blob names count as begun now, by nobody alive.
    op.execute(
        sa.text(
            "INSERT INTO upload (upload_id, engine_id, at) SELECT DISTINCT upload_id, NULL, :now "
            "FROM blob_chunk WHERE upload_id NOT IN (SELECT upload_id FROM blob)"
        ).bindparams(now=time.time())
    )


def _create_tables() -> None:
    op.create_table(
        "activity",
        sa.Column("execution_id", TEXT, nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("path", TEXT, nullable=False),
        sa.Column("attempt", NUMBER, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("level", TEXT, nullable=False),
        sa.Column("data", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("execution_id", "position"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "pruning",
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("kind", "id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "upload",
        sa.Column("upload_id", TEXT, nullable=False),
        sa.Column("engine_id", TEXT, nullable=True),
        sa.Column("at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("upload_id"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Refuse: restore the backup copy instead."""
    raise NotImplementedError("Restore the backup copy that was made before the upgrade.")
