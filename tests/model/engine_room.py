"""Engines for many drawn workflows: what is asked of them runs on a loop of its own, in another thread."""

import os
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from itertools import count
from typing import Any
from unittest.mock import patch

from anyio.from_thread import BlockingPortal, start_blocking_portal
from model_outcome import Outcome
from naive_tasks import SECRET
from real_engine import Calls, carried_out, crashed, engine

from harmonia_core.testing.harness import Harness

NUMBERS = count()


class EngineRoom:
    """Keep an engine at each store at hand; one that has failed somebody is not used again."""

    def __init__(self, portal: BlockingPortal, stack: ExitStack) -> None:
        self._portal, self._stack = portal, stack
        self._engines: dict[str, tuple[Harness, Calls]] = {}

    def outcome(self, workflow: Mapping[str, Any], url: str = "memory://") -> Outcome:
        """Return what an engine makes of a workflow."""
        return self.use(carried_out, workflow, url=url)  # type: ignore[no-any-return]

    def use(self, function: Callable[..., Awaitable[Any]], *args: Any, url: str = "memory://") -> Any:
        """Await a function of an engine and of what its tasks are called with."""
        harness, calls = self._engines.pop(url, None) or self._another(url)
        calls.clear()
        found = self._portal.call(function, harness, calls, *args)
        self._engines[url] = harness, calls
        return found

    def crashed(self, workflow: Mapping[str, Any], lives: list[tuple[int, bool]], url: str = "") -> Outcome:
        """Return what a workflow comes to in so many lives. url: of a store of its own by default."""
        return self._portal.call(crashed, {}, workflow, url or f"memory://model-{next(NUMBERS)}", lives)

    def _another(self, url: str) -> tuple[Harness, Calls]:
        calls: Calls = {}
        harness = self._stack.enter_context(self._portal.wrap_async_context_manager(engine(calls, url)))
        return harness, calls


@contextmanager
def engine_room() -> Iterator[EngineRoom]:
    """Open an engine room."""
    with ExitStack() as stack:
        stack.enter_context(patch.dict(os.environ, {"HARMONIA_SECRET_WORD": SECRET}))
        yield EngineRoom(stack.enter_context(start_blocking_portal()), stack)
