"""The memory backend's part of upkeep that makes a store smaller."""

from collections.abc import Iterable, Sequence
from heapq import nsmallest

from anyio.lowlevel import checkpoint

from harmonia_core.builtin.memory_access import MemoryAccess
from harmonia_core.builtin.memory_store import FINAL, MemoryStore
from harmonia_core.contracts.rows import ExecutionRow
from harmonia_core.contracts.upkeep import FinishedQuery, Pruned

# Executions deleted between two chances for others on the loop.
SLICE = 20
# Kinds of requests that are for executions which do not exist yet.
BEGINNING = frozenset({"start", "continue", "fork"})


class MemoryPruning(MemoryAccess):
    """Delete what is not wanted any more; part of `MemoryBackend`."""

    async def finished(self, query: FinishedQuery) -> tuple[list[ExecutionRow], str | None]:
        behind = _place(query.cursor) if query.cursor else (float("-inf"), "")
        before = float("inf") if query.before is None else query.before
        ended = (
            (row.ended_at, row.execution_id)
            for row in self._read().executions.values()
            if row.ended_at is not None and row.ended_at < before
        )
        places = nsmallest(query.limit, (place for place in ended if place > behind))
        rows = [self._read().executions[execution_id] for _, execution_id in places]
        return rows, f"{places[-1][0]!r} {places[-1][1]}" if places else None

    async def prune(self, execution_ids: Sequence[str]) -> Pruned:
        gone = Pruned()
        for start in range(0, len(execution_ids), SLICE):
            with self._lock:
                gone += prune(self._read(), execution_ids[start : start + SLICE])
            await checkpoint()
        return gone

    async def sweep(self, before: float) -> Pruned:
        with self._lock:
            return sweep(self._read(), before)

    async def vacuum(self) -> None:
        self._read()


def _place(cursor: str) -> tuple[float, str]:
    moment, _, execution_id = cursor.partition(" ")
    return float(moment), execution_id


def prune(store: MemoryStore, execution_ids: Iterable[str]) -> Pruned:
    """Delete ended executions whole, with blobs that were theirs alone."""
    found = (store.executions.get(execution_id) for execution_id in execution_ids)
    going = {row.execution_id for row in found if row is not None and row.status in FINAL}
    events = sum(len(store.events.get(execution_id, ())) for execution_id in going)
    theirs = {reference for reference in store.references if reference[2] in going}
    store.references -= theirs
    kept = {reference[:2] for reference in store.references}
    _drop(store, going)
    for execution_id in going:
        del store.executions[execution_id]
    blobs = _drop_blobs(store, {reference[:2] for reference in theirs} - kept)
    return blobs + Pruned(executions=len(going), events=events)


def sweep(store: MemoryStore, before: float) -> Pruned:
    """Delete what nobody will ask for; see the contract."""
    for upload_id, (engine_id, began) in list(store.uploaders.items()):
        if began < before and engine_id not in store.alive:
            del store.uploaders[upload_id]
            store.uploads.pop(upload_id, None)
    # What begins one is for an execution that does not exist yet; what else waits for it waits with that.
    coming = {row.execution_id for row in store.requests.values() if row.kind in BEGINNING}
    coming -= store.executions.keys()
    for request in list(store.requests.values()):
        head = store.executions.get(request.execution_id)
        waited_for = request.execution_id in coming if head is None else head.status not in FINAL
        if request.created_at < before and not waited_for:
            del store.requests[request.request_id]
    speakers = (
        store.activity.keys()
        | {place[0] for place in store.slots}
        | {row.execution_id for row in store.heartbeats.values()}
    )
    _drop(store, speakers - store.executions.keys())
    known = store.executions.keys() | coming
    store.references -= {one for one in store.references if one[2] not in known}
    owners = {store.executions[execution_id].owner for execution_id in store.unfinished}
    for engine_id in store.engines.keys() - store.alive - owners:
        del store.engines[engine_id]
    return _drop_blobs(store, store.blobs.keys() - {reference[:2] for reference in store.references})


def _drop(store: MemoryStore, execution_ids: set[str]) -> None:
    """Delete everything that is kept for executions, but for their heads and blobs."""
    for execution_id in execution_ids:
        for rows in (store.events, store.tasks, store.timers, store.snapshots, store.activity):
            rows.pop(execution_id, None)
    for request in [row for row in store.requests.values() if row.execution_id in execution_ids]:
        del store.requests[request.request_id]
    for token in [row for row in store.tokens.values() if row.execution_id in execution_ids]:
        del store.tokens[token.token_hash]
    for slot in [place for place in store.slots if place[0] in execution_ids]:
        del store.slots[slot]
    for place in [place for place in store.heartbeats if place[0] in execution_ids]:
        del store.heartbeats[place]


def _drop_blobs(store: MemoryStore, places: set[tuple[str, str]]) -> Pruned:
    dropped = [store.blobs.pop(place) for place in places if place in store.blobs]
    return Pruned(blobs=len(dropped), bytes=sum(map(len, dropped)))
