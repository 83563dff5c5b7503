"""Client and engine processes on one store, killed, stopped and taken over: what clients were told holds.

The checker and what the processes run are in tests/consistency. HARMONIA_TEST_CONSISTENCY sets how many
operations each of the clients carries out.
"""

import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import anyio
import checked_process
import pytest
from anomalies import report
from checked_flows import LIMITS, SECRET
from checked_process import FileNotes, SharedList, engine_of, notes_in
from checker import check
from client_programs import Attempt, Client
from programs import Place, Program, until
from recorded_history import History, read_files, read_history
from surveyor import survey

from harmonia_core.host import Engine

STORES = ("sqlite", "postgresql")
SERVERS, CLIENTS = 3, 4
OPERATIONS = int(os.environ.get("HARMONIA_TEST_CONSISTENCY", "100"))
SEED = 20
PROGRAM = Path(checked_process.__file__)
pytestmark = [pytest.mark.laboratory, pytest.mark.timeout(1800)]


class Crowd:
    """Hold the processes of a run and do them harm."""

    def __init__(self, place: Place) -> None:
        self.place, self.random = place, Random(SEED)
        self.note = FileNotes(place.folder / "overseer.jsonl")
        folders = [*os.environ.get("PYTHONPATH", "").split(os.pathsep), *sys.path]
        place.environment |= {"PYTHONPATH": os.pathsep.join(filter(None, folders)), SECRET[0]: SECRET[1]}
        self.servers: dict[str, Program] = {}
        self.kills = self.stops = self._number = 0

    def join(self, kind: str, operations: int = 0) -> tuple[str, Program]:
        """Start one more process."""
        self._number += 1
        name = f"{kind}{self._number}"
        command = [sys.executable, PROGRAM, self.place.url, name, self.place.folder, self._number, operations]
        program = self.place._begin([str(word) for word in command], {})
        if kind == "server":
            self.servers[name] = program
        return name, program

    def kill(self, name: str, program: Program) -> None:
        """Kill a process; what it had begun is over once it is gone."""
        program.send(signal.SIGKILL)
        program.process.wait()
        self.note("fault", fault="kill", engine=name)
        self.kills += 1

    def harm(self, clients: dict[str, Program]) -> None:
        """Kill or stop servers until all clients are done; one client is killed, too."""
        victim = self.random.choice(list(clients))
        spared = time.monotonic() + 5
        while any(client.process.poll() is None for client in clients.values()):
            time.sleep(self.random.uniform(0.3, 1.2))
            if clients[victim].process.poll() is None and time.monotonic() > spared:
                self.kill(victim, clients[victim])
            name = self.random.choice(list(self.servers))
            if self.random.random() < 0.5:
                self.kill(name, self.servers.pop(name))
                self.join("server")
                continue
            self.servers[name].send(signal.SIGSTOP)
            time.sleep(self.random.uniform(0.2, 1.5))
            self.servers[name].send(signal.SIGCONT)
            self.stops += 1

    def leave(self) -> None:
        """Have the servers end."""
        for program in self.servers.values():
            program.send(signal.SIGTERM)
        for program in self.servers.values():
            program.ended(30)


async def close(place: Place, note: FileNotes) -> None:
    """Bring everything to its end beside the servers, and note what the store holds then."""
    engine = engine_of(place.url, "overseer", note, Random(0), adopt_orphans=True)
    async with engine:
        client = Client("overseer", Random(0), note, _on(engine), SharedList(place.folder / "known"))
        deadline = anyio.current_time() + 300
        while rows := await engine.backend.unfinished():
            if anyio.current_time() > deadline:
                break
            for row in rows:
                await _help(client, row)
            await anyio.sleep(1)
        client.known.look()  # type: ignore[attr-defined]
        for execution in client.known:
            await client.read(execution)
        await survey(engine, note, LIMITS, [SECRET[1]])


def _on(engine: Engine) -> Any:
    async def carry(client: Client, attempt: Attempt) -> Any:
        return await attempt(engine, {})

    return carry


async def _help(client: Client, row: Any) -> None:
    if row.status == "paused":
        await client.resume(row.execution_id)
    elif row.workflow == "mail":
        await client.signal(row.execution_id)
    elif row.workflow == "asking":
        await client.approve(row.execution_id)


def figures(history: History, kills: int) -> Iterator[str]:
    """Yield what is worth publishing."""
    outcomes = Counter(one.outcome for one in history.operations)
    times = Counter((one.execution, one.path, one.attempt) for one in history.effects)
    again = sum(count - 1 for count in times.values())
    yield f"{len(history.operations)} operations ({outcomes['ok']} ok, {outcomes['fail']} refused"
    yield f"{outcomes['unknown']} unknown) on {len(history.executions)} executions"
    yield f"{len(history.effects)} effects, {again} of them again, {again / max(kills, 1):.2f} per kill"


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(*SECRET)


async def limit(url: str, note: FileNotes) -> None:
    async with engine_of(url, "overseer", note, Random(0)) as engine:
        for name, most in LIMITS.items():
            await engine.set_limit("resource", name, most=most)


def test_what_clients_of_processes_were_told_holds(place: Place) -> None:
    crowd = Crowd(place)
    anyio.run(limit, place.url, crowd.note)
    for _ in range(SERVERS):
        crowd.join("server")
    clients = dict(crowd.join("client", OPERATIONS) for _ in range(CLIENTS))
    until(lambda: all("ready" in one.stdout for one in clients.values()), 300, "for clients")
    crowd.harm(clients)
    anyio.run(close, place, crowd.note)
    crowd.leave()
    history = read_history(read_files(*notes_in(place.folder)))
    found = check(history)
    print("\n" + ", ".join(figures(history, crowd.kills)))
    print(f"{crowd.kills} kills, {crowd.stops} stops, {len(found)} anomalies")
    assert not found, "\n" + report(history, found)
    assert crowd.kills >= 2 and len(history.operations) > OPERATIONS
