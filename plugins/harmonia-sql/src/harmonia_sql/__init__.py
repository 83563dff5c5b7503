"""State backend on SQLAlchemy Core: SQLite, the default store, and PostgreSQL.

Registrations only: SQLAlchemy is imported when a store is created.
"""

from collections.abc import Iterable

from harmonia_core import BackendType, StateBackend, StateUnavailable, hookimpl


def _sqlite(url: str, commit_in_place: str) -> StateBackend:
    from harmonia_sql.backend import SqlBackend
    from harmonia_sql.sqlite.opening import SqliteDatabase

    return SqlBackend(SqliteDatabase(url), commit_in_place)


def _postgres(url: str, commit_in_place: str) -> StateBackend:
    try:
        import psycopg  # noqa: F401
    except ImportError as error:
        raise StateUnavailable(
            f"PostgreSQL needs the driver psycopg ({error}); run: pip install 'harmonia-sql[postgres]'"
        ) from error
    from harmonia_sql.backend import SqlBackend
    from harmonia_sql.postgres.opening import PostgresDatabase

    return SqlBackend(PostgresDatabase(url), commit_in_place)


SQLITE = BackendType(schemes=("sqlite",), create=_sqlite)
POSTGRES = BackendType(schemes=("postgresql", "postgres"), create=_postgres)


@hookimpl
def harmonia_state_backends() -> Iterable[BackendType]:
    """Contribute SQLite (`sqlite:///PATH`) and PostgreSQL (`postgresql://USER:PASSWORD@HOST/DATABASE`)."""
    return (SQLITE, POSTGRES)
