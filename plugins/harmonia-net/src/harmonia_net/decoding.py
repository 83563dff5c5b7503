"""Bodies out of their content coding, piece by piece: a bomb never unfolds further than one piece.

One coding at a time: a stack of them multiplies, and no honest server sends one unasked.
"""

import zlib
from collections.abc import Iterator

from harmonia_net.errors import ResponseUndecodable
from harmonia_net.headers import Headers

PIECE = 64 * 1024
_GZIP, _ZLIB, _RAW = zlib.MAX_WBITS | 16, zlib.MAX_WBITS, -zlib.MAX_WBITS


class Identity:
    """Hand the body on as it is."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield what these bytes decode to, in pieces."""
        yield data

    def finish(self) -> None:
        """Raise ResponseUndecodable if the body ended too early."""


class Inflating(Identity):
    """Undo gzip (several members, too) or deflate (with or without its head)."""

    def __init__(self, coding: str) -> None:
        self._coding, self._bits = coding, _GZIP if coding == "gzip" else _ZLIB
        self._inflate = zlib.decompressobj(self._bits)
        self._has_begun = self._has_output = self._is_settled = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        self._has_begun = self._has_begun or bool(data)
        while data or self._has_output:
            piece = self._step(data)
            self._has_output = len(piece) == PIECE
            data = self._inflate.unconsumed_tail
            if self._inflate.eof:
                data, self._has_output = self._inflate.unused_data, False
                if data and self._bits == _GZIP:
                    self._inflate = zlib.decompressobj(_GZIP)
                elif data:
                    data = b""
            if piece:
                yield piece

    def finish(self) -> None:
        if self._has_begun and not self._inflate.eof:
            raise ResponseUndecodable(f"The {self._coding} body ends too early.")

    def _step(self, data: bytes) -> bytes:
        try:
            piece = self._inflate.decompress(data, PIECE)
            self._is_settled = True
            return piece
        except zlib.error as error:
            if self._bits == _ZLIB and not self._is_settled:  # some servers leave zlib's head out
                self._bits, self._inflate = _RAW, zlib.decompressobj(_RAW)
                return self._step(data)
            raise ResponseUndecodable(f"The body is not {self._coding}: {error}.") from None


def decoder(headers: Headers) -> Identity:
    """Return the decoder of a body; raises ResponseUndecodable for a coding that was not asked for."""
    coding = headers.get("content-encoding", "").strip().lower()
    if coding in ("", "identity"):
        return Identity()
    if coding in ("gzip", "x-gzip", "deflate"):
        return Inflating(coding.removeprefix("x-"))
    raise ResponseUndecodable(f"The body has the content coding {coding[:40]!r}; gzip and deflate are known.")
