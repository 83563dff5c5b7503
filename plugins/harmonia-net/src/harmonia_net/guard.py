"""Where a call may go: what settings trust, else public addresses. Pure: it reads texts and numbers only.

Rule 1: trust comes from settings, never from data; it belongs to an origin or to a range of addresses.
Rule 2: a URL is judged by its text first (`check_url`), then by every address of its name (`check_address`).
Rule 3: trust does not grow on a redirect (`after`): a public page leads to public addresses only.
"""

from dataclasses import dataclass, field, replace
from typing import NoReturn

from harmonia_net.addresses import Address, is_loopback, is_nat64, parse_address, refused_by
from harmonia_net.errors import AddressRefused
from harmonia_net.hosts import names_internal, names_loopback
from harmonia_net.targets import Reach, Target, bracketed, read_url
from harmonia_net.trust import Trust, parse_trust

DEFAULT_PORTS = frozenset({80, 443, 8080, 8443})


@dataclass(frozen=True, slots=True)
class SettingNames:
    """The names under which a user finds the guard's settings; they stand in its messages."""

    trusted: str = "trusted"
    loopback: str = "allow_loopback"
    ports: str = "ports"


@dataclass(frozen=True)
class Guard:
    """Judge where calls may go. Everything in here comes from settings.

    trusted: `host`, `host:port`, `*.suffix`, `https://host[:port]`, an address or a CIDR range; a ValueError
        names all entries that are none of these.
    allow_loopback: this machine, said as such (`localhost`, `127.0.0.1`, `[::1]`), with any port.
    ports: what all others may use; a trusted origin may use any that its entry does not narrow.
    """

    trusted: tuple[str, ...] = ()
    allow_loopback: bool = False
    ports: frozenset[int] = DEFAULT_PORTS
    names: SettingNames = SettingNames()
    trust: Trust = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "trust", parse_trust(self.trusted))

    def check_url(self, url: str, *, trusted: bool = False, after: Target | None = None) -> Target:
        """Return what a URL points at, judged by its text alone, or raise AddressRefused.

        trusted: the URL itself comes from settings or a connection: its origin may be anywhere.
        after: the target that redirected here. Its own origin keeps its reach; a target that was not trusted
            may lead to public ones only.
        """
        target = read_url(url)
        target = replace(target, reach=self._reach(target, trusted, after))
        self._check_host(target)
        return target

    def check_address(self, host: str, port: int, ip: str, reach: Reach = Reach.LISTED) -> None:
        """Raise AddressRefused unless a host may be reached at one of its addresses.

        reach: what `check_url` found; the trust of an origin is decided there and not again here.
        """
        address = parse_address(ip)
        if reach is Reach.TRUSTED:
            return
        if address is None:
            self._refuse("host-form", host, f"{ip!r} is no plain address")
        if is_loopback(address) and reach is Reach.LOOPBACK:
            return
        self._check_routable(host, address, reach)
        self._check_port(host, port)

    def _reach(self, target: Target, trusted: bool, after: Target | None) -> Reach:
        if after is not None and after.origin == target.origin:
            return after.reach
        if after is not None and after.reach in (Reach.LISTED, Reach.PUBLIC):
            return Reach.PUBLIC
        if trusted or self._covers(target):
            return Reach.TRUSTED
        if self.allow_loopback and target.says_loopback:
            return Reach.LOOPBACK
        return Reach.LISTED if self.trust.networks else Reach.PUBLIC

    def _covers(self, target: Target) -> bool:
        return self.trust.covers_origin(target.scheme, target.host, target.port, target.literal)

    def _check_host(self, target: Target) -> None:
        """Refuse what the text already gives away: a literal, a name by convention, a port."""
        if target.reach in (Reach.TRUSTED, Reach.LOOPBACK):
            return
        if target.literal is not None:
            self._check_routable(target.host, target.literal, target.reach)
            if is_nat64(target.literal):
                self._refuse("nat64", target.host, "only a resolver may answer with an IPv4 address inside")
        elif names_loopback(target.host):
            self._refuse_loopback(target.host, "this name is the machine itself")
        elif rule := names_internal(target.host):
            self._refuse(rule, target.host, "this name belongs to an internal network")
        self._check_port(target.host, target.port)

    def _check_routable(self, host: str, address: Address, reach: Reach) -> None:
        if reach is Reach.LISTED and self.trust.covers_address(address):
            return
        rule = refused_by(address)
        if rule is None:
            return
        is_literal = str(address) == host
        reason = f"it is {rule.text}" if is_literal else f"its address {address} is {rule.text}"
        if is_loopback(address) and (is_literal or names_loopback(host)):
            self._refuse_loopback(host, reason)
        self._refuse(rule.name, host, reason)

    def _check_port(self, host: str, port: int) -> None:
        if port not in self.ports:
            known = ", ".join(map(str, sorted(self.ports)))
            allow = f"Add {bracketed(host)}:{port} to {self.names.trusted}, or the port to {self.names.ports}"
            raise AddressRefused("port", host, f"port {port} is none of {known}", f"{allow}, to allow it.")

    def _refuse(self, rule: str, host: str, reason: str) -> NoReturn:
        allow = f"Add {bracketed(host)} to {self.names.trusted} to allow it."
        raise AddressRefused(rule, host, reason, allow)

    def _refuse_loopback(self, host: str, reason: str) -> NoReturn:
        allow = f"Set {self.names.loopback}, or add {bracketed(host)} to {self.names.trusted}, to allow it."
        raise AddressRefused("loopback", host, reason, allow)
