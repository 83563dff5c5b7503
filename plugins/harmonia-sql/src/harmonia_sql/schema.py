"""The schema's version, and the way from an old one to this one.

Alembic is imported only for an upgrade: it costs a fifth of a second. A new database is
made from the tables directly, and a test holds the two ways equal.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, create_engine
from sqlalchemy.pool import StaticPool

from harmonia_core import SchemaMismatch
from harmonia_sql import tables
from harmonia_sql.declaring import give_postgres_options

if TYPE_CHECKING:
    from alembic.config import Config

HEAD = "0004"
MIGRATIONS = Path(__file__).with_name("migrations")


@contextmanager
def core_over(url: str, connection: Any) -> Iterator[Connection]:
    """Give Core's face of a driver's connection; what is not committed at the end is rolled back.

    url: names dialect and driver. A transaction of the driver's has to begin inside: Core rolls back
    when it connects.
    """
    engine = create_engine(url, creator=lambda: connection, poolclass=StaticPool)
    with engine.connect() as core:
        yield core


def create(core: Connection) -> None:
    """Make all tables in an empty database, and note the version; the caller commits."""
    if core.dialect.name == "postgresql":
        give_postgres_options()
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
