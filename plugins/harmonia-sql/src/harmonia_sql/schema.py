"""The schema's version, and the way from an old one to this one.

Alembic is imported only for an upgrade: it costs a fifth of a second. A new database is
made from the tables directly, and a test holds the two ways equal.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from harmonia_core import SchemaMismatch
from harmonia_sql import tables

if TYPE_CHECKING:
    from alembic.config import Config

HEAD = "0002"
MIGRATIONS = Path(__file__).with_name("migrations")


def create(core: Connection) -> None:
    """Make all tables in an empty database, and note the version; the caller commits."""
    tables.metadata.create_all(core, checkfirst=False)
    core.execute(tables.alembic_version.insert().values(version_num=HEAD))


def plan(name: str, found: str, head: str, migrations: Path) -> "Config":
    """Return what `upgrade` needs; raise SchemaMismatch if no way leads from `found` to `head`.

    name: of the database, for the message.
    """
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(migrations))
    steps = ScriptDirectory.from_config(config).walk_revisions("base", head)
    if found not in {step.revision for step in steps}:
        raise SchemaMismatch(
            f"The database {name} has schema {found}; this version of Harmonia knows those up to {head}. "
            "Use the version of Harmonia that wrote it, or a newer one."
        )
    return config


def upgrade(core: Connection, config: "Config", head: str) -> None:
    """Run the migrations up to `head` on a connection, and commit."""
    from alembic import command

    config.attributes["connection"] = core
    command.upgrade(config, head)
