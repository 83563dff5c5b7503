"""One engine for many drawn workflows: what is asked of it runs on a loop of its own, in another thread."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

from anyio.from_thread import BlockingPortal, start_blocking_portal
from model_outcome import Outcome
from real_engine import Calls, carried_out, worker

from harmonia_core.testing.harness import Harness


class EngineRoom:
    """Keep an engine at hand; one that has failed somebody is not used again."""

    def __init__(self, portal: BlockingPortal, stack: ExitStack) -> None:
        self._portal, self._stack = portal, stack
        self._harness: Harness | None = None
        self._calls: Calls = {}

    def outcome(self, workflow: Mapping[str, Any]) -> Outcome:
        """Return what the engine makes of a workflow."""
        harness, self._harness = self._harness or self._another(), None
        self._calls.clear()
        found = self.ask(carried_out, harness, self._calls, workflow)
        self._harness = harness
        return found

    def ask(self, function: Callable[..., Awaitable[Any]], *args: Any) -> Any:
        """Await a function on the loop."""
        return self._portal.call(function, *args)

    def _another(self) -> Harness:
        harness = Harness(worker(self._calls))
        return self._stack.enter_context(self._portal.wrap_async_context_manager(harness))


@contextmanager
def engine_room() -> Iterator[EngineRoom]:
    """Open an engine room."""
    with ExitStack() as stack:
        yield EngineRoom(stack.enter_context(start_blocking_portal()), stack)
