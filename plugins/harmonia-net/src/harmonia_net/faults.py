"""What the libraries raise becomes what callers know; nothing of the request is in a message."""

import os
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import h11
import httpcore

from harmonia_net.errors import (
    ConnectFailed,
    ConnectionLost,
    NetError,
    ProtocolFailed,
    ProxyFailed,
    RequestInvalid,
    TimedOut,
    TlsFailed,
)
from harmonia_net.options import Timeouts

_LOST = ("disconnected", "peer closed", "closed connection")


@contextmanager
def translated(host: str, timeouts: Timeouts) -> Iterator[None]:
    """Raise a fault of the connection to a host as a NetError."""
    try:
        yield
    except httpcore.TimeoutException as error:
        phase = type(error).__name__.removesuffix("Timeout").lower()
        raise TimedOut(phase, host, getattr(timeouts, phase)) from error
    except httpcore.NetworkError as error:
        raise _network(error, host) from error
    except httpcore.ProxyError as error:
        raise ProxyFailed(f"The proxy did not connect to {host!r}: {error}.") from error
    except (httpcore.LocalProtocolError, h11.LocalProtocolError) as error:  # of bodies, the latter
        raise _malformed(error, host) from None  # its text quotes what was to be sent
    except httpcore.RemoteProtocolError as error:
        raise _protocol(error, host) from error


def _malformed(error: Exception, host: str) -> RequestInvalid:
    text = str(error)
    reason = "its body is not as long as it says" if "Content-Length" in text else "it is malformed"
    return RequestInvalid(f"The request to {host!r} cannot be sent: {reason}.")


def _network(error: httpcore.NetworkError, host: str) -> NetError:
    """Connecting raises our own faults; a ConnectError that is left comes from the TLS handshake."""
    cause = error.args[0] if error.args else error
    if isinstance(cause, ssl.SSLCertVerificationError):
        return TlsFailed(f"The certificate of {host!r} is not accepted: {cause.verify_message}.")
    if isinstance(cause, ssl.SSLError):
        reason = (cause.reason or "unknown reason").replace("_", " ").lower()
        return TlsFailed(f"The TLS handshake with {host!r} failed: {reason}.")
    if isinstance(error, httpcore.ConnectError):
        return TlsFailed(f"{host!r} ended the TLS handshake.", retryable=True)
    return ConnectionLost(f"The connection to {host!r} was lost.")


def _protocol(error: httpcore.RemoteProtocolError, host: str) -> NetError:
    text = str(error)
    if any(word in text for word in _LOST):
        return ConnectionLost(f"{host!r} closed the connection before its answer was complete.")
    if "too long" in text:
        return ProtocolFailed(f"The head of the answer of {host!r} is larger than 100 KiB.")
    return ProtocolFailed(f"{host!r} does not speak HTTP/1.1: {text[:200]}.")


def not_connected(host: str, port: int, errors: Sequence[BaseException]) -> ConnectFailed:
    """Return the fault of a host none of whose addresses could be connected to."""
    reasons = "; ".join(sorted({_reason(error) for error in errors}))
    return ConnectFailed(f"No connection to {host!r}, port {port}: {reasons}.")


def _reason(error: BaseException) -> str:
    """Say why a socket did not connect; anyio gives the system's reason as the cause."""
    cause = error.__cause__
    number = cause.errno if isinstance(cause, OSError) else None
    return os.strerror(number) if number else "no answer in time"
