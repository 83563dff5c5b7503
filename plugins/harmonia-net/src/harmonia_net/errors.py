"""What an outbound call may fail with: one root, one stable code per class.

`category` is one of the kernel's (connection, timeout, server, client, validation), so that a task can
hand a fault on as it is. No message holds credentials, a query string or the value of a header.
"""

from typing import Any, ClassVar


class NetError(Exception):
    """Root of every fault of an outbound call.

    retryable: whether the same call may succeed later; retry_after: seconds to wait at least, if known.
    """

    code: ClassVar[str] = "net-error"
    category: ClassVar[str] = "connection"
    retryable: bool = False
    retry_after: float | None = None

    def details(self) -> dict[str, Any]:
        """Return the fault's data as JSON-able attributes."""
        return {}


class AddressRefused(NetError):
    """Refuse an address; no connection was made to it.

    rule: the rule in one kebab-case word (`private`, `metadata`, `port`, `credentials`, `host-form`, ...).
    host: the host as it was given, without port, credentials, path and query; empty where there is none.
    allow: a sentence on what would allow it.
    """

    code = "address-refused"
    category = "validation"

    def __init__(self, rule: str, host: str, reason: str, allow: str = "") -> None:
        self.rule, self.host = rule, host
        subject = f"The address of {host!r}" if host else "The address"
        super().__init__(f"{subject} is refused ({rule}): {reason}.{f' {allow}' if allow else ''}")

    def details(self) -> dict[str, Any]:
        return {"rule": self.rule, "host": self.host}


class RequestInvalid(NetError):
    """Refuse a request that is malformed before anything is sent: method, header or body."""

    code = "request-invalid"
    category = "validation"


class ConnectFailed(NetError):
    """Report that no connection came about; nothing was sent."""

    code = "connect-failed"
    retryable = True


class NameNotResolved(ConnectFailed):
    """Report a host name that has no address, or that could not be looked up now."""

    code = "name-not-resolved"


class TlsFailed(NetError):
    """Report a TLS handshake that failed; retryable unless a certificate was refused."""

    code = "tls-failed"

    def __init__(self, message: str, *, retryable: bool = False) -> None:
        self.retryable = retryable
        super().__init__(message)


class ConnectionLost(NetError):
    """Report a connection that broke after the request was at least partly sent."""

    code = "connection-lost"
    retryable = True


class TimedOut(NetError):
    """Report a limit in time; phase is connect, read, write, pool or total."""

    code = "timed-out"
    category = "timeout"
    retryable = True

    def __init__(self, phase: str, host: str, seconds: float | None) -> None:
        self.phase, self.host, self.seconds = phase, host, seconds
        limit = "" if seconds is None else f" within {seconds:g} s"
        super().__init__(f"The call to {host!r} did not end its phase {phase!r}{limit}.")

    def details(self) -> dict[str, Any]:
        return {"phase": self.phase, "host": self.host, "seconds": self.seconds}


class ProxyFailed(NetError):
    """Report a proxy that refused or could not reach the target."""

    code = "proxy-failed"
    retryable = True


class ProtocolFailed(NetError):
    """Report an answer that is not HTTP, or whose head is larger than the limit."""

    code = "protocol-failed"
    category = "server"


class ResponseTooLarge(NetError):
    """Report a body over the limit, as sent or as decoded; reading stopped there."""

    code = "response-too-large"
    category = "validation"

    def __init__(self, host: str, limit: int) -> None:
        self.host, self.limit = host, limit
        super().__init__(f"The response of {host!r} is larger than the limit of {limit} bytes.")

    def details(self) -> dict[str, Any]:
        return {"host": self.host, "limit": self.limit}


class ResponseUndecodable(NetError):
    """Report a body that is not what its headers say, or not what was asked for (JSON)."""

    code = "response-undecodable"
    category = "validation"


class TooManyRedirects(NetError):
    """Report more redirects than the limit."""

    code = "too-many-redirects"
    category = "server"

    def __init__(self, host: str, limit: int) -> None:
        self.host, self.limit = host, limit
        super().__init__(f"{host!r} redirects more than {limit} times.")

    def details(self) -> dict[str, Any]:
        return {"host": self.host, "limit": self.limit}


class RedirectRefused(NetError):
    """Refuse to follow a redirect: from https to http, or with a body that cannot be sent again."""

    code = "redirect-refused"
    category = "validation"


class CircuitOpen(NetError):
    """Refuse a call to an origin that has just failed repeatedly; nothing was sent.

    retry_after: seconds until the origin is tried again.
    """

    code = "circuit-open"
    retryable = True

    def __init__(self, origin: str, retry_after: float) -> None:
        self.origin, self.retry_after = origin, retry_after
        super().__init__(f"Calls to {origin} have failed repeatedly; next try in {retry_after:.1f} s.")

    def details(self) -> dict[str, Any]:
        return {"origin": self.origin}
