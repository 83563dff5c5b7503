"""What a process writes, taken piece by piece: kept, logged by lines, or passed on to an artifact."""

from codecs import getincrementaldecoder
from collections import deque
from collections.abc import AsyncIterable, Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Any, Protocol

import anyio
from anyio.abc import ByteReceiveStream
from anyio.lowlevel import checkpoint

from harmonia_core import PermanentError
from harmonia_tasks.processes import STREAM_GONE, Ended, Guarded

Step = Callable[[], Coroutine[Any, Any, None]]
PIECE = 64 * 1024
TAIL = 4096
"""Characters of a stream's end that an error shows."""
STRAGGLERS = 1.0
"""Seconds without a byte after which nobody waits for a stream that outlives its command."""


class Sink(Protocol):
    """Take the bytes of one stream, in order."""

    async def take(self, piece: bytes) -> None:
        """Take some more; an exception ends the command."""
        ...

    async def finish(self) -> None:
        """Take note that there is no more."""
        ...


class Kept:
    """Keep everything."""

    def __init__(self) -> None:
        self._data = bytearray()

    async def take(self, piece: bytes) -> None:
        self._data += piece

    async def finish(self) -> None: ...

    def bytes(self) -> bytes:
        """Return what came."""
        return bytes(self._data)


class Lines:
    """Hand on whole lines as they come, never a part of one: it could be a part of a secret.

    tail: the last lines, about as many as an error shows.
    """

    def __init__(self, line: Callable[[str], None], encoding: str = "utf-8") -> None:
        self._line = line
        self._decoder = getincrementaldecoder(encoding)("replace")
        self._begun: list[str] = []
        self._last: deque[str] = deque()
        self._size = 0

    async def take(self, piece: bytes) -> None:
        first, *others = self._decoder.decode(piece).split("\n")
        self._begun.append(first)
        for other in others:
            self._end_line()
            self._begun.append(other)

    async def finish(self) -> None:
        self._begun.append(self._decoder.decode(b"", True))
        if any(self._begun):
            self._end_line()

    @property
    def tail(self) -> str:
        """Return the last lines."""
        return last_lines("\n".join(self._last))

    def _end_line(self) -> None:
        line = "".join(self._begun).rstrip("\r")
        self._begun.clear()
        self._line(line)
        self._last.append(line)
        self._size += len(line) + 1
        while len(self._last) > 1 and self._size - len(self._last[0]) - 1 > TAIL:
            self._size -= len(self._last.popleft()) + 1


class Pump:
    """Carry one stream of a command to its sinks, up to a limit in bytes.

    fault: what went wrong; the command has then been ended.
    """

    def __init__(self, name: str, command: Guarded, sinks: Sequence[Sink], limit: int | None) -> None:
        self._name, self._command, self._sinks, self._limit = name, command, sinks, limit
        self.taken = 0
        self.busy = False
        self.fault: Exception | None = None

    async def run(self, stream: ByteReceiveStream | None) -> None:
        """Carry everything; return when the stream has ended or `fault` is set."""
        if stream is None:
            return
        try:
            with suppress(*STREAM_GONE):
                while True:
                    await self._carry(await stream.receive(PIECE))
            for sink in self._sinks:
                await sink.finish()
        except Exception as error:
            self.fault = error
            self._command.kill()

    async def _carry(self, piece: bytes) -> None:
        self.busy = True
        self.taken += len(piece)
        try:
            if self._limit is not None and self.taken > self._limit:
                message = f"The command wrote more than {self._limit:,} bytes to {self._name}."
                raise PermanentError(message, "output-too-large", category="validation")
            for sink in self._sinks:
                await sink.take(piece)
        finally:
            self.busy = False
        await checkpoint()  # what is buffered is received without waiting


async def feed(command: Guarded, pieces: AsyncIterable[bytes]) -> None:
    """Write a command's input and close it; a command need not read it."""
    stream = command.process.stdin
    assert stream is not None
    with suppress(*STREAM_GONE):
        async for piece in pieces:
            await stream.send(piece)
    with suppress(*STREAM_GONE):
        await stream.aclose()


async def carry(
    command: Guarded, pumps: Sequence[Pump], send: Step | None = None, listen: Step | None = None
) -> Ended:
    """Carry what a command takes and gives until it has ended; return how.

    pumps: of stdout and of stderr; their faults are not raised. send: gives the command its input, and is
    given up when the command has ended. listen: takes what comes another way; waited for like a stream.
    """
    done = anyio.Event()

    async def take() -> None:
        async with anyio.create_task_group() as group:
            for pump, stream in zip(pumps, (command.process.stdout, command.process.stderr), strict=True):
                group.start_soon(pump.run, stream)
            if listen is not None:
                group.start_soon(listen)
        done.set()

    async with anyio.create_task_group() as group:
        if send is not None:
            group.start_soon(send)
        group.start_soon(take)
        ended = await command.wait()
        await drain(pumps, done)
        group.cancel_scope.cancel()
    return ended


async def drain(pumps: Sequence[Pump], done: anyio.Event) -> None:
    """Wait until what an ended command wrote has been carried; give up where nothing more comes."""
    before = -1
    while not done.is_set():
        taken = sum(pump.taken for pump in pumps)
        if taken == before and not any(pump.busy for pump in pumps):
            return
        before = taken
        with anyio.move_on_after(STRAGGLERS):
            await done.wait()


def last_lines(text: str) -> str:
    """Return whole lines from the end of a text; a line too long to show is only counted."""
    text = text.rstrip("\n")
    if len(text) <= TAIL:
        return text
    cut = text.find("\n", len(text) - TAIL - 1)
    if cut >= 0:
        return text[cut + 1 :]
    return f"(a line of {len(text) - text.rfind(chr(10)) - 1:,} characters)"
