"""The memory backend's part of upkeep that knows and checks a store."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from types import MappingProxyType
from typing import Any

from harmonia_core.builtin.memory_access import MemoryAccess
from harmonia_core.builtin.memory_slots import write_slots
from harmonia_core.builtin.memory_store import FINAL, MemoryStore
from harmonia_core.contracts.rows import ExecutionRow, SlotRow, TaskRow, TimerRow
from harmonia_core.contracts.slots import mending
from harmonia_core.contracts.state_backend import StateConflict
from harmonia_core.contracts.upkeep import Holding
from harmonia_core.errors import BackupRefused, Problem

PAGE = 1000


class MemoryChecking(MemoryAccess):
    """Describe, compare and mend; part of `MemoryBackend`."""

    async def describe(self) -> dict[str, Any]:
        store = self._store
        ended = [row.ended_at for row in store.executions.values() if row.ended_at is not None]
        return {
            "backend": "memory",
            "place": f"memory://{self._name}",
            "schema": None,
            "bytes": {},
            "executions": dict(Counter(row.status for row in store.executions.values())),
            "estimated": False,
            "finished": {"oldest": min(ended, default=None), "newest": max(ended, default=None)},
            "owners": dict(Counter(store.executions[key].owner or "" for key in store.unfinished)),
            "requests": len(store.requests),
            "activity": sum(map(len, store.activity.values())),
            "blobs": {"count": len(store.blobs), "bytes": sum(map(len, store.blobs.values()))},
        }

    async def verify(self) -> list[Problem]:
        store = self._read()
        return [*_orphans(store), *_lost_blobs(store)]

    async def backup(self, target: str, progress: Callable[[float], None] | None = None) -> dict[str, Any]:
        raise BackupRefused(
            "A store in memory ends with its process, so it has no backup; use sqlite:///FILE."
        )

    async def projections(
        self, execution_id: str, take: Callable[[Sequence[TaskRow]], None]
    ) -> tuple[ExecutionRow, list[TimerRow]] | None:
        store = self._read()
        with self._lock:
            head = store.executions.get(execution_id)
            tasks = iter(list(store.tasks.get(execution_id, {}).values()))
            timers = list(store.timers.get(execution_id, {}).values())
        if head is None:
            return None
        while page := list(islice(tasks, PAGE)):
            take(page)
        return head, timers

    async def holdings(
        self, execution_id: str, namespace: str, addresses: Sequence[str]
    ) -> dict[str, Holding]:
        store = self._read()
        return {
            address: Holding(
                len(store.blobs[namespace, address]), (namespace, address, execution_id) in store.references
            )
            for address in addresses
            if (namespace, address) in store.blobs
        }

    async def replace_projections(
        self,
        head: ExecutionRow,
        tasks: Sequence[TaskRow],
        timers: Sequence[TimerRow],
        drop_snapshots: Sequence[int] = (),
        slots: Mapping[str, Sequence[SlotRow]] = MappingProxyType({}),
    ) -> None:
        store, key = self._read(), head.execution_id
        with self._lock:
            found = store.executions.get(key)
            if found is None or fence(found) != fence(head):
                raise StateConflict(key, *(fence(found) if found else (0, 0, None)))
            store.executions[key] = head._replace(namespace=found.namespace)
            _keep_list(store, head)
            store.tasks[key] = {(row.scope, row.position): row for row in tasks}
            store.timers[key] = {(row.path, row.kind): row for row in timers}
            for seq in drop_snapshots:
                store.snapshots[key].pop(seq, None)
            write_slots(store, mending(key, slots))


def fence(row: ExecutionRow) -> tuple[int, int, str | None]:
    """Return what an append is compared with."""
    return row.seq, row.epoch, row.owner


def _keep_list(store: MemoryStore, head: ExecutionRow) -> None:
    if head.status in FINAL:
        store.unfinished.pop(head.execution_id, None)
    else:
        store.unfinished[head.execution_id] = None


def _orphans(store: MemoryStore) -> Iterator[Problem]:
    tables: dict[str, Iterable[str]] = {
        "event": [key for key, rows in store.events.items() if rows],
        "task": [key for key, rows in store.tasks.items() if rows],
        "timer": [key for key, rows in store.timers.items() if rows],
        "snapshot": [key for key, rows in store.snapshots.items() if rows],
        "slot": {key for key, _, _ in store.slots},
        "heartbeat": {key for key, _ in store.heartbeats},
        "completion_token": {token.execution_id for token in store.tokens.values()},
    }
    for table, keys in tables.items():
        for key in sorted(set(keys) - store.executions.keys()):
            yield Problem("row-orphaned", f"{key}/{table}", "rows stand here, but there is no such execution")


def _lost_blobs(store: MemoryStore) -> Iterator[Problem]:
    for namespace, address, key in sorted(store.references):
        if (namespace, address) not in store.blobs:
            yield Problem("blob-missing", f"{key}/blob/{address}", "it is referred to, but not there")
