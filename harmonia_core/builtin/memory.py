"""The memory backend: the contract's reference implementation, for tests and trials.

`memory://name` is one store per process, so that a second engine in the same
process may open it; `memory://` is private. Nothing outlives the process.
"""

import json
import time
from bisect import bisect_right
from collections.abc import Callable, Sequence
from threading import get_ident
from typing import Any

from anyio.lowlevel import current_token

from harmonia_core.builtin.memory_activity import MemoryActivity
from harmonia_core.builtin.memory_checking import MemoryChecking
from harmonia_core.builtin.memory_documents import document_page
from harmonia_core.builtin.memory_executions import execution_page
from harmonia_core.builtin.memory_pruning import MemoryPruning
from harmonia_core.builtin.memory_slots import slot_rows
from harmonia_core.builtin.memory_store import apply
from harmonia_core.contracts.rows import (
    Document,
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
from harmonia_core.contracts.slots import SlotQuery
from harmonia_core.contracts.state_backend import BackendType, DocumentQuery, ExecutionQuery, Results

CHUNK = 1024 * 1024


class MemoryBackend(MemoryActivity, MemoryPruning, MemoryChecking):
    """Keep a store in this process; every method is done when it returns."""

    def __init__(self, url: str, commit_in_place: str = "auto") -> None:
        super().__init__(url)
        self._engine_id: str | None = None

    async def open(self, engine: EngineRow | None) -> None:
        if engine is not None:
            self._engine_id = engine.engine_id
            self._store.engines[engine.engine_id] = engine
            self._store.alive.add(engine.engine_id)
        self._opened = True

    async def close(self) -> None:
        self._opened = False
        self._store.watchers.pop(id(self), None)
        if self._engine_id is not None:
            self._store.alive.discard(self._engine_id)

    def submit(self, units: Sequence[Unit], done: Callable[[Results], None]) -> None:
        if not units:
            return
        if not self._opened:
            return done([(unit, self._closed()) for unit in units])
        with self._lock:
            results = [(unit, apply(self._store, unit)) for unit in units]
        if any(error is None and unit.concerns_others for unit, error in results):
            self._wake(but=id(self))
        done(results)

    async def commit(self, unit: Unit) -> None:
        results: list[Any] = []
        self.submit([unit], results.extend)
        for _, error in results:
            if error is not None:
                raise error

    async def head(self, execution_id: str) -> ExecutionRow | None:
        return self._read().executions.get(execution_id)

    async def heads(self, execution_ids: Sequence[str]) -> list[ExecutionRow]:
        found = self._read().executions
        return [found[key] for key in set(execution_ids) if key in found]

    async def events(self, execution_id: str, after: int = 0, limit: int | None = None) -> list[EventRow]:
        events = self._read().events.get(execution_id, [])
        start = bisect_right(events, after, key=lambda event: event.seq)
        return events[start:] if limit is None else events[start : start + limit]

    async def snapshot(self, execution_id: str, up_to: int | None = None) -> tuple[int, bytes] | None:
        found = self._read().snapshots.get(execution_id, {})
        seq = max((seq for seq in found if up_to is None or seq <= up_to), default=None)
        return None if seq is None else (seq, found[seq])

    async def tasks(self, execution_id: str, scope: str | None = None) -> list[TaskRow]:
        found = self._read().tasks.get(execution_id, {})
        return [found[key] for key in sorted(found) if scope is None or key[0] == scope]

    async def item_ends(self, execution_id: str, scope: str, start: int, stop: int) -> list[EventRow]:
        store = self._read()
        tasks, events = store.tasks.get(execution_id, {}), store.events.get(execution_id, [])
        rows = (tasks.get((scope, position)) for position in range(start, stop))
        # The log has no gaps: seq n stands at place n - 1, counted from its first event.
        return [events[row.ended_seq - events[0].seq] for row in rows if row and row.ended_seq]

    async def timers(self, execution_id: str) -> list[TimerRow]:
        found = self._read().timers.get(execution_id, {})
        return sorted(found.values(), key=lambda timer: (timer.due, timer.path, timer.kind))

    async def find(self, query: ExecutionQuery) -> tuple[list[ExecutionRow], str | None]:
        with self._lock:
            return execution_page(self._read().executions, query)

    async def unfinished(self) -> list[ExecutionRow]:
        store = self._read()
        return [store.executions[key] for key in sorted(store.unfinished)]

    async def owners(self) -> set[str | None]:
        return {row.owner for row in await self.unfinished() if row.owner or row.status != "attention"}

    async def requests(self, execution_ids: Sequence[str] | None = None) -> list[RequestRow]:
        rows = self._read().requests.values()
        wanted = None if execution_ids is None else set(execution_ids)
        return [row for row in rows if wanted is None or row.execution_id in wanted]

    async def add_request(self, request: RequestRow) -> None:
        self._read().requests.setdefault(request.request_id, request)
        self._wake()

    async def slots(self, query: SlotQuery) -> list[SlotRow]:
        return slot_rows(self._read(), query)

    async def token(self, token_hash: str) -> TokenRow | None:
        return self._read().tokens.get(token_hash)

    async def blob(self, namespace: str, address: str) -> bytes | None:
        return self._read().blobs.get((namespace, address))

    async def blob_chunk(self, namespace: str, address: str, number: int) -> bytes | None:
        data = self._read().blobs.get((namespace, address), b"")
        return data[number * CHUNK : (number + 1) * CHUNK] or None

    async def upload(self, upload_id: str, number: int, data: bytes) -> None:
        if len(data) > CHUNK:
            raise ValueError(f"a chunk holds at most {CHUNK} bytes, this one has {len(data)}")
        store = self._read()
        store.uploaders.setdefault(upload_id, (self._engine_id, time.time()))
        store.uploads[upload_id][number] = data

    async def beat(self, rows: Sequence[HeartbeatRow]) -> None:
        self._read().heartbeats.update({(row.execution_id, row.path): row for row in rows})

    async def heartbeat(self, execution_id: str, path: str) -> HeartbeatRow | None:
        return self._read().heartbeats.get((execution_id, path))

    async def document(self, namespace: str, collection: str, key: str) -> Document | None:
        found = self._read().documents.get((namespace, collection), {}).get(key)
        return Document(key, json.loads(found.value), found.version) if found else None

    async def find_documents(self, query: DocumentQuery) -> tuple[list[Document], str | None]:
        return document_page(self._read().documents.get((query.namespace, query.collection), {}), query)

    async def stream(
        self, namespace: str, stream: str, after: int = 0, limit: int = 100
    ) -> list[tuple[int, Any]]:
        values = self._read().streams.get((namespace, stream), [])[after : after + limit]
        return [(position, json.loads(value)) for position, value in enumerate(values, after + 1)]

    async def engines(self) -> list[EngineRow]:
        return list(self._read().engines.values())

    async def alive(self, engine_ids: Sequence[str]) -> set[str]:
        return self._read().alive.intersection(engine_ids)

    def watch(self, wake: Callable[[], None]) -> None:
        self._store.watchers[id(self)] = _on_this_loop(wake)

    async def health(self) -> dict[str, Any]:
        if not self._opened:
            closed = self._closed()
            return {"ok": False, "backend": "memory", "code": closed.code, "error": str(closed)}
        return {"ok": True, "backend": "memory", "store": self._name}

    def _wake(self, but: int | None = None) -> None:
        for key, wake in list(self._store.watchers.items()):
            if key != but:
                wake()


def _on_this_loop(wake: Callable[[], None]) -> Callable[[], None]:
    token, thread = current_token(), get_ident()

    def call() -> None:
        if get_ident() == thread:
            wake()
        else:
            token.backend_class.run_sync_soon(wake, (), token.native_token)

    return call


MEMORY = BackendType(schemes=("memory",), create=MemoryBackend)
