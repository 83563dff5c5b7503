"""Connections to one SQLite file: address, settings of the database, refused places."""

import os
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl

from harmonia_core import StateReadOnly, StateUnavailable

# Locks of SQLite do not hold between machines, and WAL needs shared memory.
NETWORK = ("nfs", "cifs", "smb", "fuse.sshfs", "9p", "afs", "ceph", "glusterfs", "lustre")
# Checkpoints are the writer's job; this is the stop for the case that it does not get to them.
LAST_RESORT_PAGES = 16_000


@dataclass(frozen=True, slots=True)
class Address:
    """Say where a database lies and how safe its commits are.

    synchronous: `full` (durable when acknowledged) or `normal` (a power cut may lose the last commits).
    """

    path: Path
    synchronous: str = "full"

    @classmethod
    def parse(cls, url: str) -> "Address":
        """Read `sqlite:///relative.db`, `sqlite:////absolute.db`, with `?synchronous=normal`."""
        place, _, query = url.partition("?")
        file = place.partition("://")[2][1:]
        if not file or file == ":memory:":
            raise StateUnavailable(
                f"{url!r} names no file; give sqlite:///PATH, or memory:// to keep nothing."
            )
        options = dict(parse_qsl(query, keep_blank_values=True))
        synchronous = options.pop("synchronous", "full").lower()
        if options or synchronous not in ("full", "normal"):
            raise StateUnavailable(f"{url!r}: the only option is ?synchronous=full or ?synchronous=normal.")
        return cls(Path(os.path.abspath(os.path.expanduser(file))), synchronous)

    @property
    def engines(self) -> Path:
        """Return the folder of the engines' signs of life."""
        return self.path.with_name(self.path.name + ".engines")


def prepare_place(path: Path) -> None:
    """Make the database's folder; refuse a network file system and a folder that cannot be written."""
    refuse_network(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StateReadOnly(f"The folder {path.parent} cannot be made: {error.strerror}.") from error
    if path.is_dir():
        raise StateUnavailable(f"{path} is a folder; name a file in it.")


def refuse_network(path: Path, mounts: Path = Path("/proc/mounts")) -> None:
    """Raise StateUnavailable if the path lies on a network file system, as far as can be seen."""
    try:
        lines = mounts.read_text("utf-8", "replace").splitlines()
    except OSError:
        return
    real = os.path.realpath(path)
    kind, longest = "", 0
    for line in lines:
        fields = line.split(" ")
        # The kernel writes a space as \040.
        point = fields[1].replace("\\040", " ").rstrip("/") + "/"
        if real.startswith(point) and len(point) >= longest:
            kind, longest = fields[2], len(point)
    if kind.startswith(NETWORK):
        raise StateUnavailable(
            f"{path} lies on a network file system ({kind}), where SQLite's locks do not hold. "
            "Put the database on a local disk."
        )


def connect(address: Address, *, new: bool = False, read_only: bool = False) -> sqlite3.Connection:
    """Open a connection in autocommit; any thread may use it, one at a time.

    It waits up to 5 s for a lock. new: the file may be empty, and gets what must be set first.
    """
    connection = sqlite3.connect(
        address.path, timeout=5.0, isolation_level=None, check_same_thread=False, cached_statements=512
    )
    try:
        if new:
            # This one writes, so it would disturb a database at work.
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {address.synchronous}")
        connection.execute(f"PRAGMA wal_autocheckpoint = {LAST_RESORT_PAGES}")
        connection.execute("PRAGMA journal_size_limit = 67108864")
        connection.execute("PRAGMA cache_size = -16384")
        connection.execute(f"PRAGMA query_only = {int(read_only)}")
    except BaseException:
        connection.close()
        raise
    return connection
