"""What a caller asks for, as a value; its repr shows neither query, header values nor body."""

from collections.abc import AsyncIterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, final

from harmonia_net.options import Timeouts

Scalar = str | int | float | bool | None


@final
class Unset:
    """The type of `UNSET`, which stands for an argument that was not given (JSON's null is a value)."""

    def __repr__(self) -> str:
        return "UNSET"


UNSET: Final = Unset()


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Request:
    """One call. At most one kind of body: `content` or `json`.

    params: added to the URL's own query; lists repeat the name, None leaves it out; booleans: true, false.
    headers: those that frame a message (Host, Content-Length, Connection, ...) are refused.
    content: an async iterable is sent only once, and chunked unless `length` says how many bytes it gives.
    secret_headers: names that a redirect to another origin drops, beside Authorization, Cookie and
        Proxy-Authorization. max_redirects, timeouts, max_bytes: instead of the client's.
    trusted: the URL comes from settings or a connection made by an administrator, not from data.
    """

    method: str = "GET"
    url: str
    headers: Mapping[str, str] | Sequence[tuple[str, str]] = ()
    params: Mapping[str, Scalar | Sequence[Scalar]] | None = None
    content: bytes | str | AsyncIterable[bytes] | None = None
    length: int | None = None
    json: Any = UNSET
    secret_headers: frozenset[str] = frozenset()
    follow_redirects: bool = True
    max_redirects: int | None = None
    timeouts: Timeouts | None = None
    max_bytes: int | None = None
    trusted: bool = False

    def __repr__(self) -> str:
        place = self.url.partition("?")[0].rpartition("@")[2]
        return f"Request({self.method} {place})"
