"""What attempts say while they run: log lines and progress, a bounded ring per execution.

Activity is not history: it is never recorded as events, and it goes with the execution.
What is kept beyond the process is the business of `activity_store`.
"""

import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Any, Literal, Protocol, TypeAlias

from pydantic_core import PydanticSerializationError, from_json, to_json

from harmonia_core.clock import rfc3339
from harmonia_core.contracts.rows import ActivityRow
from harmonia_core.engine.failures import bounded

_logger = logging.getLogger(__name__)


@dataclass(slots=True)
class ActivityEntry:
    """Hold one log line or one sign of progress of an attempt.

    at: epoch seconds. fields: of a log line. fraction, value: of progress. All masked already.
    position: its place in the stream, given when it is added; see `ActivityRow`.
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
    position: int = 0

    def as_json(self) -> dict[str, Any]:
        """Return the public JSON shape; absent parts are left out."""
        shape = {name: getattr(self, name) for name in self.__slots__}
        return {name: value for name, value in shape.items() if value is not None}


def row_of(entry: ActivityEntry, limit: int) -> ActivityRow:
    """Return an entry as it is stored. limit: characters of its text, bytes of its fields or value."""
    data: dict[str, Any] = {}
    if entry.text:
        data["text"] = bounded(entry.text, limit)
    if entry.fields is not None:
        data["fields"] = _small(entry.fields, limit)
    if entry.fraction is not None:
        data["fraction"] = entry.fraction
    if entry.value is not None:
        data["value"] = _small(entry.value, limit)
    level = entry.level if entry.kind == "log" else ""
    return ActivityRow(
        entry.execution_id, entry.position, entry.path, entry.attempt, entry.kind, level, _json(data)
    )


def row_view(row: ActivityRow) -> dict[str, Any]:
    """Return a stored entry in its public JSON shape; absent parts are left out."""
    view: dict[str, Any] = {"position": row.position, "at": rfc3339(row.position / 1_000_000)}
    view |= {"path": row.path, "attempt": row.attempt, "kind": row.kind}
    if row.level:
        view["level"] = row.level
    view |= from_json(row.data)
    return view


def _small(value: Any, limit: int) -> Any:
    size = len(to_json(value))
    return value if size <= limit else {"left_out": f"{size:,} bytes as JSON; {limit:,} are kept"}


def _json(data: dict[str, Any]) -> str:
    try:
        return to_json(data).decode()
    except PydanticSerializationError:  # half of a surrogate pair is text in Python, and not in UTF-8
        return to_json({**data, "text": data["text"].encode(errors="replace").decode()}).decode()


Listener: TypeAlias = Callable[[ActivityEntry], None]


class Sink(Protocol):
    """Take what is to outlive the ring; called in any thread, under the activity's lock."""

    def take(self, entry: ActivityEntry) -> None:
        """Take an entry that has its position; positions ascend from call to call."""
        ...

    def ended(self, execution_id: str) -> None:
        """Hear that an execution has left memory."""
        ...


class Activity:
    """Number entries, keep the last of each execution and hand every one to the listeners.

    ring: entries per execution. executions: of more than these, the oldest are forgotten.
    lock: held while an entry is added. sink: what takes entries for the store, if anything does.
    """

    def __init__(self, ring: int = 1000, executions: int = 1000) -> None:
        self._ring, self._executions = ring, executions
        self.lock = Lock()
        self.sink: Sink | None = None
        self._last = 0
        self._rings: dict[str, deque[ActivityEntry]] = {}
        self._listeners: tuple[Listener, ...] = ()

    def add(self, entry: ActivityEntry) -> None:
        """Add an entry; safe in any thread."""
        with self.lock:
            entry.position = self.number(entry.at)
            ring = self._rings.get(entry.execution_id)
            if ring is None:
                ring = self._begin(entry.execution_id)
            ring.append(entry)
            if self.sink is not None:
                self.sink.take(entry)
        for listener in self._listeners:
            self._tell(listener, entry)

    def number(self, at: float) -> int:
        """Return the next position, for something said at a time; the caller holds `lock`.

        It is the time in microseconds, or one more than the last position if the clock is behind that.
        """
        self._last = max(int(at * 1_000_000), self._last + 1)
        return self._last

    def begin_behind(self, position: int) -> None:
        """Give only positions greater than this from now on."""
        with self.lock:
            self._last = max(self._last, position)

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
        with self.lock:
            self._rings.pop(execution_id, None)
            if self.sink is not None:
                self.sink.ended(execution_id)

    def _begin(self, execution_id: str) -> deque[ActivityEntry]:
        ring = self._rings[execution_id] = deque(maxlen=self._ring)
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
