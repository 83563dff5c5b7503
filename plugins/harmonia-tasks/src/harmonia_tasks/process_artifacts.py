"""Artifacts in the child of `python`: written to the engine, and read from it, in pieces."""

from base64 import b64decode
from collections.abc import AsyncIterator, Iterator
from types import TracebackType
from typing import Any, Self

from harmonia_tasks.failures import from_child
from harmonia_tasks.process_frames import chunk, message
from harmonia_tasks.process_wire import Wire

CHUNK = 256 * 1024
"""Bytes of an artifact that are sent at once."""


class ChildArtifact:
    """Send the bytes of one artifact; implements the contract's ArtifactWriter."""

    def __init__(self, wire: Wire, number: int) -> None:
        self._wire, self._number = wire, number
        self._waiting = bytearray()
        self._reference: dict[str, Any] | None = None
        self._open = True

    @property
    def reference(self) -> dict[str, Any]:
        """Return `{"$artifact": …}`; RuntimeError before the end."""
        if self._reference is None:
            raise RuntimeError("The artifact is not sealed: leave its `with` block first.")
        return self._reference

    def write(self, data: bytes) -> int:
        """Add bytes; return how many were taken. Raises what the engine refuses, if late."""
        if not self._open:
            raise RuntimeError("The artifact is closed.")
        if self._number in self._wire.spoiled:
            raise from_child(self._wire.spoiled[self._number], "In the engine")
        view = memoryview(data).cast("B")
        for start in range(0, len(view), CHUNK):
            self._waiting += view[start : start + CHUNK]
            if len(self._waiting) >= CHUNK:
                self._flush()
        return len(view)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._open:
            return
        self._open = False
        if kind is not None:
            self._wire.send(message({"discard": self._number}))
            return
        self._flush()
        self._reference = self._wire.ask({"seal": self._number})

    def _flush(self) -> None:
        if self._waiting:
            self._wire.send(chunk(self._number, bytes(self._waiting)))
            self._waiting.clear()


class ChildReader:
    """Ask for the bytes of one artifact; implements the contract's ArtifactReader."""

    def __init__(self, wire: Wire, described: dict[str, Any]) -> None:
        self._wire, self._number = wire, described["number"]
        self.name: str = described["name"]
        self.size: int = described["size"]
        self.media_type: str = described["media_type"]

    def __iter__(self) -> Iterator[bytes]:
        self._wire.ask({"rewind": self._number})
        while (piece := self._next()) is not None:
            yield piece

    async def __aiter__(self) -> AsyncIterator[bytes]:
        from anyio import to_thread  # not needed by plain functions

        await to_thread.run_sync(self._wire.ask, {"rewind": self._number})
        while (piece := await to_thread.run_sync(self._next)) is not None:
            yield piece

    def _next(self) -> bytes | None:
        found = self._wire.ask({"next": self._number})
        return None if found is None else b64decode(found)
