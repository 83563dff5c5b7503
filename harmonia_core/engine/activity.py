"""What attempts say while they run: log lines and progress, a bounded ring per execution.

Activity is not history: it is never recorded as events, and it goes with the execution.
"""

import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Any, Literal, TypeAlias

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ActivityEntry:
    """Hold one log line or one sign of progress of an attempt.

    at: epoch seconds. fields: of a log line. fraction, value: of progress. All masked already.
    """

    execution_id: str
    path: str
    attempt: int
    at: float
    kind: Literal["log", "progress"]
    level: str = "info"
    text: str = ""
    fields: dict[str, Any] | None = None
    fraction: float | None = None
    value: Any = None

    def as_json(self) -> dict[str, Any]:
        """Return the public JSON shape; absent parts are left out."""
        shape = {name: getattr(self, name) for name in self.__slots__}
        return {name: value for name, value in shape.items() if value is not None}


Listener: TypeAlias = Callable[[ActivityEntry], None]


class Activity:
    """Keep the last entries of each execution and hand every one to the listeners.

    ring: entries per execution. executions: of more than these, the oldest are forgotten.
    """

    def __init__(self, ring: int = 1000, executions: int = 1000) -> None:
        self._ring, self._executions = ring, executions
        self._lock = Lock()
        self._rings: dict[str, deque[ActivityEntry]] = {}
        self._listeners: tuple[Listener, ...] = ()

    def add(self, entry: ActivityEntry) -> None:
        """Add an entry; safe in any thread."""
        ring = self._rings.get(entry.execution_id)
        if ring is None:
            ring = self._begin(entry.execution_id)
        ring.append(entry)
        for listener in self._listeners:
            self._tell(listener, entry)

    def entries(self, execution_id: str) -> tuple[ActivityEntry, ...]:
        """Return what is kept of an execution, oldest first."""
        ring = self._rings.get(execution_id)
        return tuple(ring.copy()) if ring is not None else ()

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` with every entry from now on; return how to stop it.

        It is called at once in the thread that speaks (the loop's or a worker's), so it must
        be quick and safe in threads. One that raises is logged and dropped.
        """
        self._listeners = (*self._listeners, listener)
        return lambda: self._leave(listener)

    def forget(self, execution_id: str) -> None:
        """Drop what is kept of an execution; the engine calls it when the execution leaves memory."""
        with self._lock:
            self._rings.pop(execution_id, None)

    def _begin(self, execution_id: str) -> deque[ActivityEntry]:
        with self._lock:
            ring = self._rings.setdefault(execution_id, deque(maxlen=self._ring))
            while len(self._rings) > self._executions:
                del self._rings[next(iter(self._rings))]
        return ring

    def _leave(self, listener: Listener) -> None:
        self._listeners = tuple(one for one in self._listeners if one is not listener)

    def _tell(self, listener: Listener, entry: ActivityEntry) -> None:
        try:
            listener(entry)
        except Exception:
            self._leave(listener)
            _logger.exception("A listener to activity failed and is not called again.")
