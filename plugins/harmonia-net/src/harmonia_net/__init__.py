"""The one HTTP client of Harmonia's plugins: guarded addresses, limits, proxies, TLS, circuit breaker.

A library: it imports no plugin and nothing of the kernel. Importing it is cheap; httpx loads with the first
call. Where a call may go is decided by `Guard`, from settings; see docs/net.md.
"""

from harmonia_net.circuits import BreakerOptions, CircuitState, CircuitStatus
from harmonia_net.client import Client
from harmonia_net.encoding import query_pairs
from harmonia_net.errors import (
    AddressRefused,
    CircuitOpen,
    ConnectFailed,
    ConnectionLost,
    NameNotResolved,
    NetError,
    ProtocolFailed,
    ProxyFailed,
    RedirectRefused,
    RequestInvalid,
    ResponseTooLarge,
    ResponseUndecodable,
    TimedOut,
    TlsFailed,
    TooManyRedirects,
)
from harmonia_net.guard import Guard, SettingNames
from harmonia_net.headers import FRAMING_HEADERS, Headers, is_header_name
from harmonia_net.options import ClientOptions, ProxyOptions, Timeouts, TlsOptions
from harmonia_net.proxies import Proxy, parse_proxy
from harmonia_net.request import UNSET, Request
from harmonia_net.resolving import Resolver
from harmonia_net.response import Response
from harmonia_net.retry_after import retry_after
from harmonia_net.sharing import shared
from harmonia_net.streaming import Streaming
from harmonia_net.targets import Reach, Target

__all__ = [
    "FRAMING_HEADERS",
    "UNSET",
    "AddressRefused",
    "BreakerOptions",
    "CircuitOpen",
    "CircuitState",
    "CircuitStatus",
    "Client",
    "ClientOptions",
    "ConnectFailed",
    "ConnectionLost",
    "Guard",
    "Headers",
    "NameNotResolved",
    "NetError",
    "ProtocolFailed",
    "Proxy",
    "ProxyFailed",
    "ProxyOptions",
    "Reach",
    "RedirectRefused",
    "Request",
    "RequestInvalid",
    "Resolver",
    "Response",
    "ResponseTooLarge",
    "ResponseUndecodable",
    "SettingNames",
    "Streaming",
    "Target",
    "TimedOut",
    "Timeouts",
    "TlsFailed",
    "TlsOptions",
    "TooManyRedirects",
    "is_header_name",
    "parse_proxy",
    "query_pairs",
    "retry_after",
    "shared",
]
