"""Prints of in-process tasks: routed, line by line, to the attempt that prints.

One router stands in for `sys.stdout` and one for `sys.stderr` while any dispatcher is
open. A context variable says who speaks; outside attempts everything passes through.
Threads that a task starts by itself have no context and pass through, too.
"""

import sys
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from threading import Lock
from typing import Any, Literal, Protocol, TextIO, cast

from harmonia_core.engine.masking import Masker
from harmonia_core.errors import PermanentError

Stream = Literal["stdout", "stderr"]
_STREAMS: tuple[Stream, Stream] = ("stdout", "stderr")


class OutputTooLarge(PermanentError):
    """Stop a task that prints more than it may; raised in the task by its own print."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"The task printed more than {limit:,} bytes.", code="output-too-large")


class Speaker(Protocol):
    """Who prints."""

    def printed(self, stream: Stream, text: str) -> None:
        """Take what was printed; may raise OutputTooLarge."""
        ...


speaker: ContextVar[Speaker | None] = ContextVar("harmonia_speaker", default=None)
"""Set in the context of an attempt, and nowhere else."""


class _Bytes:
    """Stand in for `sys.stdout.buffer` while an attempt speaks."""

    def __init__(self, router: "Router") -> None:
        self._router = router

    def write(self, data: bytes) -> int:
        self._router.write(bytes(data).decode("utf-8", "replace"))
        return len(data)

    def flush(self) -> None:
        """Do nothing: lines are handed on as they come."""


class Router:
    """Stand in for one of the process's text streams."""

    def __init__(self, name: Stream, original: TextIO) -> None:
        self._name: Stream = name
        self.original = original
        self.users = 1

    def write(self, text: str) -> int:
        """Hand text to whoever speaks in this context, or to the original stream."""
        who = speaker.get()
        if who is None:
            return self.original.write(text)
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        who.printed(self._name, text)
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write each of the lines."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Flush the original stream, unless an attempt speaks."""
        if speaker.get() is None:
            self.original.flush()

    @property
    def buffer(self) -> Any:
        """Return the original's bytes, or what captures them while an attempt speaks."""
        return self.original.buffer if speaker.get() is None else _Bytes(self)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.original, name)


def install() -> None:
    """Put the routers in place, or count one user more of those that stand there."""
    for name in _STREAMS:
        current = getattr(sys, name)
        if isinstance(current, Router):
            current.users += 1
        elif current is not None:
            setattr(sys, name, cast(TextIO, Router(name, current)))


def uninstall() -> None:
    """Take the routers away when their last user leaves; what others put in place stays."""
    for name in _STREAMS:
        current = getattr(sys, name)
        if isinstance(current, Router):
            current.users -= 1
            if not current.users:
                setattr(sys, name, current.original)


class Prints:
    """Cut what one attempt prints into masked lines, up to a limit in bytes."""

    def __init__(self, limit: int, masker: Masker | None, line: Callable[[Stream, str], None]) -> None:
        self._limit = self._room = limit
        self._line = line
        self._lock = Lock()
        self._rest: dict[Stream, str] = {"stdout": "", "stderr": ""}
        self._masks = {name: masker.text_stream() for name in _STREAMS} if masker else None

    def write(self, stream: Stream, text: str) -> None:
        """Take text; hand on the lines that are complete. Raises OutputTooLarge past the limit."""
        with self._lock:
            self._room -= len(text) if text.isascii() else len(text.encode("utf-8", "replace"))
            if self._room < 0:
                raise OutputTooLarge(self._limit)
            self._take(stream, self._masks[stream].feed(text) if self._masks else text)

    def close(self) -> None:
        """Hand on what is left without a line's end."""
        with self._lock:
            for stream in _STREAMS:
                if self._masks:
                    self._take(stream, self._masks[stream].flush())
                if rest := self._rest[stream]:
                    self._rest[stream] = ""
                    self._line(stream, rest)

    def _take(self, stream: Stream, text: str) -> None:
        *lines, rest = text.split("\n")
        if lines:
            lines[0] = self._rest[stream] + lines[0]
            self._rest[stream] = rest
        else:
            self._rest[stream] += rest
        for line in lines:
            self._line(stream, line.rstrip("\r"))
