"""A request as bytes on the wire. What frames a message is ours; bodies are encoded by httpx."""

import json
import re
from collections.abc import AsyncIterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from harmonia_net.errors import AddressRefused, RequestInvalid
from harmonia_net.headers import FRAMING_HEADERS, is_header_name
from harmonia_net.redirects import Hop
from harmonia_net.request import Request, Scalar, Unset

if TYPE_CHECKING:
    import httpx

_METHOD = re.compile(r"[A-Z]{1,20}")
_REFUSED_METHODS = frozenset({"CONNECT", "TRACE"})
_UNSAFE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_OF_BODY = frozenset({"content-type", "content-encoding", "content-language", "content-location"})


def check_request(request: Request) -> None:
    """Raise RequestInvalid unless method, headers and body are well formed; nothing is encoded yet."""
    method = request.method.upper()
    if not _METHOD.fullmatch(method) or method in _REFUSED_METHODS:
        raise RequestInvalid(f"{request.method[:20]!r} is no method that may be called.")
    for name, value in header_pairs(request):
        _check_header(name, value)
    if request.content is not None and not isinstance(request.json, Unset):
        raise RequestInvalid("A request has one kind of body: content or json.")


def _check_header(name: str, value: str) -> None:
    if not is_header_name(name):
        raise RequestInvalid(f"{name[:80]!r} is no name of a header.")
    if name.lower() in FRAMING_HEADERS:
        raise RequestInvalid(f"The header {name!r} is set by the client and cannot be given.")
    if _UNSAFE.search(value):
        raise RequestInvalid(f"The value of the header {name!r} has control characters.")


def header_pairs(request: Request) -> Iterator[tuple[str, str]]:
    """Yield the headers of a request as they were given."""
    given = request.headers
    yield from given.items() if isinstance(given, Mapping) else given


def with_params(request: Request) -> str:
    """Return a request's URL with its parameters added to the query that it has."""
    pairs = list(query_pairs(request.params or {}))
    if not pairs:
        return request.url
    url = request.url.partition("#")[0]
    joint = "" if url.endswith(("?", "&")) else "&" if "?" in url else "?"
    return f"{url}{joint}{urlencode(pairs)}"


def query_pairs(params: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield a query or a form as pairs: lists repeat the name, None is left out, booleans are lower case."""
    for name, value in params.items():
        for single in value if isinstance(value, list | tuple) else (value,):
            if single is not None:
                yield name, _param(single)


def _param(value: Scalar) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def encode(request: Request, hop: Hop, user_agent: str) -> "httpx.Request":
    """Return one hop of a call, encoded; its URL is the one that the guard has judged."""
    import httpx

    try:
        url = httpx.URL(hop.target.url)
    except httpx.InvalidURL as error:
        raise RequestInvalid(f"The URL of {hop.target.host!r} is malformed: {error}.") from None
    if (url.raw_host.decode(), url.port or hop.target.port) != (hop.target.host, hop.target.port):
        raise AddressRefused("url-form", hop.target.host, "the URL has two readings")
    headers = _headers(request, hop, user_agent)
    body = _body(request, headers) if hop.has_body else {}
    return httpx.Request(hop.method, url, headers=headers, **body)


def _headers(request: Request, hop: Hop, user_agent: str) -> list[tuple[bytes, bytes]]:
    left_out = hop.left_out if hop.has_body else hop.left_out | _OF_BODY
    given = [(name, value) for name, value in header_pairs(request) if name.lower() not in left_out]
    known = {name.lower() for name, _ in given}
    defaults = {"accept": "*/*", "accept-encoding": "gzip, deflate", "user-agent": user_agent}
    pairs = [(name, value) for name, value in defaults.items() if name not in known]
    return [(name.encode(), value.strip(" \t").encode()) for name, value in (*pairs, *given)]


def _body(request: Request, headers: list[tuple[bytes, bytes]]) -> dict[str, Any]:
    """Return httpx's arguments for the body; a JSON body adds its media type to the headers."""
    if not isinstance(request.json, Unset):
        if not any(name.lower() == b"content-type" for name, _ in headers):
            headers.append((b"content-type", b"application/json"))
        return {"content": _json(request.json)}
    if request.length is not None and isinstance(request.content, AsyncIterable):
        headers.append((b"content-length", str(request.length).encode()))
    return {"content": request.content}


def _json(value: Any) -> bytes:
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    except (TypeError, ValueError) as error:
        raise RequestInvalid(f"The JSON body cannot be encoded: {error}.") from None
