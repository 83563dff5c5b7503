"""A URL, read once and strictly: what is sent is built from what was checked. Pure."""

import re
from dataclasses import dataclass
from enum import StrEnum

from harmonia_net.addresses import Address, is_loopback
from harmonia_net.errors import AddressRefused
from harmonia_net.hosts import HostFault, canonical_host, names_loopback

_URL = re.compile(
    r"(?:(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*):)?(?P<slashes>//)?(?P<authority>[^/?#]*)(?P<rest>[^#]*)"
)
_AUTHORITY = re.compile(r"(?P<host>\[[^\]]*\]|[^:]*)(?::(?P<port>[0-9]*))?")
_UNSAFE = re.compile(r"[\x00-\x1f\x7f\\]")
DEFAULT_SCHEME_PORTS = {"http": 80, "https": 443}


class Reach(StrEnum):
    """How far a call may go; a pool of connections serves one reach only.

    trusted: any address, because settings name the origin. loopback: addresses of this machine.
    listed: public addresses and the trusted ranges. public: public addresses only.
    """

    TRUSTED = "trusted"
    LOOPBACK = "loopback"
    LISTED = "listed"
    PUBLIC = "public"


@dataclass(frozen=True, slots=True)
class Target:
    """A URL that was read strictly.

    url: the one form to send: scheme and host in lower case, no default port, no fragment.
    host: as ASCII, without brackets; literal: its address, if it is one; reach: set by the guard.
    """

    url: str
    scheme: str
    host: str
    port: int
    literal: Address | None
    reach: Reach = Reach.PUBLIC

    @property
    def origin(self) -> str:
        """Return `scheme://host:port`, the port always said."""
        return f"{self.scheme}://{bracketed(self.host)}:{self.port}"

    @property
    def says_loopback(self) -> bool:
        """Tell whether the URL names this machine as such; a name that merely leads here does not."""
        return names_loopback(self.host) if self.literal is None else is_loopback(self.literal)


def bracketed(host: str) -> str:
    """Return a host as it stands in a URL."""
    return f"[{host}]" if ":" in host else host


def read_url(url: str) -> Target:
    """Return the parts of an http or https URL.

    What has two readings, another scheme or credentials raises AddressRefused.
    """
    if _UNSAFE.search(url):
        raise AddressRefused("url-form", "", "the URL has control characters or backslashes")
    match = _URL.match(url)
    scheme = (match["scheme"] or "").lower() if match else ""
    if match is None or scheme not in DEFAULT_SCHEME_PORTS or not match["slashes"]:
        raise AddressRefused("scheme", "", "only http:// and https:// URLs are called")
    host, literal, port = _authority(match["authority"], DEFAULT_SCHEME_PORTS[scheme])
    shown = bracketed(host) if port == DEFAULT_SCHEME_PORTS[scheme] else f"{bracketed(host)}:{port}"
    return Target(f"{scheme}://{shown}{match['rest']}", scheme, host, port, literal)


def _authority(text: str, default: int) -> tuple[str, Address | None, int]:
    if "@" in text:
        raise AddressRefused(
            "credentials", "", "the URL has a part before an @; send credentials as a header"
        )
    match = _AUTHORITY.fullmatch(text)
    if match is None:
        raise AddressRefused("url-form", "", "the part after :// is no host with a port")
    return *_host(match["host"]), _port(match["port"], match["host"], default)


def _host(text: str) -> tuple[str, Address | None]:
    try:
        return canonical_host(text)
    except HostFault as fault:
        raise AddressRefused("host-form", text[:80], str(fault)) from None


def _port(text: str | None, host: str, default: int) -> int:
    if text is None:
        return default
    if not text or text[0] == "0" or len(text) > 5 or int(text) > 65535:
        raise AddressRefused("port", host[:80], "the port is no number from 1 to 65535")
    return int(text)
