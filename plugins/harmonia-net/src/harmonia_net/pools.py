"""Connections, pooled by how far they may go: what was judged for one reach is never used by another."""

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread
import httpcore

from harmonia_net.connecting import GuardedBackend, ProxyBackend
from harmonia_net.faults import translated
from harmonia_net.options import ClientOptions, Timeouts
from harmonia_net.proxies import Proxy, choose_proxy
from harmonia_net.resolving import Resolver, checked_addresses
from harmonia_net.targets import Reach, Target
from harmonia_net.tls import tls_context

if TYPE_CHECKING:
    import httpx


@dataclass(frozen=True, slots=True)
class Lane:
    """What connections must have in common to lie in one pool."""

    reach: Reach
    proxy: Proxy | None
    is_tls: bool


class Pools:
    """Keep one pool of connections per lane; made on first use, in the event loop that uses them."""

    def __init__(self, options: ClientOptions, resolver: Resolver) -> None:
        self._options, self._resolver = options, resolver
        self._pools: dict[Lane, httpcore.AsyncConnectionPool] = {}
        self._opening = anyio.Lock()
        self._environment = dict(os.environ) if options.proxy.from_environment else {}

    async def send(self, request: "httpx.Request", target: Target, timeouts: Timeouts) -> httpcore.Response:
        """Return the head of an answer; its body is read, or closed, by the caller. Raises NetError."""
        proxy = choose_proxy(self._options.proxy, self._environment, target)
        if proxy is not None and self._options.proxy.check_names and target.reach is not Reach.TRUSTED:
            guard = self._options.guard
            await checked_addresses(guard, target.reach, self._resolver, target.host, target.port)
        pool = await self._pool(Lane(target.reach, proxy, target.scheme == "https"))
        with translated(target.host, timeouts):
            return await pool.handle_async_request(_wire(request, timeouts))

    async def aclose(self) -> None:
        """Close all connections; answers that are still open break off."""
        pools, self._pools = list(self._pools.values()), {}
        for pool in pools:
            await pool.aclose()

    async def _pool(self, lane: Lane) -> httpcore.AsyncConnectionPool:
        """Return a lane's pool; a new one is made in a thread, for reading authorities takes its time."""
        if lane not in self._pools:
            async with self._opening:
                if lane not in self._pools:
                    self._pools[lane] = await anyio.to_thread.run_sync(self._open, lane)
        return self._pools[lane]

    def _open(self, lane: Lane) -> httpcore.AsyncConnectionPool:
        options, guard, resolver = self._options, self._options.guard, self._resolver
        proxied = lane.proxy is not None
        backend = ProxyBackend(guard, resolver) if proxied else GuardedBackend(guard, lane.reach, resolver)
        return httpcore.AsyncConnectionPool(
            ssl_context=tls_context(options.tls, lane.reach) if lane.is_tls else None,
            proxy=self._proxy(lane.proxy) if lane.proxy is not None else None,
            max_connections=options.max_connections,
            max_keepalive_connections=options.max_keepalive,
            keepalive_expiry=options.keepalive_expiry,
            network_backend=backend,
        )

    def _proxy(self, proxy: Proxy) -> httpcore.Proxy:
        named = proxy.credentials
        auth = (named[0].encode(), named[1].encode()) if named else None
        context = tls_context(self._options.tls, Reach.PUBLIC) if proxy.scheme == "https" else None
        return httpcore.Proxy(proxy.url, auth=auth, ssl_context=context)


def _wire(request: "httpx.Request", timeouts: Timeouts) -> httpcore.Request:
    url = request.url
    limits = {"connect": timeouts.connect, "read": timeouts.read}
    limits |= {"write": timeouts.write, "pool": timeouts.pool}
    return httpcore.Request(
        method=request.method,
        url=httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
        headers=request.headers.raw,
        content=request.stream,
        extensions={"timeout": limits},
    )
