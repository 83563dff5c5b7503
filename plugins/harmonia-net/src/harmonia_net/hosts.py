"""The one form of a host that is accepted, whatever a resolver would make of others. Pure.

Rule 1: what is not a canonical address and ends in a number is refused (decimal, octal, hex, short forms).
Rule 2: a name is ASCII letters, digits, `-` and `_`, or becomes so by IDNA 2008 without any mapping.
"""

import re
import unicodedata

from harmonia_net.addresses import Address, parse_address

_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"0[xX][0-9a-fA-F]*|[0-9]+")
_OTHER_DOTS = frozenset("\u3002\uff0e\uff61\u2024\ufe52")
_LOCAL_SUFFIXES = ("localhost", "localhost.localdomain")
_LOCAL_NAMES = frozenset({"ip6-localhost", "ip6-loopback", "localhost6", "localhost4"})
_INTERNAL_SUFFIXES = ("internal", "local", "localdomain", "home.arpa")
_METADATA_NAMES = frozenset({"metadata", "instance-data", "metadata.goog", "metadata.google.internal"})


class HostFault(ValueError):
    """Say what is wrong with the form of a host."""


def canonical_host(text: str) -> tuple[str, Address | None]:
    """Return a host in its one form, and its address if it is a literal; the rest raises HostFault.

    text: a URL's host, IPv6 in brackets. Names come back in lower case, as ASCII, without a final dot.
    """
    if not text:
        raise HostFault("there is no host")
    if text.startswith("["):
        return _bracketed(text)
    if "%" in text:
        raise HostFault("the host is percent-encoded")
    if any(character.isspace() or not character.isprintable() for character in text):
        raise HostFault("the host has spaces or control characters")
    name = _ascii(text.lower())
    last = name.removesuffix(".").rpartition(".")[2]
    if _NUMBER.fullmatch(last):
        return _dotted_quad(name)
    return _name(name.removesuffix(".")), None


def _bracketed(text: str) -> tuple[str, Address | None]:
    address = parse_address(text[1:-1]) if text.endswith("]") else None
    if address is None or address.version != 6:
        raise HostFault("the brackets hold no IPv6 address (zone ids are not accepted)")
    return address.compressed, address


def _dotted_quad(name: str) -> tuple[str, Address | None]:
    address = parse_address(name)
    if address is None:  # Python reads no other form than the canonical one
        raise HostFault("a number as a host is accepted as a plain dotted IPv4 address only")
    return name, address


def _ascii(name: str) -> str:
    if name.isascii():
        return name
    if _OTHER_DOTS & set(name) or unicodedata.normalize("NFKC", name) != name:
        raise HostFault("the host has characters that stand for others")
    import idna

    try:
        return idna.encode(name).decode("ascii")
    except idna.IDNAError:
        raise HostFault("the host is no international domain name") from None


def _name(name: str) -> str:
    if len(name) > 253 or not all(_LABEL.fullmatch(label) for label in name.split(".")):
        raise HostFault("the host is no domain name")
    return name


def is_within(name: str, suffix: str) -> bool:
    """Tell whether a name is a suffix or lies below it."""
    return name == suffix or name.endswith(f".{suffix}")


def names_loopback(name: str) -> bool:
    """Tell whether a name stands for this machine by convention, whatever a resolver says."""
    return name in _LOCAL_NAMES or any(is_within(name, suffix) for suffix in _LOCAL_SUFFIXES)


def names_internal(name: str) -> str | None:
    """Return the rule (`metadata`, `internal`) that refuses a name by convention, or None."""
    if name in _METADATA_NAMES:
        return "metadata"
    return "internal" if any(is_within(name, suffix) for suffix in _INTERNAL_SUFFIXES) else None
