"""Everything that settings decide about outbound calls, as frozen values; in seconds and bytes."""

from dataclasses import dataclass, field
from pathlib import Path

from harmonia_net.circuits import BreakerOptions
from harmonia_net.guard import Guard

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Limits in time of one call; None lifts one.

    connect: of the name and TCP together, and once more of the TLS handshake. read, write: the longest
        silence. pool: the wait for a free connection.
    total: everything, redirects and the body included: it ends a server that sends drop by drop.
    """

    connect: float | None = 10.0
    read: float | None = 60.0
    write: float | None = 60.0
    pool: float | None = 30.0
    total: float | None = 300.0


@dataclass(frozen=True, slots=True)
class TlsOptions:
    """How servers are verified, and who we are.

    verify: False, client_cert and client_key hold for trusted origins only; all others are always verified
        and never get our certificate.
    ca_file: PEM file of authorities that are accepted beside the system's. min_version: "1.2" or "1.3".
    """

    verify: bool = True
    ca_file: Path | None = None
    client_cert: Path | None = None
    client_key: Path | None = None
    min_version: str = "1.2"


@dataclass(frozen=True, slots=True)
class ProxyOptions:
    """Which proxy calls go through; proxies come from settings and are trusted.

    url: http or https, may hold credentials, is never shown.
    no_proxy: a host (with those below it), `.suffix`, `host:port`, an address, a CIDR range or `*`.
    from_environment: read HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, NO_PROXY at the first call, if `url` is None.
    check_names: look the target's name up here, too, and refuse it by its addresses; False for networks in
        which only the proxy can look names up.
    """

    url: str | None = field(default=None, repr=False)
    no_proxy: tuple[str, ...] = ()
    from_environment: bool = False
    check_names: bool = True


@dataclass(frozen=True, slots=True)
class ClientOptions:
    """The settings of one client; hashable, so that equal ones can share their connections.

    max_response_bytes: of a body, as sent and as decoded. The pool's limits hold per reach (`guard.Reach`).
    breaker: None turns the circuit breaker off.
    """

    guard: Guard = field(default_factory=Guard)
    timeouts: Timeouts = Timeouts()
    max_response_bytes: int = 16 * MIB
    max_redirects: int = 5
    max_connections: int = 100
    max_keepalive: int = 20
    keepalive_expiry: float = 30.0
    tls: TlsOptions = TlsOptions()
    proxy: ProxyOptions = ProxyOptions()
    breaker: BreakerOptions | None = field(default_factory=BreakerOptions)
    user_agent: str = "harmonia-net"
