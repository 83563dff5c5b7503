"""The schema in a PostgreSQL database: compared at start, made or upgraded under a lock."""

import logging
from contextlib import closing
from pathlib import Path

import psycopg

from harmonia_core import SchemaMismatch, StateUnavailable
from harmonia_sql import schema
from harmonia_sql.postgres.address import Address
from harmonia_sql.postgres.connection import SETTINGS, connect
from harmonia_sql.schema import HEAD, MIGRATIONS, core_over

logger = logging.getLogger(__name__)

OLDEST = 130000
CORE = "postgresql+psycopg://"
# Whoever makes or upgrades tables holds this lock, so that processes which start at once do it once.
LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('harmonia schema ' || current_schema(), 0))"
LOOK = (
    "SELECT current_schema(), to_regclass(quote_ident(current_schema()) || '.alembic_version') IS NOT NULL, "
    "(SELECT count(*) FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace "
    "WHERE nspname = current_schema() AND relkind IN ('r', 'p', 'v', 'm', 'f'))"
)


def ensure_schema(address: Address, *, make: bool, head: str = HEAD, migrations: Path = MIGRATIONS) -> str:
    """Make the tables if `make`, upgrade old ones, refuse unknown ones; return the name of their schema.

    Raises SchemaMismatch or StateUnavailable with what to do, and psycopg's errors.
    """
    with closing(connect(address, SETTINGS)) as connection:
        _refuse_old(connection, address)
        name, found = _look(connection, address)
        if found is None and not make:
            raise StateUnavailable(f"The database {address} is empty; the first run makes Harmonia's tables.")
        if found != head:
            _bring(connection, address, head, migrations)
        return name


def _refuse_old(connection: psycopg.Connection, address: Address) -> None:
    version = connection.info.server_version
    if version < OLDEST:
        raise StateUnavailable(
            f"The server of the database {address} is PostgreSQL {version // 10000}; Harmonia needs 13 "
            "or later."
        )


def _look(connection: psycopg.Connection, address: Address) -> tuple[str, str | None]:
    """Return the schema's name and the revision of its tables, None if there are none."""
    row = connection.execute(LOOK.encode()).fetchone()
    name, versioned, others = row or (None, False, 0)
    if name is None:
        raise StateUnavailable(
            f"The schema that the URL of the database {address} names as its search_path is not there; make "
            "it with CREATE SCHEMA, or give the user the right to use it."
        )
    if versioned:
        found = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        return name, str(found[0]) if found else ""
    if others:
        raise SchemaMismatch(
            f"The schema {name!r} of the database {address} holds tables that are not Harmonia's. Make a "
            "database for Harmonia alone, or a schema, and name it: ?options=-csearch_path%3Dharmonia"
        )
    return name, None


def _bring(connection: psycopg.Connection, address: Address, head: str, migrations: Path) -> None:
    connection.autocommit = False
    with core_over(CORE, connection) as core:
        connection.execute(LOCK)
        # Another process may have been quicker while this one waited for the lock.
        _, found = _look(connection, address)
        if found is None:
            schema.create(core)
            core.commit()
        elif found != head:
            plan = schema.plan(str(address), found, head, migrations)
            logger.warning("The tables of the database %s are upgraded from %s to %s.", address, found, head)
            schema.upgrade(core, plan, head)
        connection.rollback()
