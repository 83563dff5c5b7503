"""Turn the server's errors and those of the way to it into the contract's: what, where, what to do."""

from collections.abc import Callable
from typing import Any

import psycopg

from harmonia_core import (
    SchemaMismatch,
    StateBackendError,
    StateCorrupt,
    StateFull,
    StateLocked,
    StateReadOnly,
    StateUnavailable,
)
from harmonia_sql.dialect import Discord
from harmonia_sql.postgres.address import Address

# What a checked update fails with when it did not touch the rows it had to: 1 / (count = expected).
DIVISION_BY_ZERO = "22012"
UNIQUE_VIOLATION = "23505"
DEADLOCK = ("40P01", "40001")
# Classes of errors about the values of a row: data, constraints, limits of size.
OF_ROWS = ("22", "23", "54")


class ServerError(Exception):
    """Hold what the server answered instead of doing a statement. sqlstate: its code, five characters."""

    def __init__(self, message: str, sqlstate: str | None) -> None:
        self.sqlstate = sqlstate
        super().__init__(message)


class ConnectionLost(ServerError):
    """Tell that the connection is gone; whether the transaction was committed is not known."""


def fatal(error: Exception) -> bool:
    """Tell whether an error concerns the database and not just the rows of one unit."""
    if isinstance(error, ConnectionLost):
        return True
    code = getattr(error, "sqlstate", None)
    if isinstance(error, StateBackendError) or code is None:
        return isinstance(error, psycopg.Error)
    return not code.startswith(OF_ROWS)


def raced(error: Exception) -> bool:
    """Tell whether somebody else wrote a row of the same key at the same time."""
    return getattr(error, "sqlstate", None) == UNIQUE_VIOLATION


def answer(message: str, sqlstate: str | None) -> Exception:
    """Return the error for a server's answer."""
    if sqlstate == DIVISION_BY_ZERO:
        return Discord("a head has moved")
    return ServerError(message, sqlstate)


def translate(error: BaseException, address: Address) -> StateBackendError:
    """Return the contract's error for a driver's or a server's, SQLAlchemy's wrapping removed."""
    origin = getattr(error, "orig", None) or error
    if isinstance(origin, StateBackendError):
        return origin
    code = getattr(origin, "sqlstate", None)
    if code is None and isinstance(origin, psycopg.OperationalError | ConnectionLost | OSError):
        return _unreachable(address, origin)
    for start, known in _BY_CODE:
        if code is not None and code.startswith(start):
            return known(address, origin)
    return StateBackendError(
        f"The database {address} refused a row: {type(origin).__name__}: {_said(origin)}."
    )


def _said(error: Any) -> str:
    """Return what libpq or the server said, on one line; neither repeats a password."""
    told = " ".join(str(error).split())
    return told.removeprefix("connection failed: ").rstrip(".")


def _unreachable(address: Address, error: BaseException) -> StateBackendError:
    told = _said(error)
    for sign, known in _BY_WORDS:
        if sign in told:
            return known(address, error)
    return StateUnavailable(
        f"The database {address} cannot be reached ({told}). Check that the server runs there and accepts "
        "connections from here."
    )


def _refused(address: Address, error: BaseException) -> StateBackendError:
    return StateUnavailable(
        f"The server refused the user of the database {address} ({_said(error)}). Check user and password in "
        "the URL (or PGPASSWORD, ~/.pgpass), and pg_hba.conf on the server."
    )


def _absent(address: Address, error: BaseException) -> StateBackendError:
    return StateUnavailable(
        f"The database {address} does not exist ({_said(error)}). Make it with `createdb`, or name another."
    )


def _forbidden(address: Address, error: BaseException) -> StateBackendError:
    return StateReadOnly(
        f"The user of the database {address} lacks a right ({_said(error)}). It needs CREATE and USAGE on "
        "its schema, and must own Harmonia's tables."
    )


def _full(address: Address, error: BaseException) -> StateBackendError:
    return StateFull(
        f"There is no room for the database {address} ({_said(error)}). Nothing was written; free space on "
        "the server's disk, then try again."
    )


def _crowded(address: Address, error: BaseException) -> StateBackendError:
    return StateUnavailable(
        f"The server of the database {address} has no connection left ({_said(error)}). An engine needs up "
        "to 6; raise max_connections, or end other clients."
    )


def _read_only(address: Address, error: BaseException) -> StateBackendError:
    return StateReadOnly(
        f"The database {address} cannot be written ({_said(error)}): it is a standby, or set read-only. Name "
        "the primary server."
    )


def _slow(address: Address, error: BaseException) -> StateBackendError:
    return StateUnavailable(
        f"The server of the database {address} gave up a statement ({_said(error)}). Nothing was written; "
        "see what keeps it busy (pg_stat_activity), then try again."
    )


def _locked(address: Address, error: BaseException) -> StateBackendError:
    return StateLocked(
        f"Rows in the database {address} are locked by another session ({_said(error)}). Nothing was "
        "written; end what holds them (pg_stat_activity), then try again."
    )


def _corrupt(address: Address, error: BaseException) -> StateBackendError:
    return StateCorrupt(
        f"The database {address} is damaged ({_said(error)}). Restore it from a backup; the server's log "
        "says more."
    )


def _going(address: Address, error: BaseException) -> StateBackendError:
    return StateUnavailable(
        f"The server of the database {address} is not available now ({_said(error)}). It is starting, "
        "stopping or has ended this connection; try again."
    )


def _statement(address: Address, error: BaseException) -> StateBackendError:
    return SchemaMismatch(
        f"The database {address} does not have the tables of this version ({_said(error)}). Use the version "
        "of Harmonia that made it, or name another database with --db."
    )


_Known = Callable[[Address, BaseException], StateBackendError]
# SQLSTATE, or its class; the first that fits counts.
_BY_CODE: tuple[tuple[str, _Known], ...] = (
    ("28", _refused),
    ("3D000", _absent),
    ("42501", _forbidden),
    ("53100", _full),
    ("53300", _crowded),
    ("53", _slow),
    ("25006", _read_only),
    ("57014", _slow),
    ("55P03", _locked),
    ("40", _locked),
    ("57P", _going),
    ("25P", _going),
    ("08", _unreachable),
    ("XX001", _corrupt),
    ("XX002", _corrupt),
    ("58", _slow),
    ("42", _statement),
    ("3F000", _statement),
)
# libpq gives no code for a connection that was refused, only the server's words (in English or not at all).
_BY_WORDS: tuple[tuple[str, _Known], ...] = (
    ("authentication failed", _refused),
    ("no password supplied", _refused),
    ("pg_hba.conf", _refused),
    ('role "', _refused),
    ("does not exist", _absent),
    ("permission denied for database", _forbidden),
    ("too many c", _crowded),
    ("remaining connection slots", _crowded),
    ("starting up", _going),
    ("shutting down", _going),
)
