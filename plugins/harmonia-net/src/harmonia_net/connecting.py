"""The one place where sockets are opened: a name is looked up once, judged, and called by its address.

It is httpcore's public seam, a network backend, so that SNI, certificates and the Host header keep the name
while the connection goes to an address that has been judged: a second answer of the DNS is never asked for.
"""

import ssl
from collections.abc import Iterable, Sequence
from typing import Any

import anyio
import httpcore

from harmonia_net.errors import NetError, ProxyFailed
from harmonia_net.faults import not_connected
from harmonia_net.guard import Guard
from harmonia_net.resolving import Resolver, checked_addresses
from harmonia_net.targets import Reach


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """Open TCP connections of one reach; nothing else."""

    def __init__(self, guard: Guard, reach: Reach, resolver: Resolver) -> None:
        self._guard, self._reach, self._resolver = guard, reach, resolver
        self._sockets = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first address that answers, in the resolver's order.

        timeout: seconds for the name and all addresses together. Raises AddressRefused, NameNotResolved,
        ConnectFailed, and httpcore's ConnectTimeout.
        """
        try:
            with anyio.fail_after(timeout):
                addresses = await checked_addresses(self._guard, self._reach, self._resolver, host, port)
                return await self._first(host, port, addresses)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(str(error)) from error

    async def _first(self, host: str, port: int, addresses: Sequence[str]) -> httpcore.AsyncNetworkStream:
        """Try addresses in turn; of the time that is left each gets an equal share with those after it."""
        errors: list[Exception] = []
        deadline = anyio.current_effective_deadline()
        for left in range(len(addresses), 0, -1):
            share = (deadline - anyio.current_time()) / left if left > 1 else None
            try:
                return _Stream(await self._sockets.connect_tcp(addresses[-left], port, timeout=share))
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                errors.append(error.args[0])
        raise not_connected(host, port, errors)


class _Stream(httpcore.AsyncNetworkStream):
    """A connection that is closed if its TLS handshake is cancelled; httpcore closes it on errors only."""

    def __init__(self, inner: httpcore.AsyncNetworkStream) -> None:
        self._inner = inner
        self.read, self.write, self.aclose = inner.read, inner.write, inner.aclose  # type: ignore[method-assign]

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        try:
            return await self._inner.start_tls(ssl_context, server_hostname, timeout)
        except BaseException:
            with anyio.CancelScope(shield=True):
                await self._inner.aclose()
            raise


class ProxyBackend(GuardedBackend):
    """Connect to a proxy, which settings name and which may be anywhere."""

    def __init__(self, guard: Guard, resolver: Resolver) -> None:
        super().__init__(guard, Reach.TRUSTED, resolver)

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        try:
            return await super().connect_tcp(host, port, timeout)
        except (NetError, httpcore.ConnectTimeout) as error:  # which says nothing of the origin
            reason = str(error) or "It did not answer in time."
            raise ProxyFailed(f"The proxy cannot be reached. {reason}") from error
