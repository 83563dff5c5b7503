"""The context of an attempt in the child of `python`: what is said there goes to the engine."""

import json
import signal
from types import TracebackType
from typing import Any, Self

from harmonia_core import PermanentError
from harmonia_tasks.failures import from_child
from harmonia_tasks.process_frames import chunk, message
from harmonia_tasks.process_wire import Wire

LEVELS = ("debug", "info", "warning", "error")
HEARTBEAT_LIMIT = 16 * 1024
CHUNK = 256 * 1024
"""Bytes of an artifact that are sent at once."""


class ChildContext:
    """Implement the contract's TaskContext in a child process.

    facts: execution, path, attempt, idempotency_key, deadline, last_heartbeat.
    """

    def __init__(self, wire: Wire, facts: dict[str, Any]) -> None:
        self._wire = wire
        self.execution: str = facts["execution"]
        self.path: str = facts["path"]
        self.attempt: int = facts["attempt"]
        self.idempotency_key: str = facts["idempotency_key"]
        self.deadline: float | None = facts["deadline"]
        self.last_heartbeat: Any = facts["last_heartbeat"]
        self.cancelled = False
        signal.signal(signal.SIGTERM, self._be_cancelled)

    def log(self, level: str, text: str, **fields: Any) -> None:
        """Add a line to the activity of the task; fields that are not JSON become text."""
        if level not in LEVELS:
            raise ValueError(f"Unknown log level {level!r}: use debug, info, warning or error.")
        self._say({"log": level, "text": str(text), "fields": fields})

    def progress(self, fraction: float | None = None, text: str | None = None, value: Any = None) -> None:
        """Say how far the attempt is."""
        fraction = None if fraction is None else float(fraction)
        if fraction is not None and not 0 <= fraction <= 1:  # neither is a number that is none
            fraction = None if fraction != fraction else min(1.0, max(0.0, fraction))
        self._say({"progress": fraction, "text": text, "value": value})

    def heartbeat(self, details: Any = None) -> None:
        """Show a sign of life; raise PermanentError for details that cannot be kept."""
        try:
            frame = message({"heartbeat": details})
        except (TypeError, ValueError) as error:
            text = f"Heartbeat details are not JSON: {error}."
            raise PermanentError(text, "heartbeat-not-json") from error
        if len(frame) > HEARTBEAT_LIMIT + 64:
            raise PermanentError("Heartbeat details are too large.", "heartbeat-too-large")
        self._wire.send(frame)

    def artifact(self, name: str, media_type: str = "application/octet-stream") -> "ChildArtifact":
        """Open a file that is kept with the execution."""
        number = self._wire.ask({"artifact": name, "media_type": media_type})
        return ChildArtifact(self._wire, number)

    def defer(self) -> str:
        """Leave the attempt open after the function returned; return its completion token."""
        return str(self._wire.ask({"defer": True}))

    def _be_cancelled(self, number: int, frame: Any) -> None:
        self.cancelled = True

    def _say(self, shape: dict[str, Any]) -> None:
        try:
            self._wire.send(message(shape))
        except (TypeError, ValueError):
            self._wire.send(message(json.loads(json.dumps(shape, default=str), parse_constant=str)))


class ChildArtifact:
    """Send the bytes of one artifact; implements the contract's ArtifactWriter."""

    def __init__(self, wire: Wire, number: int) -> None:
        self._wire, self._number = wire, number
        self._waiting = bytearray()
        self._reference: dict[str, Any] | None = None
        self._open = True

    @property
    def reference(self) -> dict[str, Any]:
        """Return `{"$artifact": …}`; RuntimeError before the end."""
        if self._reference is None:
            raise RuntimeError("The artifact is not sealed: leave its `with` block first.")
        return self._reference

    def write(self, data: bytes) -> int:
        """Add bytes; return how many were taken. Raises what the engine refuses, if late."""
        if not self._open:
            raise RuntimeError("The artifact is closed.")
        if self._number in self._wire.spoiled:
            raise from_child(self._wire.spoiled[self._number], "In the engine")
        view = memoryview(data).cast("B")
        for start in range(0, len(view), CHUNK):
            self._waiting += view[start : start + CHUNK]
            if len(self._waiting) >= CHUNK:
                self._flush()
        return len(view)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._open:
            return
        self._open = False
        if kind is not None:
            self._wire.send(message({"discard": self._number}))
            return
        self._flush()
        self._reference = self._wire.ask({"seal": self._number})

    def _flush(self) -> None:
        if self._waiting:
            self._wire.send(chunk(self._number, bytes(self._waiting)))
            self._waiting.clear()
