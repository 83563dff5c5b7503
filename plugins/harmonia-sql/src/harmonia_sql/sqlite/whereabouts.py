"""Notice when the files of a database in use are no longer those at its path.

A file that was deleted or replaced can still be written through its open descriptor,
and everything written so is lost. The write-ahead log counts as well: others would
begin a new one and damage the database.
"""

import os
import time
from pathlib import Path

from harmonia_core import StateUnavailable

# Seconds for which a look holds: it costs the twentieth part of a small commit.
HOLDS = 0.01

Identity = tuple[int, int] | None


class Whereabouts:
    """Remember which files a connection has opened. Make it after the connection has read something."""

    __slots__ = ("_known", "_looked", "path")

    def __init__(self, path: Path) -> None:
        self.path = path
        self._known = {file: _identity(file) for file in (path, log_of(path))}
        self._looked = time.monotonic()

    def check(self, holds: float = HOLDS) -> None:
        """Raise StateUnavailable if the files are others now. holds: seconds for which a look counts."""
        now = time.monotonic()
        if now - self._looked < holds:
            return
        for file, known in self._known.items():
            if _identity(file) != known:
                raise _gone(self.path, file)
        self._looked = now


def log_of(path: Path) -> Path:
    """Return the path of a database's write-ahead log."""
    return path.with_name(f"{path.name}-wal")


def _identity(file: Path) -> Identity:
    try:
        found = os.stat(file)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _gone(path: Path, file: Path) -> StateUnavailable:
    what = "replaced by another file" if file.exists() else "deleted or moved away"
    log = "" if file == path else f" ({file.name}: its write-ahead log)"
    return StateUnavailable(
        f"The database {path} is in use and has been {what}{log}. Nothing more is written, for it would be "
        "lost; put the file back, or end this process before the database is changed."
    )
