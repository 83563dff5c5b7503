"""What checking a PostgreSQL database needs: sizes, what the server can check, dumps."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, TextClause, text
from sqlalchemy.exc import DBAPIError

from harmonia_core import Problem
from harmonia_sql.postgres.address import Address
from harmonia_sql.postgres.backup import dump

# Since this version the extension also checks the rows of tables.
CHECKS_TABLES = 140000
_OURS = "FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace WHERE nspname = current_schema()"
SIZES = text(
    "SELECT pg_database_size(current_database()), "
    f"(SELECT coalesce(sum(pg_total_relation_size(pg_class.oid)), 0)::bigint {_OURS} AND relkind = 'r')"
)
CHECKSUMS = text(
    "SELECT coalesce(checksum_failures, 0) FROM pg_stat_database WHERE datname = current_database()"
)
# Where the extension's functions are, quoted: they need not be on the search path.
EXTENSION = text(
    "SELECT quote_ident(nspname) FROM pg_extension JOIN pg_namespace ON pg_namespace.oid = extnamespace "
    "WHERE extname = 'amcheck'"
)
INDEXES = text(
    f"SELECT pg_class.oid::bigint, relname {_OURS} AND relkind = 'i' AND relam = "
    "(SELECT oid FROM pg_am WHERE amname = 'btree') ORDER BY relname"
)
TABLES = text(f"SELECT pg_class.oid::bigint, relname {_OURS} AND relkind = 'r' ORDER BY relname")
# SQLSTATE of a right that is missing.
FORBIDDEN = "42501"
MOST_FAULTS = 100


class PostgresInspection:
    """Look below the tables of one schema."""

    begin = ("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", "SET LOCAL statement_timeout = 0")

    def __init__(self, address: Address) -> None:
        self._address = address

    def outside(self) -> Mapping[str, Any]:
        """Return the database and its server, without a password."""
        return {"backend": "postgresql", "place": str(self._address), "bytes": {}}

    def sizes(self, core: Connection) -> dict[str, int]:
        """Return the size of the database, and that of our tables with their indexes."""
        database, tables = core.execute(SIZES).one()
        return {"database": database, "tables": tables}

    def verify(self, core: Connection) -> list[Problem]:
        """Have the server check indexes and tables if its extension amcheck is there."""
        with _unhurried(core):
            failed = core.scalar(CHECKSUMS) or 0
            found = [self._fault(f"{failed} pages have failed their checksum")] if failed else []
            schema = core.scalar(EXTENSION)
            return found + (self._not_there() if schema is None else self._checked(core, schema))

    def _not_there(self) -> list[Problem]:
        message = "indexes and tables were not checked below the rows, for the extension amcheck is not there"
        hint = "CREATE EXTENSION amcheck, as a user who may"
        return [Problem("not-verified", str(self._address), message, suggestion=hint)]

    def _checked(self, core: Connection, schema: str) -> list[Problem]:
        index = text(f"SELECT {schema}.bt_index_check(cast(:oid AS bigint)::oid)")
        found = [fault for one in core.execute(INDEXES).all() for fault in self._asked(core, index, *one)]
        if core.connection.dbapi_connection.info.server_version >= CHECKS_TABLES:  # type: ignore[union-attr]
            rows = text(f"SELECT msg FROM {schema}.verify_heapam(cast(:oid AS bigint)::oid) LIMIT 10")
            found += [fault for one in core.execute(TABLES).all() for fault in self._asked(core, rows, *one)]
        # One for each table that may not be checked says no more than one for all.
        return list({(one.code, one.message): one for one in found}.values())[:MOST_FAULTS]

    def _asked(self, core: Connection, question: TextClause, oid: int, name: str) -> list[Problem]:
        try:
            told = core.execute(question, {"oid": oid}).scalars().all()
        except DBAPIError as error:
            if error.connection_invalidated:
                raise
            if getattr(error.orig, "sqlstate", "") == FORBIDDEN:
                return [self._forbidden()]
            return [self._fault(f"{name}: {' '.join(str(error.orig).split())}")]
        return [self._fault(f"{name}: {message}") for message in told if message]

    def _forbidden(self) -> Problem:
        message = "this user may not run all checks of amcheck, so some tables were not checked"
        hint = "check as a superuser, or GRANT EXECUTE on its functions"
        return Problem("not-verified", str(self._address), message, suggestion=hint)

    def _fault(self, message: str) -> Problem:
        mend = "REINDEX mends an index; restore anything else from a backup"
        return Problem("store-damaged", str(self._address), message, suggestion=mend)

    async def backup(self, target: str, progress: Callable[[float], None] | None) -> dict[str, Any]:
        """Dump our schema; see `dump`."""
        return await dump(self._address, Path(target).absolute(), progress)


@contextmanager
def _unhurried(core: Connection) -> Iterator[None]:
    """Let statements take as long as they need; a connection that is lost takes its setting along."""
    usual = core.exec_driver_sql("SHOW statement_timeout").scalar_one()
    core.exec_driver_sql("SET statement_timeout = 0")
    try:
        yield
    finally:
        if not core.invalidated:
            core.exec_driver_sql(f"SET statement_timeout = '{usual}'")
