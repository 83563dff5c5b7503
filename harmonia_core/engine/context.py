"""What an attempt may know and say: the TaskContext that the dispatcher hands to a task.

Made for every attempt, so that everything costly in it is made on first use. When the
attempt has ended, what its function still says (an abandoned thread) is dropped.
"""

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite
from threading import get_ident
from time import monotonic
from typing import Any

import anyio
from anyio.lowlevel import EventLoopToken

from harmonia_core.clock import Clock
from harmonia_core.contracts.rows import HeartbeatRow
from harmonia_core.contracts.state_backend import StateBackend
from harmonia_core.contracts.task_type import ArtifactReader, ArtifactWriter
from harmonia_core.engine.activity import Activity, ActivityEntry
from harmonia_core.engine.artifact_reader import Chunk, StoredArtifact
from harmonia_core.engine.artifacts import SpoolingWriter
from harmonia_core.engine.capture import Prints, Stream
from harmonia_core.engine.failures import bounded
from harmonia_core.engine.heartbeats import Heartbeats
from harmonia_core.engine.masking import SHORTEST, Masker
from harmonia_core.engine.output import NotJSON, TooLarge, encode
from harmonia_core.engine.watchdog import Watchdog
from harmonia_core.errors import PermanentError
from harmonia_core.model.outcomes import ArtifactBlob, Job
from harmonia_core.settings import KernelSettings

HEARTBEAT_LIMIT = 16 * 1024
ENTRY_LIMIT = 16 * 1024
"""Characters of one log line, and bytes of its fields or of a partial result."""
LEVELS = frozenset(("debug", "info", "warning", "error"))


@dataclass(slots=True)
class Services:
    """What the attempts of one dispatcher share.

    loop: how threads reach the loop; loop_thread: its thread; both known at the first attempt.
    """

    secret: Callable[[str, str], str | None]
    store: StateBackend
    settings: KernelSettings
    clock: Clock
    activity: Activity
    heartbeats: Heartbeats
    watchdog: Watchdog
    threads: anyio.CapacityLimiter
    unlimited: anyio.CapacityLimiter
    loop: EventLoopToken | None = None
    loop_thread: int = 0


class AttemptContext:
    """Implement the contract's TaskContext for one attempt."""

    __slots__ = (
        "_artifacts",
        "_deadline",
        "_job",
        "_last_heartbeat",
        "_open",
        "_prints",
        "_services",
        "_token",
        "beaten_at",
        "masker",
        "stopping",
    )

    def __init__(self, job: Job, services: Services) -> None:
        self._job = job
        self._services = services
        self._open = True
        self._deadline = job.deadline
        self._last_heartbeat: Any = None
        self._artifacts: list[SpoolingWriter] | None = None
        self._prints: Prints | None = None
        self._token: str | None = None
        self.masker: Masker | None = None
        self.stopping = False
        self.beaten_at = 0.0

    @property
    def execution(self) -> str:
        """Return the id of the execution."""
        return self._job.key.execution_id

    @property
    def path(self) -> str:
        """Return the task's place in the execution."""
        return self._job.key.path

    @property
    def attempt(self) -> int:
        """Return the number of this attempt, from 1."""
        return self._job.key.attempt

    @property
    def idempotency_key(self) -> str:
        """Return the key of the side effect, the same for every attempt of this task."""
        return self._job.stable_key

    @property
    def deadline(self) -> float | None:
        """Return when the attempt will be ended, in seconds since the epoch, if ever."""
        return self._deadline

    @property
    def cancelled(self) -> bool:
        """Tell whether the attempt should stop."""
        return self.stopping

    @property
    def last_heartbeat(self) -> Any:
        """Return the details of the last heartbeat of the attempt before, or None."""
        return self._last_heartbeat

    def log(self, level: str, text: str, **fields: Any) -> None:
        """Add a line to the activity of the task."""
        if level not in LEVELS:
            raise ValueError(f"Unknown log level {level!r}: use debug, info, warning or error.")
        self._say("log", level, self._shown(text), fields=self._sayable(fields) if fields else None)

    def progress(self, fraction: float | None = None, text: str | None = None, value: Any = None) -> None:
        """Say how far the attempt is."""
        if fraction is not None:
            fraction = min(1.0, max(0.0, float(fraction))) if isfinite(fraction) else None
        self._say("progress", "info", self._shown(text or ""), fraction=fraction, value=self._sayable(value))

    def heartbeat(self, details: Any = None) -> None:
        """Show a sign of life; details go to the store within a second."""
        try:
            value, encoded = encode(details, HEARTBEAT_LIMIT)
        except NotJSON as error:
            text = f"Heartbeat details are not JSON: {error}."
            raise PermanentError(text, "heartbeat-not-json") from error
        except TooLarge as error:
            text = f"Heartbeat details are too large: {error}."
            raise PermanentError(text, "heartbeat-too-large") from error
        if not self._open:
            return
        self.beaten_at = monotonic()
        if self.masker and (masked := self.masker.json(value)) is not value:
            encoded = encode(masked, 2 * HEARTBEAT_LIMIT)[1]
        key, now = self._job.key, self._services.clock.now()
        self._services.heartbeats.note(
            HeartbeatRow(key.execution_id, key.path, key.attempt, now, encoded.decode())
        )

    def artifact(self, name: str, media_type: str = "application/octet-stream") -> ArtifactWriter:
        """Open a file that is kept with the execution."""
        if not self._open:
            raise RuntimeError("The attempt has ended; it can keep no artifact any more.")
        limit = self._services.settings.artifact_limit
        writer = SpoolingWriter(name, media_type, limit, self.masker, self._upload)
        if self._artifacts is None:
            self._artifacts = []
        self._artifacts.append(writer)
        return writer

    def open_artifact(self, reference: Any) -> ArtifactReader:
        """Read an artifact that an earlier task kept."""
        return StoredArtifact(reference, self._stored_chunk, self._wait_for_chunk)

    def mask(self, *values: str) -> None:
        """Treat values as secrets from here on."""
        fresh = [value for value in values if len(value) >= SHORTEST]
        if fresh:
            self.masker = self.masker.joined(fresh) if self.masker else Masker(fresh)

    def defer(self) -> str:
        """Leave the attempt open after the function returned; return its completion token."""
        if self._token is None:
            self._token = secrets.token_urlsafe(32)
        return self._token

    # What follows is for the dispatcher, not for tasks.

    @property
    def token_hash(self) -> str | None:
        """Return the hash of the completion token, if the attempt was deferred."""
        return hashlib.sha256(self._token.encode()).hexdigest() if self._token else None

    def limit(self, timeout: float) -> None:
        """Set the deadline from the attempt's timeout, which begins now."""
        due = self._services.clock.now() + timeout
        self._deadline = due if self._deadline is None else min(due, self._deadline)

    def recall(self, row: HeartbeatRow | None, read: Callable[[str], Any]) -> None:
        """Take over the last heartbeat."""
        self._last_heartbeat = read(row.details) if row is not None else None

    def printed(self, stream: Stream, text: str) -> None:
        """Take what the task prints."""
        if not self._open:
            return
        if self._prints is None:
            self._prints = Prints(self._services.settings.print_limit, self.masker, self._printed_line)
        self._prints.write(stream, text)

    async def finish_artifacts(self) -> tuple[ArtifactBlob, ...]:
        """Upload what still waits, and return what was sealed."""
        sealed: list[ArtifactBlob] = []
        for writer in self._artifacts or ():
            if writer.sealed is not None:
                await writer.finish(self._services.store.upload)
                sealed.append(writer.sealed)
        return tuple(sealed)

    @property
    def has_artifacts(self) -> bool:
        """Tell whether there is anything for `finish_artifacts`."""
        return self._artifacts is not None

    def close(self) -> None:
        """End the attempt's speech: hand on the last line, drop what comes later."""
        if self._prints is not None:
            self._prints.close()
        self._open = False
        for writer in self._artifacts or ():
            writer.discard()

    def note(self, level: str, text: str) -> None:
        """Add a line of the dispatcher's own about this attempt."""
        self._say("log", level, text)

    def _printed_line(self, stream: Stream, line: str) -> None:
        level = "info" if stream == "stdout" else "warning"
        self._say("log", level, bounded(line, ENTRY_LIMIT), fields={"stream": stream})

    def _say(self, kind: Any, level: str, text: str, **rest: Any) -> None:
        if self._open:
            key, now = self._job.key, self._services.clock.now()
            entry = ActivityEntry(key.execution_id, key.path, key.attempt, now, kind, level, text, **rest)
            self._services.activity.add(entry)

    def _shown(self, text: str) -> str:
        text = str(text)
        return bounded(self.masker.text(text) if self.masker else text, ENTRY_LIMIT)

    def _sayable(self, value: Any) -> Any:
        """Return a value as masked JSON; what is none becomes text, for a log must not fail a task."""
        try:
            value, _ = encode(value, ENTRY_LIMIT)
        except (NotJSON, TooLarge) as error:
            return {"left_out": str(error)}
        return self.masker.json(value) if self.masker else value

    async def _stored_chunk(self, address: str, number: int) -> bytes | None:
        return await self._services.store.blob_chunk(self._job.namespace, address, number)

    def _wait_for_chunk(self, chunk: Chunk, address: str, number: int) -> bytes | None:
        return anyio.from_thread.run(chunk, address, number, token=self._services.loop)

    def _upload(self, upload_id: str, number: int, chunk: bytes) -> bool:
        services = self._services
        if get_ident() == services.loop_thread:
            return False
        anyio.from_thread.run(services.store.upload, upload_id, number, chunk, token=services.loop)
        return True
