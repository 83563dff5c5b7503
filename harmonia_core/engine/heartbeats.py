"""Heartbeat details on their way to the store: the last of each task, at most once a second."""

import logging
from collections.abc import Callable
from threading import Lock
from typing import Any

import anyio

from harmonia_core.contracts.rows import HeartbeatRow
from harmonia_core.contracts.state_backend import StateBackend
from harmonia_core.errors import StateBackendError

_logger = logging.getLogger(__name__)
INTERVAL = 1.0
"""Seconds between two writes."""
_PATIENCE = 5.0
"""Seconds that a write may hold up the end of the dispatcher."""


class Heartbeats:
    """Gather details from the loop and from threads; one task writes them, in one go."""

    def __init__(self, store: StateBackend, launch: Callable[[Callable[[], Any]], None]) -> None:
        self._store = store
        self._launch = launch
        self._lock = Lock()
        self._waiting: dict[tuple[str, str], HeartbeatRow] = {}
        self._writing = False
        self._scope: anyio.CancelScope | None = None

    def note(self, row: HeartbeatRow) -> None:
        """Take details; those of the same task that are not written yet are replaced. Safe in threads."""
        with self._lock:
            self._waiting[row.execution_id, row.path] = row
            begin, self._writing = not self._writing, True
        if begin:
            self._launch(self._write)

    async def last(self, execution_id: str, path: str) -> HeartbeatRow | None:
        """Return the last heartbeat of a task, written or not."""
        waiting = self._waiting.get((execution_id, path))
        return waiting or await self._store.heartbeat(execution_id, path)

    async def aclose(self) -> None:
        """Write what still waits, and stop."""
        if self._scope is not None:
            self._scope.cancel()
        await self._flush(self._take())

    async def _write(self) -> None:
        with anyio.CancelScope() as self._scope:
            while rows := self._take():
                await self._flush(rows)
                await anyio.sleep(INTERVAL)

    def _take(self) -> list[HeartbeatRow]:
        with self._lock:
            rows, self._waiting = list(self._waiting.values()), {}
            self._writing = bool(rows)
        return rows

    async def _flush(self, rows: list[HeartbeatRow]) -> None:
        if not rows:
            return
        try:
            with anyio.move_on_after(_PATIENCE, shield=True):
                await self._store.beat(rows)
        except StateBackendError as error:
            _logger.warning("%d heartbeat(s) could not be stored and are tried again: %s", len(rows), error)
            with self._lock:
                self._waiting = {(row.execution_id, row.path): row for row in rows} | self._waiting
