"""Use a store in a place where something runs out: `python tight_place.py WHAT DATABASE`.

Each WHAT is a function below, called with the database's path; it prints JSON lines of what it met. Room is
made and taken by remounting the folder, which is a file system of its own.
"""

import json
import logging
import os
import resource
import subprocess
import sys
from pathlib import Path

import anyio

from harmonia_core import EngineRow, StateBackendError
from harmonia_core.testing.state_backend_rows import event_row, start, step
from harmonia_sql import SQLITE
from harmonia_sql.sqlite import maintenance

SMALL, LARGE = "1m", "80m"


def say(what, **more):
    print(json.dumps({"what": what, **more}), flush=True)


def resize(path, size):
    subprocess.run(["mount", "-o", f"remount,size={size}", str(path.parent)], check=True)


async def tried(what, awaitable):
    """Say what came of something."""
    try:
        await awaitable
    except StateBackendError as error:
        say(what, code=error.code, error=str(error))
    else:
        say(what, code=None)


def store(path):
    return SQLITE.create(f"sqlite:///{path}", "auto")


def large(number, size=400_000):
    unit = start(number)
    unit.events.append(event_row(number, 2, data='"' + "x" * size + '"'))
    return unit


async def health(backend, what):
    told = await backend.health()
    say(what, ok=told["ok"], code=told.get("code"), error=told.get("error"))


async def open_without_room(path):
    """The disk is full before there is a database."""
    (path.parent / "ballast").write_bytes(bytes(1024 * 1024 - 8192))
    backend = store(path)
    await tried("open", backend.open(EngineRow("engine-a", 1, "here", 1.0)))
    resize(path, LARGE)
    await tried("open", backend.open(EngineRow("engine-a", 1, "here", 1.0)))
    await tried("commit", backend.commit(start(1)))
    await backend.close()


async def checkpoint_without_room(path):
    """The log has room, the file it is brought into has none."""
    maintenance.QUIET, maintenance.ENOUGH_PAGES = 0.0, 1
    resize(path, LARGE)
    backend = store(path)
    await backend.open(EngineRow("engine-a", 1, "here", 1.0))
    files = os.statvfs(path.parent)
    (path.parent / "ballast").write_bytes(bytes(files.f_bavail * files.f_frsize))
    await tried("commit", backend.commit(large(1)))
    writer = backend._opened.writer
    looked = writer._looked
    while writer._looked < looked + 1.0:
        await anyio.sleep(0.05)
    say("put off", pages=writer.connection.pages > 0)
    await health(backend, "health")
    (path.parent / "ballast").unlink()
    with anyio.fail_after(10):
        while writer.connection.pages:
            await anyio.sleep(0.05)
    await health(backend, "health")
    await backend.close()


async def vacuum_without_room(path):
    """The file is written anew, and there is no room for that."""
    resize(path, LARGE)
    backend = store(path)
    await backend.open(EngineRow("engine-a", 1, "here", 1.0))
    for number in range(30):
        await backend.commit(large(number, 1_000_000))
    files = os.statvfs(path.parent)
    (path.parent / "ballast").write_bytes(bytes(files.f_bavail * files.f_frsize))
    await tried("vacuum", backend.vacuum())
    (path.parent / "ballast").unlink()
    await tried("commit", backend.commit(step(1, 2, expected_seq=1)))
    say("whole", problems=len(await backend.verify()), heads=len(await backend.unfinished()))
    await backend.close()


async def without_files(path):
    """The process may open no more files."""
    first = store(path)
    await first.open(EngineRow("engine-a", 1, "here", 1.0))
    await first.commit(start(1))
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    used = max(int(name) for name in os.listdir("/proc/self/fd"))
    resource.setrlimit(resource.RLIMIT_NOFILE, (used, hard))
    second = store(path)
    await tried("open", second.open(None))
    await tried("read", first.head("x"))
    await tried("commit", first.commit(step(1, 1)))
    await health(first, "health")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    await tried("open", second.open(None))
    await health(first, "health")
    await second.close()
    await first.close()


async def unchangeable(path):
    """The files may not be changed any more, though they are open."""
    backend = store(path)
    await backend.open(EngineRow("engine-a", 1, "here", 1.0))
    await backend.commit(start(1))
    files = [path, Path(f"{path}-wal")]
    subprocess.run(["chattr", "+i", *files], check=True)
    try:
        await tried("commit", backend.commit(step(1, 1)))
        await health(backend, "health")
    finally:
        subprocess.run(["chattr", "-i", *files], check=True)
    await tried("commit", backend.commit(step(1, 1)))
    await health(backend, "health")
    await backend.close()


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    anyio.run(globals()[sys.argv[1]], Path(sys.argv[2]))
