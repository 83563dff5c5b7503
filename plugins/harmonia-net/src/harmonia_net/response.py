"""An answer whose body is in memory."""

import codecs
import re
from dataclasses import dataclass, field
from typing import Any

from harmonia_net.errors import ResponseUndecodable
from harmonia_net.headers import Headers

_CHARSET = re.compile(r"""charset\s*=\s*["']?([A-Za-z0-9._:+-]+)""", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Response:
    """The last answer of a call, its body decoded (gzip, deflate) and within the limit.

    url: where the answer came from, after redirects (`redirects` of them). http_version: "HTTP/1.1".
    elapsed: seconds from the start of the call to the end of the body, redirects included.
    """

    status: int
    headers: Headers
    url: str = field(repr=False)
    content: bytes = field(default=b"", repr=False)
    http_version: str = "HTTP/1.1"
    elapsed: float = 0.0
    redirects: int = 0

    @property
    def media_type(self) -> str:
        """Return the media type in lower case without parameters; empty if the server says none."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def charset(self) -> str:
        """Return the declared charset if Python knows it, else utf-8."""
        found = _CHARSET.search(self.headers.get("content-type", ""))
        return _known(found[1]) if found else "utf-8"

    @property
    def text(self) -> str:
        """Return the body as text; bytes that are none in its charset become U+FFFD, a BOM is dropped."""
        charset = "utf-8-sig" if self.charset == "utf-8" else self.charset
        try:
            return self.content.decode(charset, "replace")
        except (LookupError, UnicodeError):  # a codec that is not for texts, or knows no replacement
            return self.content.decode("utf-8-sig", "replace")

    def json(self) -> Any:
        """Return the body as JSON, exact for whole numbers; raises ResponseUndecodable, also for NaN."""
        from pydantic_core import from_json

        data = self.content if self.charset == "utf-8" else self.text.encode()
        try:
            return from_json(data.removeprefix(b"\xef\xbb\xbf"), allow_inf_nan=False)
        except ValueError as error:
            kind = self.media_type or "no media type"
            raise ResponseUndecodable(f"The body ({kind}, {len(data)} bytes) is no JSON: {error}.") from None


def _known(charset: str) -> str:
    """Return Python's name of a charset, or utf-8."""
    try:
        return codecs.lookup(charset).name
    except LookupError:
        return "utf-8"
