"""Search: executions by label, parent, root, origin and definition."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from harmonia_sql.columns import TEXT
from harmonia_sql.label_rows import label_places

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

ROWS = 1000
ORIGIN = {
    "sqlite": "json_extract(origin, '$.execution')",
    "postgresql": "(origin::json ->> 'execution')",
}


def upgrade() -> None:
    """Add indexes and the table of labels, and fill it."""
    op.create_table(
        "execution_label",
        sa.Column("execution_id", TEXT, nullable=False),
        sa.Column("key", TEXT, nullable=False),
        sa.Column("value", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("execution_id", "key", "value"),
        sqlite_with_rowid=False,
    )
    _fill()
    op.create_index("execution_label_key", "execution_label", ["key", "execution_id"])
    op.create_index("execution_label_value", "execution_label", ["key", "value", "execution_id"])
    op.create_index("execution_definition", "execution", ["definition_hash", "execution_id"])
    origin = sa.text(ORIGIN[op.get_bind().dialect.name])
    _create_partial("execution_parent", ["parent_id", "execution_id"], "parent_id IS NOT NULL")
    _create_partial("execution_root", ["root_id", "execution_id"], "execution_id != root_id")
    _create_partial("execution_origin", [origin, "execution_id"], "origin IS NOT NULL")


def _create_partial(name: str, columns: list[Any], where: str) -> None:
    condition = sa.text(where)
    op.create_index(name, "execution", columns, sqlite_where=condition, postgresql_where=condition)


def _fill() -> None:
    core, names = op.get_bind(), ("execution_id", "key", "value")
    label = sa.table("execution_label", *map(sa.column, names))
    page = sa.text(
        "SELECT execution_id, labels FROM execution WHERE execution_id > :after "
        "ORDER BY execution_id LIMIT :n"
    )
    after = ""
    while found := core.execute(page, {"after": after, "n": ROWS}).all():
        after = found[-1][0]
        rows = {(one, *place): None for one, labels in found for place in label_places(labels)}
        if rows:
            core.execute(label.insert(), [dict(zip(names, row, strict=True)) for row in rows])


def downgrade() -> None:
    """Refuse: restore the backup copy instead."""
    raise NotImplementedError("Restore the backup copy that was made before the upgrade.")
