"""Which IP addresses data may make us call: only those that are globally routable. Pure.

The ranges are listed here, by the IANA registries of special-purpose addresses, rather than left to
`ipaddress` alone, whose answers differ between Python versions; what it refuses beside them stays refused.
"""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Rule:
    """Name a reason to refuse an address, in one word and in a phrase."""

    name: str
    text: str


METADATA = Rule("metadata", "a cloud's metadata service")
LOOPBACK = Rule("loopback", "a loopback address")
NOT_GLOBAL = Rule("not-global", "not globally routable")
MAPPED = Rule("mapped", "an IPv4 address in IPv6 form")

_METADATA = ("169.254.169.254", "169.254.170.2", "100.100.100.200", "168.63.129.16", "192.0.0.192")
_METADATA6 = ("fd00:ec2::254", "fd20:ce::254")
_RANGES: tuple[tuple[Rule, tuple[str, ...]], ...] = (
    (METADATA, _METADATA + _METADATA6),
    (Rule("unspecified", "an address of no host"), ("0.0.0.0/8", "::/128")),
    (LOOPBACK, ("127.0.0.0/8", "::1/128")),
    (Rule("private", "a private address"), ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")),
    (Rule("shared", "an address shared by a carrier's customers"), ("100.64.0.0/10",)),
    (Rule("link-local", "a link-local address"), ("169.254.0.0/16", "fe80::/10")),
    (Rule("unique-local", "a unique local address"), ("fc00::/7", "fec0::/10")),
    (Rule("multicast", "a multicast address"), ("224.0.0.0/4", "ff00::/8")),
    (Rule("documentation", "an address for examples"), ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24")),
    (Rule("documentation", "an address for examples"), ("2001:db8::/32", "3fff::/20")),
    (Rule("benchmarking", "an address for benchmarks"), ("198.18.0.0/15",)),
    (Rule("6to4", "an IPv4 address behind 6to4"), ("2002::/16", "192.88.99.0/24")),
    (Rule("teredo", "an IPv4 address behind Teredo"), ("2001::/32",)),
    (MAPPED, ("::ffff:0:0/96", "::ffff:0:0:0/96", "::/96")),
    (Rule("nat64-local", "an IPv4 address behind a local NAT64"), ("64:ff9b:1::/48",)),
    (Rule("reserved", "a reserved address"), ("192.0.0.0/24", "240.0.0.0/4", "2001::/23", "100::/64")),
)
_TABLE: tuple[tuple[Rule, Network], ...] = tuple(
    (rule, ip_network(text)) for rule, texts in _RANGES for text in texts
)
_LOOPBACK4, _LOOPBACK6 = IPv4Network("127.0.0.0/8"), IPv6Address("::1")
_NAT64 = IPv6Network("64:ff9b::/96")
_UNICAST = IPv6Network("2000::/3")
_ISATAP = frozenset({0x00005EFE, 0x02005EFE})


def refused_by(address: Address) -> Rule | None:
    """Return the rule that refuses an address, or None if it is globally routable unicast.

    Of addresses that carry another one (NAT64, ISATAP) the inner one is judged too; mapped, 6to4 and
    Teredo forms are refused whatever they carry.
    """
    for rule, network in _TABLE:
        if address.version == network.version and address in network:
            return rule
    inner = _embedded(address)
    if inner is not None and (found := refused_by(inner)):
        return Rule(found.name, f"{found.text} inside an IPv6 address")
    if inner is not None and address in _NAT64:
        return None
    return None if _is_global(address) else NOT_GLOBAL


def _embedded(address: Address) -> IPv4Address | None:
    if isinstance(address, IPv4Address):
        return None
    number = int(address)
    carries = address in _NAT64 or (number >> 32) & 0xFFFFFFFF in _ISATAP
    return IPv4Address(number & 0xFFFFFFFF) if carries else None


def _is_global(address: Address) -> bool:
    if isinstance(address, IPv6Address) and address not in _UNICAST:
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def is_loopback(address: Address) -> bool:
    """Tell whether an address is this machine's own, said plainly (not mapped)."""
    return address == _LOOPBACK6 or (isinstance(address, IPv4Address) and address in _LOOPBACK4)


def is_nat64(address: Address) -> bool:
    """Tell whether an address is the well-known NAT64 form, in which DNS64 gives IPv4-only hosts."""
    return address in _NAT64


def parse_address(text: str) -> Address | None:
    """Return the address that a text is, or None; a zone id is not an address."""
    try:
        return None if "%" in text else ip_address(text)
    except ValueError:
        return None
