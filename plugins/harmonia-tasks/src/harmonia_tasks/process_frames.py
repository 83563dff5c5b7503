"""Frames between the engine and the child of `python`: a kind, a length, and that many bytes.

Used on both sides; what comes from a child is data, whatever it is.
"""

import json
from collections.abc import Iterator
from struct import Struct
from typing import Any

from harmonia_core import PermanentError, TaskError

MESSAGE, BYTES = 0, 1
"""Kinds: a JSON object; bytes of the artifact whose number comes first."""
HEAD = Struct(">BI")
NUMBER = Struct(">I")


class BadFrame(TaskError):
    """Report bytes that mean nothing: the child's function has written to the socket by itself."""

    def __init__(self, what: str) -> None:
        super().__init__(f"The child process sent {what}.", "process-confused", "infrastructure")


def message(shape: Any) -> bytes:
    """Return a JSON object as a frame; raise ValueError or TypeError if it is not JSON."""
    return frame(MESSAGE, json.dumps(shape, allow_nan=False).encode())


def frame(kind: int, body: bytes) -> bytes:
    """Return a body as a frame."""
    return HEAD.pack(kind, len(body)) + body


def chunk(number: int, data: bytes) -> bytes:
    """Return bytes of an artifact as a frame."""
    return frame(BYTES, NUMBER.pack(number) + data)


class Frames:
    """Cut what comes into frames. limit: bytes of a body; a child's own limit is a little lower."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._waiting = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Yield the frames that are complete; raise BadFrame, PermanentError `output-too-large`."""
        self._waiting += data
        while len(self._waiting) >= HEAD.size:
            kind, size = HEAD.unpack_from(self._waiting)
            if kind not in (MESSAGE, BYTES):
                raise BadFrame(f"a frame of the unknown kind {kind}")
            if size > self._limit:
                raise PermanentError(f"The function sent {size:,} bytes at once.", "output-too-large")
            if len(self._waiting) < HEAD.size + size:
                return
            body = bytes(self._waiting[HEAD.size : HEAD.size + size])
            del self._waiting[: HEAD.size + size]
            yield kind, body
