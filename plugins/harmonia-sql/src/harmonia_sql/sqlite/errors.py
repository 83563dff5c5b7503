"""Turn the driver's errors into the contract's: what happened, where, what to do."""

import errno
import os
import resource
import sqlite3
from pathlib import Path

from harmonia_core import (
    SchemaMismatch,
    StateBackendError,
    StateCorrupt,
    StateFull,
    StateLocked,
    StateReadOnly,
    StateUnavailable,
)
from harmonia_sql.sqlite.whereabouts import log_of

# What a folder is tried with, and what may be said of a database when that fails.
BLOCK = 4096
_SAID = (
    errno.EACCES,
    errno.EDQUOT,
    errno.EMFILE,
    errno.ENFILE,
    errno.ENOSPC,
    errno.EPERM,
    errno.EROFS,
)
# A transaction may need this much, in bytes, and a write-ahead log besides.
ROOM = 64 * 1024 * 1024


def translate(error: BaseException, path: Path) -> StateBackendError:
    """Return the contract's error for a driver's error, SQLAlchemy's wrapping removed."""
    origin = getattr(error, "orig", None) or error
    if isinstance(origin, StateBackendError):
        return origin
    code = getattr(origin, "sqlite_errorcode", None)
    if isinstance(origin, OSError):
        return _from_system(path, origin)
    known = _BY_CODE.get(code & 0xFF) if isinstance(code, int) else None
    if known is not None:
        return known(path, origin)
    if isinstance(origin, sqlite3.OperationalError):
        return StateUnavailable(f"The database {path} cannot be used now ({origin}). Try again.")
    return StateBackendError(f"The database {path} refused a row: {type(origin).__name__}: {origin}.")


def fatal(error: Exception) -> bool:
    """Tell whether an error concerns the database and not just the rows of one unit."""
    return isinstance(error, sqlite3.Error) and not isinstance(
        error, sqlite3.IntegrityError | sqlite3.DataError | sqlite3.InterfaceError | sqlite3.ProgrammingError
    )


def busy(error: sqlite3.Error) -> bool:
    """Tell whether somebody else held a lock, so that the same may do later."""
    return error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def _locked(path: Path, _: BaseException) -> StateBackendError:
    return StateLocked(
        f"The database {path} is locked by another process. Nothing was written; "
        "end the process that holds it (a backup, an open shell), then try again."
    )


def _read_only(path: Path, _: BaseException) -> StateBackendError:
    return StateReadOnly(
        f"The database {path} cannot be written: the file or its folder is read-only. "
        "Give this user the right to write both, or name another place with --db."
    )


def _full(path: Path, _: BaseException) -> StateBackendError:
    return StateFull(
        f"There is no room for the database {path}. Nothing was written; free space on its disk "
        "(or raise its limit), then try again."
    )


def _corrupt(path: Path, error: BaseException) -> StateBackendError:
    return StateCorrupt(
        f"{path} is damaged or not an SQLite database ({error}). Restore it from a backup, "
        "or name another file with --db; `sqlite3 FILE .recover` may save what is left."
    )


def _unreadable(path: Path, error: BaseException) -> StateBackendError:
    found = _from_place(path) if path.parent.exists() else None
    if found is not None:
        return found
    what = "cannot be opened" if path.exists() else "is not there"
    return StateUnavailable(f"The database {path} {what} ({error}). Check that the path is right.")


def _disk(path: Path, error: BaseException) -> StateBackendError:
    found = _from_place(path)
    if found is not None:
        return found
    if _free(path) == 0 or _is_limited(path):
        return _full(path, error)
    return StateUnavailable(f"The disk of the database {path} reports an error ({error}). Check the disk.")


def _from_place(path: Path) -> StateBackendError | None:
    """Try the folder: SQLite keeps the system's reason to itself.

    The database itself must not be opened here: closing it would end SQLite's locks on it.
    """
    if not _writable(path):
        return _read_only(path, PermissionError())
    try:
        _try_folder(path.parent)
    except OSError as error:
        return _from_system(path, error) if error.errno in _SAID else None
    return None


def examine(path: Path) -> None:
    """Raise the contract's error if the file system of a database takes nothing more."""
    try:
        _try_folder(path.parent)
    except OSError as error:
        if error.errno in (errno.EDQUOT, errno.ENOSPC, errno.EROFS):
            raise _from_system(path, error) from error


def _try_folder(folder: Path) -> None:
    """Write a block into a file without a name."""
    file = os.open(folder, os.O_TMPFILE | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    try:
        os.write(file, bytes(BLOCK))
    finally:
        os.close(file)


def _from_system(path: Path, error: OSError) -> StateBackendError:
    if error.errno in (errno.EMFILE, errno.ENFILE):
        return StateUnavailable(
            f"The database {path} cannot be opened: this process has too many open files. "
            "Raise its limit (`ulimit -n`)."
        )
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return _read_only(path, error)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return _full(path, error)
    return StateUnavailable(f"The place of the database {path} cannot be used: {error}.")


def _statement(path: Path, error: BaseException) -> StateBackendError:
    return SchemaMismatch(
        f"The database {path} does not have the tables of this version ({error}). "
        "Use the version of Harmonia that made it, or name another file with --db."
    )


def _writable(path: Path) -> bool:
    return os.access(path.parent, os.W_OK) and (not path.exists() or os.access(path, os.W_OK))


def _free(path: Path) -> int:
    try:
        return os.statvfs(path.parent).f_bavail
    except OSError:
        return -1


def _is_limited(path: Path) -> bool:
    """Tell whether files of this process may not grow much more: what is over it looks like a fault."""
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)[0]
    if limit == resource.RLIM_INFINITY:
        return False
    files = (path, log_of(path))
    return sum(file.stat().st_size for file in files if file.exists()) + ROOM >= limit


_BY_CODE = {
    sqlite3.SQLITE_BUSY: _locked,
    sqlite3.SQLITE_LOCKED: _locked,
    sqlite3.SQLITE_PROTOCOL: _locked,
    sqlite3.SQLITE_READONLY: _read_only,
    sqlite3.SQLITE_PERM: _read_only,
    sqlite3.SQLITE_FULL: _full,
    sqlite3.SQLITE_IOERR: _disk,
    sqlite3.SQLITE_CANTOPEN: _unreadable,
    sqlite3.SQLITE_CORRUPT: _corrupt,
    sqlite3.SQLITE_NOTADB: _corrupt,
    sqlite3.SQLITE_ERROR: _statement,
}
