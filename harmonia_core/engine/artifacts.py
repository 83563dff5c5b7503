"""Artifacts of one attempt: masked, hashed and uploaded in chunks while they are written.

In a worker thread a full chunk goes to the store at once. On the loop nothing may wait,
so chunks go to a temporary file and are uploaded when the function has ended, before
its outcome is delivered. Nothing refers to the chunks of an artifact thrown away.
"""

import hashlib
import secrets
from collections.abc import Callable
from tempfile import SpooledTemporaryFile
from types import TracebackType
from typing import Any, Self

from harmonia_core.engine.masking import Masker
from harmonia_core.errors import PermanentError
from harmonia_core.model.outcomes import ArtifactBlob

CHUNK = 1024 * 1024

Upload = Callable[[str, int, bytes], bool]
"""Take a chunk now and return True, or False where one cannot wait."""


class SpoolingWriter:
    """Take the bytes of one artifact; implements the contract's ArtifactWriter."""

    def __init__(self, name: str, media_type: str, limit: int, masker: Masker | None, upload: Upload) -> None:
        if not name or len(name) > 255 or not name.isprintable():
            raise ValueError("An artifact's name must be 1 to 255 printable characters.")
        self._name = masker.text(name) if masker else name
        self._media_type = media_type
        self._limit = limit
        self._mask = masker.byte_stream() if masker else None
        self._upload = upload
        self._upload_id = secrets.token_hex(16)
        self._hash = hashlib.sha256()
        self._size = 0
        self._number = 0
        self._buffer = bytearray()
        self._spool: SpooledTemporaryFile[bytes] | None = None
        self._open = True
        self.sealed: ArtifactBlob | None = None
        self._first_spooled = 0

    @property
    def reference(self) -> dict[str, Any]:
        """Return `{"$artifact": {name, sha256, size, media_type}}`; RuntimeError before the end."""
        if self.sealed is None:
            raise RuntimeError(f"Artifact {self._name!r} is not sealed: leave its `with` block first.")
        return {
            "$artifact": {
                "name": self._name,
                "sha256": self._hash.hexdigest(),
                "size": self._size,
                "media_type": self._media_type,
            }
        }

    def write(self, data: bytes) -> int:
        """Add bytes; return how many were taken. Raises PermanentError past the limit."""
        if not self._open:
            raise RuntimeError(f"Artifact {self._name!r} is closed.")
        taken = len(memoryview(data).cast("B"))
        self._add(self._mask.feed(bytes(data)) if self._mask else data)
        return taken

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._open:
            return
        if kind is not None:
            self.discard()
            return
        if self._mask:
            self._add(self._mask.flush())
        if self._buffer or not self._number:
            self._place(bytes(self._buffer))
        self._buffer.clear()
        self._open = False
        address = f"sha256:{self._hash.hexdigest()}"
        self.sealed = ArtifactBlob(address, self._size, self._media_type, self._upload_id)

    def discard(self) -> None:
        """Throw the artifact away."""
        self._open = False
        self._buffer.clear()
        if self._spool is not None:
            self._spool.close()
            self._spool = None

    async def finish(self, upload: Callable[[str, int, bytes], Any]) -> None:
        """Upload what could not be uploaded while it was written."""
        if self._spool is None:
            return
        self._spool.seek(0)
        number = self._first_spooled
        while number < self._number:
            await upload(self._upload_id, number, self._spool.read(CHUNK))
            number += 1
        self._spool.close()
        self._spool = None

    def _add(self, data: bytes) -> None:
        view = memoryview(data).cast("B")
        self._size += len(view)
        if self._size > self._limit:
            self.discard()
            raise PermanentError(
                f"Artifact {self._name!r} is larger than {self._limit:,} bytes.", code="artifact-too-large"
            )
        self._hash.update(view)
        while len(self._buffer) + len(view) >= CHUNK:
            cut = CHUNK - len(self._buffer)
            self._buffer += view[:cut]
            view = view[cut:]
            self._place(bytes(self._buffer))
            self._buffer.clear()
        self._buffer += view

    def _place(self, chunk: bytes) -> None:
        # Once a chunk had to wait, later ones wait behind it: the file holds them in order.
        if self._spool is None and not self._upload(self._upload_id, self._number, chunk):
            self._spool = SpooledTemporaryFile(CHUNK)  # noqa: SIM115 (closed by finish or discard)
            self._first_spooled = self._number
        if self._spool is not None:
            self._spool.write(chunk)
        self._number += 1
