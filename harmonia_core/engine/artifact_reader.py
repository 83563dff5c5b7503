"""Artifacts that are kept already, read in chunks by a task that got their reference."""

from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any

from harmonia_core.errors import PermanentError

Chunk = Callable[[str, int], Coroutine[Any, Any, bytes | None]]
"""Return chunk `number` of the blob at an address, None past its end."""
Wait = Callable[[Chunk, str, int], bytes | None]
"""Call a Chunk from a worker thread and wait for what it returns."""


class StoredArtifact:
    """Give the bytes of one artifact; implements the contract's ArtifactReader."""

    def __init__(self, reference: Any, chunk: Chunk, wait: Wait) -> None:
        described = _described(reference)
        self.name: str = described["name"]
        self.size: int = described["size"]
        self.media_type: str = described.get("media_type") or "application/octet-stream"
        self._address = f"sha256:{described['sha256']}"
        self._chunk, self._wait = chunk, wait

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield the chunks, on the loop."""
        number, left = 0, self.size
        while left:
            piece = await self._chunk(self._address, number)
            left -= self._length(piece)
            number += 1
            yield piece or b""

    def __iter__(self) -> Iterator[bytes]:
        """Yield the chunks, in a worker thread."""
        number, left = 0, self.size
        while left:
            piece = self._wait(self._chunk, self._address, number)
            left -= self._length(piece)
            number += 1
            yield piece or b""

    def _length(self, piece: bytes | None) -> int:
        if not piece:
            message = f"The artifact {self.name!r} ({self._address}) is not in the store any more."
            raise PermanentError(message, "artifact-missing", category="validation")
        return len(piece)


def _described(reference: Any) -> dict[str, Any]:
    inner = reference.get("$artifact") if isinstance(reference, dict) else None
    if isinstance(inner, dict):
        name, size, digest = (inner.get(key) for key in ("name", "size", "sha256"))
        if isinstance(name, str) and isinstance(size, int) and size >= 0 and isinstance(digest, str):
            return inner
    message = 'This is no reference to an artifact; it looks like {"$artifact": {name, sha256, size, …}}.'
    raise PermanentError(message, "artifact-invalid", category="validation")
