"""What a redirect leads to. Pure.

Rule 1: every hop passes the guard again, and never gains trust (`Guard.check_url(after=...)`).
Rule 2: https never leads to http. Rule 3: another origin gets no credentials and no secret header.
Rule 4: 303, and 301 or 302 after POST, become GET without a body; 307 and 308 repeat what was sent.
"""

from collections.abc import AsyncIterable
from dataclasses import dataclass
from urllib.parse import urljoin

from harmonia_net.errors import RedirectRefused
from harmonia_net.guard import Guard
from harmonia_net.headers import CREDENTIALS
from harmonia_net.request import Request
from harmonia_net.targets import Target

REDIRECTS = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True)
class Hop:
    """One exchange of a call: where, how, with the body or not, and without which headers (lower case)."""

    target: Target
    method: str
    has_body: bool = True
    left_out: frozenset[str] = frozenset()
    count: int = 0


def next_hop(guard: Guard, request: Request, hop: Hop, status: int, location: str) -> Hop:
    """Return the hop that a redirect asks for; raises RedirectRefused or AddressRefused.

    location: as the server sent it, relative or not.
    """
    target = guard.check_url(_joined(hop.target.url, location), after=hop.target)
    if hop.target.scheme == "https" and target.scheme == "http":
        raise RedirectRefused(f"{hop.target.host!r} redirects from https to http, to {target.host!r}.")
    method, has_body = _method(hop, status)
    if has_body and not can_repeat(request):
        raise RedirectRefused(f"{hop.target.host!r} redirects, but the body can be sent only once.")
    left_out = hop.left_out
    if target.origin != hop.target.origin:
        left_out |= CREDENTIALS | {name.lower() for name in request.secret_headers}
    return Hop(target, method, has_body, left_out, hop.count + 1)


def can_repeat(request: Request) -> bool:
    """Tell whether a request's body can be sent again: bytes can, streams cannot."""
    return not isinstance(request.content, AsyncIterable)


def _joined(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError:
        raise RedirectRefused("The server redirects to what is no URL.") from None


def _method(hop: Hop, status: int) -> tuple[str, bool]:
    becomes_get = status == 303 or (status in (301, 302) and hop.method == "POST")
    if becomes_get and hop.method != "HEAD":
        return "GET", False
    return hop.method, hop.has_body
