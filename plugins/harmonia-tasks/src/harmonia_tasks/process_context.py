"""The context of an attempt in the child of `python`: what is said there goes to the engine."""

import json
import signal
from typing import Any

from harmonia_core import PermanentError
from harmonia_tasks.process_artifacts import ChildArtifact, ChildReader
from harmonia_tasks.process_frames import message
from harmonia_tasks.process_wire import Wire

LEVELS = ("debug", "info", "warning", "error")
HEARTBEAT_LIMIT = 16 * 1024
"""Bytes of compact JSON in UTF-8, measured as the engine does."""


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
            size = len(
                json.dumps(details, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
            )
        except (TypeError, ValueError) as error:
            text = f"Heartbeat details are not JSON: {error}."
            raise PermanentError(text, "heartbeat-not-json") from error
        if size > HEARTBEAT_LIMIT:
            text = f"Heartbeat details are too large: {size:,} bytes, more than {HEARTBEAT_LIMIT:,}."
            raise PermanentError(text, "heartbeat-too-large")
        self._wire.send(message({"heartbeat": details}))

    def artifact(self, name: str, media_type: str = "application/octet-stream") -> ChildArtifact:
        """Open a file that is kept with the execution."""
        number = self._wire.ask({"artifact": name, "media_type": media_type})
        return ChildArtifact(self._wire, number)

    def open_artifact(self, reference: Any) -> ChildReader:
        """Read an artifact that an earlier task kept."""
        return ChildReader(self._wire, self._wire.ask({"open": reference}))

    def mask(self, *values: str) -> None:
        """Treat values as secrets in everything that the attempt says from here on."""
        self._wire.ask({"mask": values})

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
