"""Which proxy a call goes through. Pure: the environment's variables are handed in as a mapping."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_network
from urllib.parse import unquote, urlsplit

from harmonia_net.addresses import parse_address
from harmonia_net.errors import ProxyFailed
from harmonia_net.hosts import is_within
from harmonia_net.options import ProxyOptions
from harmonia_net.targets import DEFAULT_SCHEME_PORTS, Target, bracketed

_NO_PROXY = re.compile(r"(?P<host>\[[^\]]*\]|.*?)(?::(?P<port>[0-9]+))?")


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy with its credentials; its repr shows none."""

    scheme: str
    host: str
    port: int
    credentials: tuple[str, str] | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        """Return the proxy's address, without credentials."""
        return f"{self.scheme}://{bracketed(self.host)}:{self.port}"


def choose_proxy(options: ProxyOptions, environment: Mapping[str, str], target: Target) -> Proxy | None:
    """Return the proxy for a target, or None; this machine itself is never called through one.

    environment: read only if the options ask for it and name no proxy themselves.
    """
    if target.says_loopback:
        return None
    url, left_out = options.url, options.no_proxy
    if url is None and options.from_environment:
        url = _variable(environment, f"{target.scheme}_proxy") or _variable(environment, "all_proxy")
        left_out += tuple(_variable(environment, "no_proxy").split(","))
    if not url or _is_left_out(target, left_out):
        return None
    return parse_proxy(url)


def parse_proxy(url: str) -> Proxy:
    """Return a proxy's URL in parts; raises ProxyFailed, without the URL, for what is none."""
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        port = parts.port or DEFAULT_SCHEME_PORTS[parts.scheme]
    except (ValueError, KeyError):
        raise ProxyFailed("The proxy's URL is no http:// or https:// URL.") from None
    if parts.scheme not in DEFAULT_SCHEME_PORTS:
        raise ProxyFailed(f"Proxies are called by http and https, not by {parts.scheme}.")
    if not parts.hostname:
        raise ProxyFailed("The proxy's URL names no host.")
    named = (unquote(parts.username), unquote(parts.password or "")) if parts.username else None
    return Proxy(parts.scheme, parts.hostname, port, named)


def _variable(environment: Mapping[str, str], name: str) -> str:
    """Read a variable in lower or upper case; HTTP_PROXY of a CGI process is a client's header."""
    if name == "http_proxy" and "REQUEST_METHOD" in environment:
        return environment.get(name, "")
    return environment.get(name) or environment.get(name.upper(), "")


def _is_left_out(target: Target, entries: Iterable[str]) -> bool:
    return any(_covers(entry.strip().lower(), target) for entry in entries if entry.strip())


def _covers(entry: str, target: Target) -> bool:
    if entry == "*":
        return True
    if (address := parse_address(entry)) is not None:
        return address == target.literal
    if target.literal is not None and "/" in entry:
        return _is_in_range(entry, target)
    match = _NO_PROXY.fullmatch(entry)
    if match is None or match["port"] not in (None, str(target.port)):
        return False
    name = match["host"].removeprefix("*").removeprefix(".").strip("[]")
    return is_within(target.host, name)


def _is_in_range(entry: str, target: Target) -> bool:
    try:
        return target.literal in ip_network(entry, strict=False)
    except (ValueError, TypeError):
        return False
