"""Slots: what runs under a limit, and what waits for it."""

import sqlalchemy as sa
from alembic import op

from harmonia_sql.columns import NUMBER, TEXT

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables; nothing waited or held before."""
    op.create_table(
        "slot",
        sa.Column("execution_id", TEXT, nullable=False),
        sa.Column("path", TEXT, nullable=False),
        sa.Column("key", TEXT, nullable=False),
        sa.Column("namespace", TEXT, nullable=False),
        sa.Column("units", NUMBER, nullable=False),
        sa.Column("most", NUMBER, nullable=True),
        sa.Column("policy", TEXT, nullable=False),
        sa.Column("priority", NUMBER, nullable=False),
        sa.Column("since", sa.Float(), nullable=False),
        sa.Column("seq", NUMBER, nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("moved", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("execution_id", "path", "key"),
        sqlite_with_rowid=False,
    )
    op.create_index("slot_key", "slot", ["namespace", "key", "state", "since"])
    op.create_table(
        "slot_start",
        sa.Column("namespace", TEXT, nullable=False),
        sa.Column("key", TEXT, nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("execution_id", TEXT, nullable=False),
        sa.Column("path", TEXT, nullable=False),
        sa.Column("seq", NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("namespace", "key", "at", "execution_id", "path", "seq"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Refuse: restore the backup copy instead."""
    raise NotImplementedError("Restore the backup copy that was made before the upgrade.")
