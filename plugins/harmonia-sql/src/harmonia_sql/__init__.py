"""State backend on SQLAlchemy Core: the default store, on SQLite.

Registrations only: SQLAlchemy is imported when a store is created.
"""

from collections.abc import Iterable

from harmonia_core import BackendType, StateBackend, hookimpl


def _sqlite(url: str, commit_in_place: str) -> StateBackend:
    from harmonia_sql.backend import SqlBackend
    from harmonia_sql.sqlite.opening import SqliteDatabase

    return SqlBackend(SqliteDatabase(url), commit_in_place)


SQLITE = BackendType(schemes=("sqlite",), create=_sqlite)


@hookimpl
def harmonia_state_backends() -> Iterable[BackendType]:
    """Contribute SQLite (`sqlite:///PATH`)."""
    return (SQLITE,)
