"""A file that is there whole or not at all, and never in place of another."""

import os
from pathlib import Path

from harmonia_core import BackupRefused


def claim(target: Path) -> Path:
    """Make the file that becomes the target, for this user alone; return its path.

    Raises BackupRefused if either is there already or cannot be made.
    """
    partial = target.with_name(f"{target.name}.partial")
    try:
        if target.exists():
            raise BackupRefused(f"{target} exists; a backup never writes over anything. Name another file.")
        os.close(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        raise BackupRefused(
            f"{partial} exists: another backup is writing it, or died. Remove it if none is."
        ) from None
    except OSError as error:
        raise BackupRefused(f"{target} cannot be made: {error.strerror or error}.") from error
    return partial


def sync(path: Path) -> None:
    """Bring a file, or the names in a folder, to the disk."""
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def put_in_place(partial: Path, target: Path) -> None:
    """Give the copy its name, without ever replacing a file, and make that durable."""
    try:
        os.link(partial, target)
    except FileExistsError:
        raise BackupRefused(f"{target} has been made meanwhile; it is left as it is.") from None
    except OSError:  # a file system without links
        if target.exists():
            raise BackupRefused(f"{target} has been made meanwhile; it is left as it is.") from None
        partial.rename(target)
    sync(target.parent)
