"""Rows that cross the door between the kernel and a state backend.

They are named tuples in column order, so that a backend may hand them to its
driver as they are. Times are seconds since the epoch (UTC), JSON is text.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple


class EventRow(NamedTuple):
    """Hold one recorded event. Key: (execution_id, seq); seq starts at 1, without gaps."""

    execution_id: str
    seq: int
    at: float
    type: str
    v: int
    actor: str | None
    causation: str | None
    data: str


class ExecutionRow(NamedTuple):
    """Hold the head of an execution: who may append, and the projection of its state.

    owner: id of the engine that appends, None if nobody does. labels, origin, error: JSON.
    """

    execution_id: str
    namespace: str
    workflow: str
    version: str
    definition_hash: str
    status: str
    reason: str | None
    seq: int
    epoch: int
    owner: str | None
    created_at: float
    started_at: float | None
    ended_at: float | None
    root_id: str
    parent_id: str | None
    origin: str | None
    labels: str
    error: str | None
    actor: str | None


class HeadWrite(NamedTuple):
    """Move a head by compare-and-set on (expected_seq, expected_epoch).

    The fields up to `ended_at` are the new values, in the order of an UPDATE.
    """

    seq: int
    epoch: int
    owner: str | None
    status: str
    reason: str | None
    error: str | None
    ended_at: float | None
    execution_id: str
    expected_seq: int
    expected_epoch: int


class TaskRow(NamedTuple):
    """Hold the projection of one task or one map item. Key: (execution_id, scope, position).

    scope: path of the enclosing scope, empty for the root; a map's path for its items.
    ended_seq: seq of the event that carries its output or error, once it is final.
    due: when its timer fires (backoff, wait), if it has one.
    """

    execution_id: str
    scope: str
    position: int
    path: str
    type: str
    status: str
    reason: str | None
    attempt: int
    started_at: float | None
    ended_at: float | None
    ended_seq: int | None
    due: float | None


class TimerRow(NamedTuple):
    """Hold one durable timer. Key: (execution_id, path, kind); an upsert moves it."""

    execution_id: str
    path: str
    kind: str
    due: float


class RequestRow(NamedTuple):
    """Hold a request from outside an execution, waiting for its owner. Key: request_id.

    kind: cancel, complete, retry, ... body: JSON. actor: JSON or None.
    """

    request_id: str
    execution_id: str
    namespace: str
    kind: str
    body: str
    actor: str | None
    created_at: float


class TokenRow(NamedTuple):
    """Hold the hash of a completion token and the attempt it completes."""

    token_hash: str
    execution_id: str
    path: str
    attempt: int


class BlobRow(NamedTuple):
    """Hold a blob: `data` whole, or the chunks uploaded before under `upload_id`.

    address: `sha256:<hex>` over the bytes. Key: (namespace, address); writing it again is harmless.
    execution_id: who refers to it, for the sweep.
    """

    namespace: str
    address: str
    size: int
    media_type: str
    execution_id: str
    data: bytes | None
    upload_id: str | None


class SnapshotRow(NamedTuple):
    """Hold an encoded state at a seq. Key: (execution_id, seq)."""

    execution_id: str
    seq: int
    state: bytes


class HeartbeatRow(NamedTuple):
    """Hold the last heartbeat of a task. Key: (execution_id, path). details: JSON, at most 16 KiB."""

    execution_id: str
    path: str
    attempt: int
    at: float
    details: str


class ActivityRow(NamedTuple):
    """Hold one log line or sign of progress. Key: (execution_id, position).

    position: microseconds since the epoch, made strictly ascending by the engine that writes.
    kind: `log` or `progress`. level: of a log line, else empty. data: JSON with the parts that
        are there of text, fields, fraction, value; masked already.
    """

    execution_id: str
    position: int
    path: str
    attempt: int
    kind: str
    level: str
    data: str


class EngineRow(NamedTuple):
    """Describe an engine that is or was at work on this store."""

    engine_id: str
    pid: int
    host: str
    started_at: float


@dataclass(frozen=True, slots=True)
class DocumentWrite:
    """Put (value given) or delete (value None) one document.

    if_version: None writes whatever is there; 0 demands that nothing is there;
        n demands version n. A mismatch is VersionConflict, and the whole unit is refused.
    fields: the collection's indexed fields with their values (text, number or None).
    """

    namespace: str
    collection: str
    key: str
    value: str | None
    if_version: int | None = None
    fields: Mapping[str, str | float | None] = field(default_factory=lambda: MappingProxyType({}))


class StreamAppend(NamedTuple):
    """Append one value (JSON) to a stream; streams are read back in order."""

    namespace: str
    stream: str
    value: str


class Document(NamedTuple):
    """Hold a document as read. version: 1 at its first write, one more with each."""

    key: str
    value: Any
    version: int


class SlotRow(NamedTuple):
    """Hold what a task, or with an empty path an execution, holds or wants of one limit.

    Key: (execution_id, path, key). units: how much. most: what its definition allows at once, beside the
    limit. policy: `queue`, `skip` or `cancel-older`. priority: higher first; since, seq: when it began to
    wait, its place among equals. state: `waiting`, `asked`, `held` or `leaving`. moved: when it came to that.
    """

    execution_id: str
    path: str
    key: str
    namespace: str
    units: int
    most: int | None
    policy: str
    priority: int
    since: float
    seq: int
    state: str
    moved: float


@dataclass(slots=True)
class Unit:
    """Gather what must be committed together: all of it or nothing.

    head: the one execution this unit moves, or None (documents alone).
    created: the row of an execution that begins with this unit; its head then
        expects seq 0, and `head` is None.
    consumed: ids of requests that this unit turns into events.
    closed_timers: (execution_id, path, kind). closed_tokens: hashes.
    slots: rows of slots, written after those of closed_slots (execution_id, path) are deleted, and after
        slot_priorities (priority, execution_id). promotions: (namespace, key, now) of the limits whose
        waiting rows may come to hold them now, with all else of the unit written.
    """

    head: HeadWrite | None = None
    created: ExecutionRow | None = None
    events: list[EventRow] = field(default_factory=list)
    tasks: list[TaskRow] = field(default_factory=list)
    timers: list[TimerRow] = field(default_factory=list)
    closed_timers: list[tuple[str, str, str]] = field(default_factory=list)
    requests: list[RequestRow] = field(default_factory=list)
    consumed: list[str] = field(default_factory=list)
    tokens: list[TokenRow] = field(default_factory=list)
    closed_tokens: list[str] = field(default_factory=list)
    blobs: list[BlobRow] = field(default_factory=list)
    snapshot: SnapshotRow | None = None
    documents: list[DocumentWrite] = field(default_factory=list)
    appends: list[StreamAppend] = field(default_factory=list)
    slots: list[SlotRow] = field(default_factory=list)
    closed_slots: list[tuple[str, str]] = field(default_factory=list)
    slot_priorities: list[tuple[int, str]] = field(default_factory=list)
    promotions: list[tuple[str, str, float]] = field(default_factory=list)

    @property
    def execution_id(self) -> str | None:
        """Return which execution this unit moves or begins."""
        row = self.head or self.created
        return None if row is None else row.execution_id

    @property
    def concerns_others(self) -> bool:
        """Tell whether engines other than the writer have to hear of it: a request, a slot, a new epoch."""
        if self.requests or self.promotions:
            return True
        return self.head is not None and self.head.epoch != self.head.expected_epoch

    @property
    def weight(self) -> int:
        """Return about how many rows this unit writes."""
        return 1 + len(self.events) + len(self.tasks) + len(self.timers) + len(self.blobs)
