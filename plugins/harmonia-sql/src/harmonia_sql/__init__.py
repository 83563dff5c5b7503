"""State backend on SQLAlchemy Core: the default store, on SQLite.

Registrations only: SQLAlchemy is imported when a store is created.
"""

from collections.abc import Iterable

from harmonia_core import BackendType, StateBackend, hookimpl


def _create(url: str, commit_in_place: str) -> StateBackend:
    from harmonia_sql.backend import SqliteBackend

    return SqliteBackend(url, commit_in_place)


SQLITE = BackendType(schemes=("sqlite",), create=_create)


@hookimpl
def harmonia_state_backends() -> Iterable[BackendType]:
    """Contribute SQLite (`sqlite:///PATH`)."""
    return (SQLITE,)
