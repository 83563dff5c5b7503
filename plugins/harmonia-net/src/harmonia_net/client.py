"""The client: one call with its redirects, within its limits, past the guard and the circuit breaker."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Self

from harmonia_net.circuits import Breaker, CircuitState
from harmonia_net.encoding import check_request, encode, with_params
from harmonia_net.errors import (
    ConnectFailed,
    ConnectionLost,
    NetError,
    ProtocolFailed,
    TimedOut,
    TlsFailed,
    TooManyRedirects,
)
from harmonia_net.options import ClientOptions, Timeouts
from harmonia_net.redirects import REDIRECTS, Hop, next_hop
from harmonia_net.request import Request
from harmonia_net.resolving import Resolver, system_resolver
from harmonia_net.response import Response
from harmonia_net.streaming import Streaming, read_headers

if TYPE_CHECKING:
    import anyio
    import httpcore

    from harmonia_net.pools import Pools

_FAULTS_OF_ORIGIN = (ConnectFailed, ConnectionLost, ProtocolFailed, TlsFailed)
_DRAINED = 64 * 1024


class Client:
    """Call others over HTTP/1.1. One client serves many concurrent calls, within one event loop.

    Use it as an async context manager, or call `aclose` at the end. Cookies are not kept between calls.
    resolver: looks names up, in place of the system. clock: monotonic seconds, for the circuit breaker.
    """

    def __init__(
        self,
        options: ClientOptions | None = None,
        *,
        resolver: Resolver = system_resolver,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.options = options or ClientOptions()
        self._resolver = resolver
        self._opened: Pools | None = None
        self._breaker = Breaker(self.options.breaker, clock) if self.options.breaker else None

    async def request(self, request: Request) -> Response:
        """Return the answer of a call with its body in memory; raises NetError.

        A status such as 404 or 500 is an answer and no fault.
        """
        started = time.monotonic()
        async with self.stream(request) as answer:
            content = b"".join([piece async for piece in answer.aiter_bytes()])
            elapsed = time.monotonic() - started
        return Response(
            answer.status, answer.headers, answer.url, content, answer.http_version, elapsed, answer.redirects
        )

    @asynccontextmanager
    async def stream(self, request: Request) -> AsyncIterator[Streaming]:
        """Make a call and enter with the head of its answer; raises NetError.

        The total timeout runs until the context is left, what its body does included. Leaving it early closes
        the connection.
        """
        import anyio

        check_request(request)
        timeouts = request.timeouts or self.options.timeouts
        hop = self._first_hop(request)
        with anyio.move_on_after(timeouts.total) as scope:
            answer, hop = await self._follow(request, hop, timeouts, scope)
            limit = self.options.max_response_bytes if request.max_bytes is None else request.max_bytes
            try:
                yield Streaming(answer, hop, timeouts, limit)
            finally:
                await answer.aclose()
        if scope.cancelled_caught:
            raise TimedOut("total", hop.target.host, timeouts.total)

    def circuits(self) -> dict[str, CircuitState]:
        """Return the circuit of every origin (`https://host:443`) that has failed lately."""
        return self._breaker.states() if self._breaker else {}

    async def aclose(self) -> None:
        """Close all connections; the client may be used again afterwards."""
        opened, self._opened = self._opened, None
        if opened is not None:
            await opened.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def _first_hop(self, request: Request) -> Hop:
        target = self.options.guard.check_url(with_params(request), trusted=request.trusted)
        return Hop(target, request.method.upper())

    async def _follow(
        self, request: Request, hop: Hop, timeouts: Timeouts, scope: "anyio.CancelScope"
    ) -> tuple["httpcore.Response", Hop]:
        """Return the first answer that is no redirect to follow, and the hop that it answers."""
        limit = self.options.max_redirects if request.max_redirects is None else request.max_redirects
        while True:
            answer = await self._exchange(request, hop, timeouts, scope)
            location = read_headers(answer).get("location") if answer.status in REDIRECTS else None
            if location is None or not request.follow_redirects:
                return answer, hop
            await _drain(answer)
            if hop.count >= limit:
                raise TooManyRedirects(hop.target.host, limit)
            hop = next_hop(self.options.guard, request, hop, answer.status, location)

    async def _exchange(
        self, request: Request, hop: Hop, timeouts: Timeouts, scope: "anyio.CancelScope"
    ) -> "httpcore.Response":
        wire = encode(request, hop, self.options.user_agent)
        if self._breaker is None:
            return await self._pools().send(wire, hop.target, timeouts)
        origin = hop.target.origin
        self._breaker.admit(origin)
        note = self._breaker.abandon
        try:
            answer = await self._pools().send(wire, hop.target, timeouts)
            note = self._breaker.succeed if answer.status < 500 else self._breaker.fail
            return answer
        except NetError as error:
            note = self._breaker.fail if _blames_origin(error) else note
            raise
        except BaseException:
            note = self._breaker.fail if scope.cancel_called else note  # the total time ran out
            raise
        finally:
            note(origin)

    def _pools(self) -> "Pools":
        if self._opened is None:
            from harmonia_net.pools import Pools

            self._opened = Pools(self.options, self._resolver)
        return self._opened


def _blames_origin(error: NetError) -> bool:
    """Tell whether a fault speaks of the origin, and not of the request, the proxy or our own pool."""
    if isinstance(error, TimedOut):
        return error.phase != "pool"
    return isinstance(error, _FAULTS_OF_ORIGIN)


async def _drain(answer: "httpcore.Response") -> None:
    """Read a short body to its end, which keeps the connection; close the connection of others."""
    import httpcore

    size = 0
    try:
        async for data in answer.aiter_stream():
            size += len(data)
            if size > _DRAINED:
                break
    except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError):
        pass  # the redirect itself has arrived
    finally:
        await answer.aclose()
