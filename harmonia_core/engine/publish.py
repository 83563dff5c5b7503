"""The only fan-out: tell observers and live viewers what has been recorded.

A viewer's or an observer's fault is its own; it never reaches the execution.
"""

import logging
from collections.abc import Callable, Sequence

import anyio

from harmonia_core.engine.error_log import log_errors
from harmonia_core.model.events import Recorded
from harmonia_core.plugins.manager import PluginManager

LOG = logging.getLogger("harmonia.publish")

Viewer = Callable[[Sequence[Recorded]], None]


class Publisher:
    """Queue recorded batches for observers, hand them to viewers at once."""

    def __init__(self, manager: PluginManager) -> None:
        self._manager = manager
        self._viewers: list[Viewer] = []
        self._queue: list[Recorded] = []
        self._more = anyio.Event()

    def view(self, viewer: Viewer) -> Callable[[], None]:
        """Show a plain, quick function every batch on the loop's thread; return what ends it."""
        self._viewers.append(viewer)
        return lambda: self._viewers.remove(viewer) if viewer in self._viewers else None

    def publish(self, recorded: Sequence[Recorded]) -> None:
        """Tell about events that are durable, and log the failures among them."""
        log_errors(recorded)
        for viewer in tuple(self._viewers):
            try:
                viewer(recorded)
            except Exception:
                LOG.exception("A viewer failed and is dropped.")
                self._viewers.remove(viewer)
        if self._manager.observing:
            self._queue.extend(recorded)
            self._more.set()

    async def run(self) -> None:
        """Serve the observers until cancelled, one batch after the other."""
        while True:
            await self._more.wait()
            self._more = anyio.Event()
            await self.drain()

    async def drain(self) -> None:
        """Tell the observers what is queued."""
        while self._queue:
            queue, self._queue = self._queue, []
            await self._manager.events_recorded(queue)
