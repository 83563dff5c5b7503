"""Entries of a list of trusted addresses, as settings give them. Pure.

`host`, `host:port`, `*.suffix`, `https://host[:port]`, an address (IPv6 with a port in brackets) or a CIDR
range. A trusted origin may have any address and use any port that the entry does not narrow.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_network

from harmonia_net.addresses import Address, Network
from harmonia_net.hosts import HostFault, canonical_host
from harmonia_net.targets import DEFAULT_SCHEME_PORTS

_ENTRY = re.compile(
    r"(?:(?P<scheme>https?)://)?(?P<host>\[[^\]]*\]|[^:/\[\]]+)(?::(?P<port>[1-9][0-9]{0,4}))?/?"
)


@dataclass(frozen=True, slots=True)
class OriginEntry:
    """One trusted origin; None stands for any scheme or port, `below` for every name below the host."""

    host: str
    scheme: str | None = None
    port: int | None = None
    below: bool = False

    def covers(self, scheme: str, host: str, port: int) -> bool:
        """Tell whether the entry speaks of this origin."""
        named = host.endswith(f".{self.host}") if self.below else host == self.host
        return named and self.scheme in (None, scheme) and self.port in (None, port)


@dataclass(frozen=True, slots=True)
class Trust:
    """A parsed list of trusted addresses."""

    origins: tuple[OriginEntry, ...] = ()
    networks: tuple[Network, ...] = ()

    def covers_origin(self, scheme: str, host: str, port: int, literal: Address | None) -> bool:
        """Tell whether the list names this origin, a literal address within a range included."""
        if literal is not None and self.covers_address(literal):
            return True
        return any(entry.covers(scheme, host, port) for entry in self.origins)

    def covers_address(self, address: Address) -> bool:
        """Tell whether an address lies in one of the listed ranges."""
        return any(address.version == net.version and address in net for net in self.networks)


def parse_trust(entries: Iterable[str]) -> Trust:
    """Return the parsed entries; raises ValueError that names every entry which is none."""
    origins: list[OriginEntry] = []
    networks: list[Network] = []
    faults: list[str] = []
    for entry in entries:
        text = entry.strip()
        if (network := _network(text)) is not None:
            networks.append(network)
        elif (origin := _origin(text)) is not None:
            origins.append(origin)
        else:
            faults.append(repr(entry))
    if faults:
        forms = "host, host:port, *.suffix, https://host[:port], an address or a CIDR range"
        raise ValueError(f"Not a trusted address: {', '.join(faults)}; known forms: {forms}.")
    return Trust(tuple(origins), tuple(networks))


def _network(text: str) -> Network | None:
    try:
        return ip_network(text)
    except ValueError:
        return None


def _origin(text: str) -> OriginEntry | None:
    match = _ENTRY.fullmatch(text)
    if match is None:
        return None
    scheme, named, port = match["scheme"], match["host"], int(match["port"] or 0)
    below = named.startswith("*.")
    try:
        host, literal = canonical_host(named.removeprefix("*."))
    except HostFault:
        return None
    if (below and literal is not None) or port > 65535:
        return None
    return OriginEntry(host, scheme, port or DEFAULT_SCHEME_PORTS.get(scheme or ""), below)
