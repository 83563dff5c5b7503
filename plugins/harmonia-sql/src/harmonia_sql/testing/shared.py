"""One cluster for all processes of a test session, whichever comes first and whoever goes last.

Each process holds a shared lock on a file while it uses the cluster; the system takes it
away however the process ends. Who gets the lock for itself alone may stop the cluster:
the last process does, and so does a guard that waits for exactly that.
"""

import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harmonia_sql.testing.cluster import Cluster


@contextmanager
def shared_cluster(place: Path) -> Iterator[Cluster]:
    """Use the cluster of a session; `place` is a folder that all its processes know."""
    users = os.open(place / "postgres.users", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC)
    note = place / "postgres.place"
    try:
        with _alone(place / "postgres.starting"):
            fcntl.flock(users, fcntl.LOCK_SH)
            if not note.exists():
                cluster = Cluster.make()
                note.write_text(str(cluster.folder), "utf-8")
                _guard(place)
        yield Cluster.at(Path(note.read_text("utf-8")))
        with _alone(place / "postgres.starting"):
            end_if_unused(place, users, wait=False)
    finally:
        os.close(users)


def end_if_unused(place: Path, users: int, *, wait: bool) -> None:
    """Delete the cluster once nobody else uses it; without `wait`, only if that is so now."""
    note = place / "postgres.place"
    try:
        fcntl.flock(users, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return
    if note.exists():
        Cluster.at(Path(note.read_text("utf-8"))).remove()
        note.unlink()


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
    finally:
        os.close(file)


# It leaves its parent at once, so that nobody has to wait for it.
GUARD = """
import os, pathlib, sys
os.fork() and os._exit(0)
os.setsid()
from harmonia_sql.testing.shared import end_if_unused
place = pathlib.Path(sys.argv[1])
end_if_unused(place, os.open(place / "postgres.users", os.O_RDWR), wait=True)
"""


def _guard(place: Path) -> None:
    quiet = subprocess.DEVNULL
    command = [sys.executable, "-c", GUARD, str(place)]
    subprocess.run(command, stdin=quiet, stdout=quiet, stderr=quiet, check=True)
