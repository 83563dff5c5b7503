"""The sign of life: a file lock that the system takes away when its process dies, however it dies.

A stopped process still holds its lock and counts as alive. Locks lie beside the
database, one file per engine; whoever finds a dead engine's file may remove it.
"""

import fcntl
import os
from collections.abc import Iterable
from pathlib import Path

from harmonia_core import StateLocked


class SignOfLife:
    """Hold one engine's lock until `end`, or until the process dies."""

    def __init__(self, folder: Path, engine_id: str) -> None:
        self._path = folder / engine_id
        self._file = -1

    def begin(self) -> None:
        """Take the lock; raise StateLocked if another process is this engine."""
        self._path.parent.mkdir(exist_ok=True)
        while True:
            file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            if not _lock(file, fcntl.LOCK_EX):
                os.close(file)
                raise StateLocked(f"Another process holds {self._path}: engine {self._path.name} is at work.")
            # Between making and locking it, somebody may have removed the file as a dead one's.
            if _is_at(file, self._path):
                self._file = file
                return
            os.close(file)

    def end(self) -> None:
        """Remove the file and give the lock back; harmless if it was never taken."""
        if self._file >= 0:
            self._path.unlink(missing_ok=True)
            os.close(self._file)
            self._file = -1


def living(folder: Path, engine_ids: Iterable[str]) -> set[str]:
    """Return those engines whose lock is held."""
    return {engine_id for engine_id in engine_ids if _held(folder / engine_id)}


def bury(folder: Path, engine_id: str) -> bool:
    """Remove a dead engine's file; return whether it is dead and gone."""
    path = folder / engine_id
    try:
        file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    try:
        dead = _lock(file, fcntl.LOCK_EX)
        if dead and _is_at(file, path):
            path.unlink(missing_ok=True)
        return dead
    finally:
        os.close(file)


def _held(path: Path) -> bool:
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        # Shared, so that two who ask at once do not take each other for the owner.
        return not _lock(file, fcntl.LOCK_SH)
    finally:
        os.close(file)


def _lock(file: int, kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_at(file: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file), os.stat(path))
    except FileNotFoundError:
        return False
