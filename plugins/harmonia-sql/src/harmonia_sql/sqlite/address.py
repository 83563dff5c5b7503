"""Where an SQLite database lies: its URL, and places that are refused."""

import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl

from harmonia_core import StateReadOnly, StateUnavailable

# Locks of SQLite do not hold between machines, and WAL needs shared memory.
NETWORK = ("nfs", "cifs", "smb", "fuse.sshfs", "9p", "afs", "ceph", "glusterfs", "lustre")


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
