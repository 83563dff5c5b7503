"""An answer whose body is still to come, decoded and measured as it comes."""

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from harmonia_net.decoding import Identity, decoder
from harmonia_net.errors import ResponseTooLarge
from harmonia_net.headers import Headers
from harmonia_net.options import Timeouts
from harmonia_net.redirects import Hop

if TYPE_CHECKING:
    import httpcore


class Streaming:
    """The last answer of a call, its head read and its body not.

    status, headers, http_version: of this answer; url: where it came from, after `redirects` redirects.
    """

    def __init__(self, answer: "httpcore.Response", hop: Hop, timeouts: Timeouts, limit: int) -> None:
        self.status = answer.status
        self.headers = read_headers(answer)
        self.http_version = answer.extensions.get("http_version", b"HTTP/1.1").decode("ascii", "replace")
        self.url, self.redirects = hop.target.url, hop.count
        self._has_body = hop.method != "HEAD" and self.status not in (204, 304)
        self._answer, self._host, self._timeouts, self._limit = answer, hop.target.host, timeouts, limit

    @property
    def length(self) -> int | None:
        """Return the bytes of the body as sent: 0 where there can be none, None if the head does not say."""
        if not self._has_body:
            return 0
        said = self.headers.get("content-length", "")
        return int(said) if said.isascii() and said.isdigit() and len(said) < 20 else None

    async def aiter_bytes(self) -> AsyncIterator[bytes]:
        """Yield the decoded body once, in pieces of at most 64 KiB or so.

        Raises ResponseTooLarge past the limit (as sent or as decoded), ResponseUndecodable, ConnectionLost,
        TimedOut.
        """
        from harmonia_net.faults import translated

        coding = Identity()
        if self._has_body:
            self._check(self.length or 0)
            coding = decoder(self.headers)
        received = decoded = 0
        with translated(self._host, self._timeouts):
            async for data in self._answer.aiter_stream():
                received += len(data)
                self._check(received)
                for piece in coding.feed(data):
                    decoded += len(piece)
                    self._check(decoded)
                    yield piece
        coding.finish()

    def _check(self, size: int) -> None:
        if size > self._limit:
            raise ResponseTooLarge(self._host, self._limit)


def read_headers(answer: "httpcore.Response") -> Headers:
    """Return the headers of an answer as text; bytes that are no UTF-8 are read as Latin-1."""
    return Headers((name.decode("ascii", "replace"), _text(value)) for name, value in answer.headers)


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")
