"""Artifacts that are written beside the event loop, for what arrives on it piece by piece."""

from anyio import to_thread

from harmonia_core import ArtifactWriter

CHUNK = 1024 * 1024
"""Bytes that are written at once."""


class Passed:
    """Write everything to an artifact, in a thread: masking and spooling are too slow for the loop."""

    def __init__(self, writer: ArtifactWriter) -> None:
        self._writer = writer
        self._waiting = bytearray()

    async def take(self, piece: bytes) -> None:
        """Take some more; it is written in large chunks."""
        self._waiting += piece
        if len(self._waiting) >= CHUNK:
            await self.finish()

    async def finish(self) -> None:
        """Write what is still waiting."""
        if self._waiting:
            data, self._waiting = bytes(self._waiting), bytearray()
            await to_thread.run_sync(self._writer.write, data)
