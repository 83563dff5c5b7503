"""The tables of the memory backend and the one function that writes them.

A store lives as long as the process, or as long as somebody holds it if it has no
name. It is plain data: no lock, no loop. `MemoryBackend` stands before it.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from harmonia_core.builtin.memory_slots import write_slots
from harmonia_core.contracts.rows import (
    ActivityRow,
    DocumentWrite,
    EngineRow,
    EventRow,
    ExecutionRow,
    HeartbeatRow,
    RequestRow,
    SlotRow,
    TaskRow,
    TimerRow,
    TokenRow,
    Unit,
)
from harmonia_core.contracts.state_backend import StateConflict
from harmonia_core.errors import StateBackendError, StateCorrupt, VersionConflict
from harmonia_core.model.statuses import FINAL_EXECUTION

FINAL = frozenset(str(status) for status in FINAL_EXECUTION)
Collection = tuple[str, str]


@dataclass(slots=True)
class Stored:
    """Hold a document as stored: JSON text, version, indexed fields."""

    value: str
    version: int
    fields: dict[str, str | float | None]


@dataclass(slots=True)
class MemoryStore:
    """Hold everything that one `memory://` address keeps.

    alive: ids of the engines at work. watchers: by the identity of their backend.
    slots: by execution, path and key. starts: namespace, key and time of what began under a rate.
    uploaders: who uploads what no blob names yet, and since when (epoch seconds).
    """

    executions: dict[str, ExecutionRow] = field(default_factory=dict)
    unfinished: dict[str, None] = field(default_factory=dict)
    events: dict[str, list[EventRow]] = field(default_factory=lambda: defaultdict(list))
    tasks: dict[str, dict[tuple[str, int], TaskRow]] = field(default_factory=lambda: defaultdict(dict))
    timers: dict[str, dict[tuple[str, str], TimerRow]] = field(default_factory=lambda: defaultdict(dict))
    requests: dict[str, RequestRow] = field(default_factory=dict)
    tokens: dict[str, TokenRow] = field(default_factory=dict)
    blobs: dict[tuple[str, str], bytes] = field(default_factory=dict)
    references: set[tuple[str, str, str]] = field(default_factory=set)
    uploads: dict[str, dict[int, bytes]] = field(default_factory=lambda: defaultdict(dict))
    uploaders: dict[str, tuple[str | None, float]] = field(default_factory=dict)
    snapshots: dict[str, dict[int, bytes]] = field(default_factory=lambda: defaultdict(dict))
    heartbeats: dict[tuple[str, str], HeartbeatRow] = field(default_factory=dict)
    activity: dict[str, dict[int, ActivityRow]] = field(default_factory=lambda: defaultdict(dict))
    documents: dict[Collection, dict[str, Stored]] = field(default_factory=lambda: defaultdict(dict))
    streams: dict[Collection, list[str]] = field(default_factory=lambda: defaultdict(list))
    slots: dict[tuple[str, str, str], SlotRow] = field(default_factory=dict)
    starts: list[tuple[str, str, float]] = field(default_factory=list)
    engines: dict[str, EngineRow] = field(default_factory=dict)
    alive: set[str] = field(default_factory=set)
    watchers: dict[int, Callable[[], None]] = field(default_factory=dict)


def apply(store: MemoryStore, unit: Unit) -> StateBackendError | None:
    """Write a unit whole, or return why nothing of it was written."""
    refusal = _moved(store, unit) or _outdated(store, unit.documents) or _missing_chunks(store, unit)
    if refusal is None:
        _write_execution(store, unit)
        _write_exchange(store, unit)
        _write_blobs(store, unit)
        _write_documents(store, unit)
        if unit.slots or unit.closed_slots or unit.promotions:
            write_slots(store, unit)
    return refusal


def _moved(store: MemoryStore, unit: Unit) -> StateConflict | None:
    if unit.created is not None:
        found = store.executions.get(unit.created.execution_id)
        return found and StateConflict(found.execution_id, found.seq, found.epoch, found.owner)
    head = unit.head
    if head is None:
        return None
    found = store.executions.get(head.execution_id)
    if found is None:
        return StateConflict(head.execution_id, 0, 0, None)
    if found.seq == head.expected_seq and found.epoch == head.expected_epoch:
        return None
    return StateConflict(head.execution_id, found.seq, found.epoch, found.owner)


def _outdated(store: MemoryStore, writes: Iterable[DocumentWrite]) -> VersionConflict | None:
    seen: dict[tuple[str, str, str], int] = {}
    for write in writes:
        place = (write.namespace, write.collection, write.key)
        version = seen.get(place)
        if version is None:
            stored = store.documents[place[:2]].get(write.key)
            version = stored.version if stored else 0
        if write.if_version is not None and write.if_version != version:
            return VersionConflict(
                f"Document {write.key!r} of {write.collection!r} in namespace {write.namespace!r} stands at "
                f"version {version}, not {write.if_version}; read it again and decide anew."
            )
        seen[place] = 0 if write.value is None else version + 1
    return None


def _missing_chunks(store: MemoryStore, unit: Unit) -> StateCorrupt | None:
    for blob in unit.blobs:
        if blob.data is not None or (blob.namespace, blob.address) in store.blobs:
            continue
        size = sum(map(len, store.uploads.get(blob.upload_id or "", {}).values()))
        if size != blob.size:
            return StateCorrupt(
                f"Upload {blob.upload_id} holds {size} bytes, {blob.address} needs {blob.size}."
            )
    return None


def _write_execution(store: MemoryStore, unit: Unit) -> None:
    if unit.created is not None:
        _put_head(store, unit.created)
    elif unit.head is not None:
        new, old = unit.head, store.executions[unit.head.execution_id]
        seq, epoch, owner, status, reason, error, ended_at = new[:7]
        _put_head(
            store,
            old._replace(
                seq=seq,
                epoch=epoch,
                owner=owner,
                status=status,
                reason=reason,
                error=error,
                ended_at=ended_at,
            ),
        )
    for event in unit.events:
        store.events[event.execution_id].append(event)
    for task in unit.tasks:
        store.tasks[task.execution_id][task.scope, task.position] = task
    for execution_id, path, kind in unit.closed_timers:
        store.timers[execution_id].pop((path, kind), None)
    for timer in unit.timers:
        store.timers[timer.execution_id][timer.path, timer.kind] = timer
    if unit.snapshot is not None:
        store.snapshots[unit.snapshot.execution_id][unit.snapshot.seq] = unit.snapshot.state


def _put_head(store: MemoryStore, row: ExecutionRow) -> None:
    store.executions[row.execution_id] = row
    if row.status in FINAL:
        store.unfinished.pop(row.execution_id, None)
    else:
        store.unfinished[row.execution_id] = None


def _write_exchange(store: MemoryStore, unit: Unit) -> None:
    for request in unit.requests:
        store.requests.setdefault(request.request_id, request)
    for request_id in unit.consumed:
        store.requests.pop(request_id, None)
    for token in unit.tokens:
        store.tokens[token.token_hash] = token
    for token_hash in unit.closed_tokens:
        store.tokens.pop(token_hash, None)


def _write_blobs(store: MemoryStore, unit: Unit) -> None:
    for blob in unit.blobs:
        store.references.add((blob.namespace, blob.address, blob.execution_id))
        chunks = store.uploads.pop(blob.upload_id, {}) if blob.upload_id else {}
        store.uploaders.pop(blob.upload_id or "", None)
        data = blob.data if blob.data is not None else b"".join(chunks[n] for n in sorted(chunks))
        store.blobs.setdefault((blob.namespace, blob.address), data)


def _write_documents(store: MemoryStore, unit: Unit) -> None:
    for write in unit.documents:
        collection = store.documents[write.namespace, write.collection]
        if write.value is None:
            collection.pop(write.key, None)
            continue
        before = collection.get(write.key)
        version = before.version + 1 if before else 1
        collection[write.key] = Stored(write.value, version, dict(write.fields))
    for append in unit.appends:
        store.streams[append.namespace, append.stream].append(append.value)
