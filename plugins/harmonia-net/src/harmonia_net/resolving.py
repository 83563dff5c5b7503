"""Names become addresses once per connection, and every address is judged before one is used.

A name with one bad address among good ones is refused whole: such a mixture is how DNS rebinding is served.
"""

from collections.abc import Awaitable, Callable, Sequence

from harmonia_net.addresses import parse_address
from harmonia_net.errors import NameNotResolved
from harmonia_net.guard import Guard
from harmonia_net.targets import Reach

Resolver = Callable[[str, int], Awaitable[Sequence[str]]]


async def system_resolver(host: str, port: int) -> list[str]:
    """Return the addresses of a name as the system knows them now, in its order of preference.

    Raises NameNotResolved.
    """
    import socket

    import anyio

    try:
        found = await anyio.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise NameNotResolved(f"The name {host!r} could not be resolved: {_reason(error)}.") from error
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


async def checked_addresses(
    guard: Guard, reach: Reach, resolver: Resolver, host: str, port: int
) -> Sequence[str]:
    """Return the addresses under which a host may be called; raises AddressRefused or NameNotResolved."""
    addresses = [host] if parse_address(host) else await resolver(host, port)
    if not addresses:
        raise NameNotResolved(f"The name {host!r} has no address.")
    for address in addresses:
        guard.check_address(host, port, address, reach)
    return addresses


def _reason(error: OSError | UnicodeError) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or "it is no valid name"
