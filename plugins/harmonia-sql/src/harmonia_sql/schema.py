"""The schema's version: compared at start, created at once, upgraded by Alembic when it is old.

Alembic is imported only for an upgrade: it costs a fifth of a second. A new database is
made from the tables directly, and a test holds the two ways equal.
"""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy import Connection, create_engine
from sqlalchemy.pool import StaticPool

from harmonia_core import SchemaMismatch
from harmonia_sql import tables
from harmonia_sql.connection import Address, connect

HEAD = "0001"
MIGRATIONS = Path(__file__).with_name("migrations")


def ensure_schema(address: Address, head: str = HEAD, migrations: Path = MIGRATIONS) -> None:
    """Make a new database, upgrade an old one after a backup copy, refuse an unknown one.

    Raises SchemaMismatch with what to do. Processes that start at the same time are safe.
    """
    path = address.path
    # Looked at before any setting of ours: a stranger's database is left exactly as it is.
    found = _look(path) if path.exists() else None
    if found == head:
        return
    if found == "":
        raise SchemaMismatch(
            f"{path} is an SQLite database, but not one of Harmonia's. Name another file with --db."
        )
    with closing(connect(address, new=found is None)) as connection:
        if found is None:
            found = _create(connection)
        if found != head:
            _upgrade(connection, path, found, head, migrations)


def revision(connection: sqlite3.Connection) -> str | None:
    """Return the schema's revision: None in an empty database, empty text in one without a version."""
    names = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if "alembic_version" not in names:
        return "" if names else None
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return str(row[0]) if row else ""


def _look(path: Path) -> str | None:
    with closing(sqlite3.connect(path, timeout=5.0)) as connection:
        return revision(connection)


def _create(connection: sqlite3.Connection) -> str:
    with core_over(connection) as core:
        connection.execute("BEGIN IMMEDIATE")
        # Another process may have been quicker while this one waited for the lock.
        found = revision(connection)
        if found is None:
            tables.metadata.create_all(core, checkfirst=False)
            core.execute(tables.alembic_version.insert().values(version_num=HEAD))
            core.commit()
    return HEAD if found is None else found


def _upgrade(connection: sqlite3.Connection, path: Path, found: str, head: str, migrations: Path) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(migrations))
    steps = ScriptDirectory.from_config(config).walk_revisions("base", head)
    if found not in {step.revision for step in steps}:
        raise SchemaMismatch(
            f"The database {path} has schema {found}; this version of Harmonia knows those up to {head}. "
            "Use the version of Harmonia that wrote it, or a newer one."
        )
    _back_up(connection, path, found)
    with core_over(connection) as core:
        connection.execute("BEGIN IMMEDIATE")
        config.attributes["connection"] = core
        command.upgrade(config, head)


def _back_up(connection: sqlite3.Connection, path: Path, found: str) -> None:
    moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    copy = path.with_name(f"{path.name}.{found}-{moment}.backup")
    with closing(sqlite3.connect(copy)) as target:
        connection.backup(target)


@contextmanager
def core_over(connection: sqlite3.Connection) -> Iterator[Connection]:
    """Give Core's face of a driver's connection; what is not committed at the end is rolled back.

    A transaction of the driver's has to begin inside: Core rolls back when it connects.
    """
    engine = create_engine("sqlite://", creator=lambda: connection, poolclass=StaticPool)
    with engine.connect() as core:
        yield core
