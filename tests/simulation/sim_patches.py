"""What the product takes from the machine, taken from the virtual world instead while a seed runs."""

from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, contextmanager
from random import Random
from typing import Any
from unittest.mock import patch

import anyio
import anyio.to_thread
from anyio._backends._asyncio import CancelScope

from harmonia_core.engine import activity_store, arrivals, artifacts, attempt, context, watchdog


class Ordered(dict[Any, None]):
    """A set in the order of its making: one of objects is ordered by where they lie in memory."""

    def add(self, one: Any) -> None:
        self[one] = None

    def remove(self, one: Any) -> None:
        del self[one]

    def discard(self, one: Any) -> None:
        self.pop(one, None)


def _ordered_scopes(init: Callable[..., None]) -> Callable[..., None]:
    def made(self: Any, *given: Any, **named: Any) -> None:
        init(self, *given, **named)
        self._child_scopes, self._tasks = Ordered(), Ordered()

    return made


def _in_no_thread(draws: Random, slow: float) -> Callable[..., Any]:
    """Return what calls a function on the loop that would run in a thread, after some time."""

    async def run_sync(function: Callable[..., Any], *given: Any, **named: Any) -> Any:
        async with named.get("limiter") or AsyncExitStack():
            await anyio.sleep(0.001 + 5 * slow * draws.random())
            return function(*given)

    return run_sync


@contextmanager
def virtual(
    now: Callable[[], float], draws: Random, slow: float, seen: Callable[[str], None]
) -> Iterator[None]:
    """Let time, threads and random texts of the product come from a seed.

    now: monotonic seconds. slow: a fifth of the seconds that a thread takes at most. seen: told of the kind
    of each request that an execution takes.
    """

    def from_request(state: Any, kind: str, wish: Any) -> Any:
        seen(kind)
        return taken(state, kind, wish)

    taken = arrivals.from_request
    in_no_thread = _in_no_thread(draws, slow)
    with ExitStack() as stack:
        for module in (attempt, context, watchdog):
            stack.enter_context(patch.object(module, "monotonic", now))
        stack.enter_context(patch.object(activity_store.time, "perf_counter", now))
        stack.enter_context(patch.object(attempt, "run_sync", in_no_thread))
        stack.enter_context(patch.object(anyio.to_thread, "run_sync", in_no_thread))
        for module in (context, artifacts):
            stack.enter_context(
                patch.object(module.secrets, "token_urlsafe", lambda n: draws.randbytes(n).hex())
            )
            stack.enter_context(patch.object(module.secrets, "token_hex", lambda n: draws.randbytes(n).hex()))
        stack.enter_context(patch.object(CancelScope, "__init__", _ordered_scopes(CancelScope.__init__)))
        stack.enter_context(patch.object(arrivals, "from_request", from_request))
        yield
