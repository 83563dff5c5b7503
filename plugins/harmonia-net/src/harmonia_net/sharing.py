"""One client per event loop and settings, closed when the loop ends."""

from collections.abc import AsyncGenerator
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

from harmonia_net.client import Client
from harmonia_net.options import ClientOptions

if TYPE_CHECKING:
    from anyio.lowlevel import RunVar

_Lifetime = AsyncGenerator[Client, None]


async def shared(options: ClientOptions) -> Client:
    """Return the running event loop's client for these options, made on first use.

    Callers with equal options share its connections and its circuits. It is closed with the loop: nobody
    else closes it.
    """
    found = _of_this_loop()
    if not found:
        from anyio.to_thread import run_sync

        await run_sync(import_module, "harmonia_net.pools")  # httpx takes its time, which the loop has not
    if options not in found:
        lifetime = _live(Client(options))
        found[options] = await anext(lifetime), lifetime
    return found[options][0]


async def _live(client: Client) -> _Lifetime:
    """Hold a client until the event loop ends, which closes all generators that are not exhausted."""
    async with client:
        yield client


def _of_this_loop() -> dict[ClientOptions, tuple[Client, _Lifetime]]:
    variable = _variable()
    found = variable.get(None)
    if found is None:
        found = {}
        variable.set(found)
    return found


@cache
def _variable() -> "RunVar[dict[ClientOptions, tuple[Client, _Lifetime]] | None]":
    from anyio.lowlevel import RunVar

    return RunVar("harmonia_net_clients")
