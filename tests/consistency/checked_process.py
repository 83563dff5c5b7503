"""One process of a checked workload: `python checked_process.py URL NAME FOLDER SEED OPERATIONS`.

It is an engine that notes what its tasks do. With operations it is a client beside that: it carries them out
on itself, notes them and ends; without, it serves until SIGTERM, and adopts what has lost its engine.
"""

import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import anyio
from checked_flows import SECRET, effect_type
from client_programs import Attempt, Client

from harmonia_core import HarmoniaError
from harmonia_core.host import Engine, KernelSettings, create_backend, load_plugins


class FileNotes:
    """Append notes to a file, one short write each; times are those of the machine."""

    def __init__(self, file: Path) -> None:
        self._file = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)

    def __call__(self, type: str, **fields: Any) -> None:
        line = json.dumps({"type": type, "at": time.time(), **fields})
        os.write(self._file, f"{line}\n".encode())


class SharedList(list[str]):
    """Know what any client knows: ids in a file."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self._file = file
        self.look()

    def look(self) -> None:
        """Read what others have added."""
        if self._file.exists():
            self[:] = [line for line in self._file.read_text().split("\n")[:-1] if len(line) == 36]

    def append(self, execution: str) -> None:
        super().append(execution)
        with self._file.open("a") as file:
            file.write(f"{execution}\n")


def engine_of(url: str, name: str, note: Any, random: Random, **settings: Any) -> Engine:
    """Return an engine whose tasks note what they do."""

    async def pace() -> None:
        await anyio.sleep(random.random() * 0.15)

    told = KernelSettings(cancel_grace=2.0, adopt_interval=0.3, **settings)
    plugins = load_plugins(told, extra=[effect_type(name, note, pace)])
    return Engine(create_backend(url, plugins, told), plugins, told)


async def act(
    engine: Engine, name: str, random: Random, operations: int, known: SharedList, note: Any
) -> None:
    """Carry out operations, and now and then take an execution over from whoever has it."""

    async def carry(client: Client, attempt: Attempt) -> Any:
        return await attempt(engine, {})

    client = Client(name, random, note, carry, known)
    for _ in range(operations):
        known.look()
        if known and random.random() < 0.03:
            execution = random.choice(known)
            note("fault", fault="adopt", execution=execution, by=name)
            with suppress(HarmoniaError):
                await engine.adopt(execution, force=True)
            note("fault", fault="adopt", execution=execution, by=name)
        await client.act()
        await anyio.sleep(random.random() * 0.05)


async def main(url: str, name: str, folder: Path, seed: int, operations: int) -> None:
    note, random = FileNotes(folder / f"{name}.jsonl"), Random(seed)
    with anyio.open_signal_receiver(signal.SIGTERM) as signals:
        async with engine_of(url, name, note, random, adopt_orphans=not operations) as engine:
            print("ready", flush=True)
            if operations:
                await act(engine, name, random, operations, SharedList(folder / "known"), note)
            else:
                async for _ in signals:
                    break
    note("fault", fault="leave", engine=name)


def notes_in(folder: Path) -> Iterator[Path]:
    """Yield the files of notes."""
    yield from sorted(folder.glob("*.jsonl"))


if __name__ == "__main__":
    os.environ.setdefault(*SECRET)
    url, name, folder, seed, operations = sys.argv[1:]
    anyio.run(main, url, name, Path(folder), int(seed), int(operations))
