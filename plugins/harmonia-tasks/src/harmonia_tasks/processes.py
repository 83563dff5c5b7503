"""Commands and children of the engine, each with a guard that ends it with all it has started.

The guard (`process_guard`) is a process between the two. It outlives neither: it ends the command
when the engine asks for it, and when the engine is gone, however that came about.
"""

import marshal
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from subprocess import DEVNULL, PIPE

import anyio
from anyio.abc import Process

from harmonia_core import TaskError
from harmonia_tasks import process_guard

GRACE = 0.3
"""Seconds between asking the processes of a command to end, and killing them."""
GUARD_GRACE = 2.0
"""Seconds that the guard has, after that, to end itself."""
_GUARD_NEEDS = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
STREAM_GONE = (anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError)


def command(module: str) -> list[str]:
    """Return the command that runs a module of this plugin; `-P` keeps the working folder out."""
    return [sys.executable, "-P", "-m", module]


def environment() -> dict[str, str]:
    """Return this process's environment and whole import path, so that a child finds the same modules."""
    path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)
    return {**os.environ, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1"}


@dataclass(frozen=True, slots=True)
class Order:
    """Say what to run. env: the whole environment. limits: `RLIMIT_…` to value.

    keep: descriptors that the command gets under the same numbers.
    """

    argv: list[str]
    env: Mapping[str, str]
    cwd: str | None = None
    limits: Mapping[str, int] = field(default_factory=dict)
    keep: tuple[int, ...] = ()

    def encoded(self) -> bytes:
        """Return the order as the guard reads it."""
        shape = {
            "argv": [os.fsencode(word) for word in self.argv],
            "env": {os.fsencode(name): os.fsencode(value) for name, value in self.env.items()},
            "cwd": None if self.cwd is None else os.fsencode(self.cwd),
            "limits": dict(self.limits),
            "keep": self.keep,
            "grace": GRACE,
        }
        data = marshal.dumps(shape)
        return len(data).to_bytes(process_guard.HEAD, "big") + data


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended. exit_code: None if a signal ended it. seconds: how long it ran."""

    exit_code: int | None
    signal: str | None
    seconds: float


class NotStarted(Exception):
    """Say why a command could not be started. stage: `fork start cwd limit exec`; number: the errno."""

    def __init__(self, stage: str, number: int) -> None:
        self.stage, self.number = stage, number
        super().__init__(f"{stage}: {os.strerror(number)}")


class Channel:
    """One end of a pair of sockets, on the loop. For one reader and one writer at a time."""

    def __init__(self, end: socket.socket) -> None:
        end.setblocking(False)
        self._end = end

    async def receive(self) -> bytes:
        """Return what has come, at most 64 KiB; nothing at the end."""
        while True:
            try:
                return self._end.recv(64 * 1024)
            except BlockingIOError:
                await anyio.wait_readable(self._end)
            except ConnectionError:
                return b""

    async def send(self, data: bytes) -> None:
        """Send all of it; do nothing if nobody reads any more."""
        view = memoryview(data)
        while view:
            try:
                view = view[self._end.send(view) :]
            except BlockingIOError:
                await anyio.wait_writable(self._end)
            except ConnectionError:
                return

    def finish(self) -> None:
        """Let the other side see the end."""
        with suppress(OSError):
            self._end.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Give the descriptor back; nobody may be waiting."""
        self._end.close()


class Guarded:
    """A command that runs, or has ended. process: the guard, with the command's streams."""

    def __init__(self, process: Process, channel: Channel) -> None:
        self.process = process
        self._channel = channel
        self._ordered = False
        self._command: int | None = None
        self._ended: Ended | None = None
        self._rest = b""

    async def start(self, order: Order) -> None:
        """Hand the order over and return when the command runs; raise NotStarted."""
        await self._channel.send(order.encoded())
        self._ordered = True
        word, *rest = await self._line()
        if word == "failed":
            raise NotStarted(rest[0], int(rest[1]))
        self._command = int(rest[0])

    async def wait(self) -> Ended:
        """Return how the command ended; by then, nothing that it started runs any more."""
        if self._ended is None:
            _, status, seconds = await self._line()
            code = os.waitstatus_to_exitcode(int(status))
            name = None if code >= 0 else _name(-code)
            self._ended = Ended(code if code >= 0 else None, name, float(seconds))
        return self._ended

    def kill(self) -> None:
        """End the command at once; `wait` says when that is done."""
        self._channel.finish()

    async def end(self) -> None:
        """Leave nothing of the command, whether or not this task is being cancelled."""
        with anyio.CancelScope(shield=True):
            if not self._ordered:
                self.kill()
            elif self._ended is None:
                await self._channel.send(process_guard.TERMINATE)
            with anyio.move_on_after(GRACE + GUARD_GRACE):
                await self.process.wait()
            if self.process.returncode != 0:
                self._kill_both()
            self._channel.close()
            await self.process.aclose()

    def _kill_both(self) -> None:
        """Kill a command whose guard was stopped, or killed, or waits for what cannot be killed."""
        for leader in (self._command, self.process.pid if self.process.returncode is None else None):
            with suppress(OSError):
                if leader is not None:
                    os.killpg(leader, signal.SIGKILL)

    async def _line(self) -> list[str]:
        while b"\n" not in self._rest:
            piece = await self._channel.receive()
            if not piece:
                raise TaskError("The guard of the command is gone.", "process-died", "infrastructure")
            self._rest += piece
        line, _, self._rest = self._rest.partition(b"\n")
        return line.decode().split()


@asynccontextmanager
async def guarded(
    order: Order, stdin: int = DEVNULL, stdout: int = PIPE, stderr: int = PIPE
) -> AsyncIterator[Guarded]:
    """Run a command while the block lasts; nothing of it is left afterwards, within a second.

    Raises NotStarted; TaskError `process-died`, `process-not-started` (category `infrastructure`).
    """
    ours, theirs = socket.socketpair()
    try:
        process = await _open_guard((theirs.fileno(), *order.keep), stdin, stdout, stderr)
    except BaseException:
        ours.close()
        raise
    finally:
        theirs.close()
    running = Guarded(process, Channel(ours))
    try:
        await running.start(order)
        yield running
    finally:
        await running.end()


async def _open_guard(passed: tuple[int, ...], stdin: int, stdout: int, stderr: int) -> Process:
    try:
        return await anyio.open_process(
            [sys.executable, "-I", "-S", process_guard.__file__, str(passed[0])],
            env={name: os.environ[name] for name in _GUARD_NEEDS if name in os.environ},
            start_new_session=True,
            pass_fds=passed,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
        )
    except OSError as error:
        message = f"No process could be started: {error.strerror or error}."
        raise TaskError(message, "process-not-started", "infrastructure") from error


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # real-time signals have none
        return f"signal {number}"
