"""The schema of an SQLite file: compared at start, created at once, upgraded after a backup copy."""

import sqlite3
import time
from contextlib import closing
from pathlib import Path

from harmonia_core import SchemaMismatch
from harmonia_sql import schema
from harmonia_sql.schema import HEAD, MIGRATIONS, core_over
from harmonia_sql.sqlite.address import Address
from harmonia_sql.sqlite.connection import connect


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
    with core_over("sqlite://", connection) as core:
        connection.execute("BEGIN IMMEDIATE")
        # Another process may have been quicker while this one waited for the lock.
        found = revision(connection)
        if found is None:
            schema.create(core)
            core.commit()
    return HEAD if found is None else found


def _upgrade(connection: sqlite3.Connection, path: Path, found: str, head: str, migrations: Path) -> None:
    plan = schema.plan(str(path), found, head, migrations)
    _back_up(connection, path, found)
    with core_over("sqlite://", connection) as core:
        connection.execute("BEGIN IMMEDIATE")
        schema.upgrade(core, plan, head)


def _back_up(connection: sqlite3.Connection, path: Path, found: str) -> None:
    moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    copy = path.with_name(f"{path.name}.{found}-{moment}.backup")
    with closing(sqlite3.connect(copy)) as target:
        connection.backup(target)
