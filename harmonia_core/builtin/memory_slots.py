"""The rows of slots in memory: written with a unit, brought to run by `promote`."""

import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from harmonia_core.contracts.rows import RequestRow, SlotRow, Unit
from harmonia_core.contracts.slots import (
    HELD,
    HOLDING,
    LIMITS,
    PLACE,
    QUEUED,
    WAITING,
    Limit,
    Promotion,
    SlotQuery,
    limit_key,
    promote,
    read_limit,
)

if TYPE_CHECKING:
    from harmonia_core.builtin.memory_store import MemoryStore


def write_slots(store: "MemoryStore", unit: Unit) -> None:
    """Write the slots of a unit, everything else of which is written."""
    closed = set(unit.closed_slots)
    for place in [place for place in store.slots if place[:2] in closed] if closed else ():
        del store.slots[place]
    for priority, execution_id in unit.slot_priorities:
        for place, row in list(store.slots.items()):
            if place[0] == execution_id:
                store.slots[place] = row._replace(priority=priority)
    for row in unit.slots:
        store.slots[row[:3]] = row
    promote(MemorySlots(store), (Promotion._make(one) for one in unit.promotions))


def slot_rows(store: "MemoryStore", query: SlotQuery) -> list[SlotRow]:
    """Return rows, those that hold first."""
    wanted = [(name, value) for name in SlotQuery.__slots__ if (value := getattr(query, name)) is not None]
    found = (
        row for row in store.slots.values() if all(getattr(row, name) == value for name, value in wanted)
    )
    return sorted(found, key=lambda row: (row.namespace, row.key, row.state not in HOLDING, *_order(row)))


class MemorySlots:
    """The rows of one store, as `promote` sees them."""

    def __init__(self, store: "MemoryStore") -> None:
        self._store = store

    def _of(self, namespace: str, key: str, states: Iterable[str]) -> list[SlotRow]:
        rows = (row for row in self._store.slots.values() if row.namespace == namespace and row.key == key)
        return [row for row in rows if row.state in states]

    def limit(self, namespace: str, key: str) -> Limit | None:
        found = self._store.documents[PLACE, LIMITS].get(limit_key(namespace, key))
        return None if found is None else read_limit(key, json.loads(found.value))

    def used(self, namespace: str, key: str) -> int:
        return sum(row.units for row in self._of(namespace, key, HOLDING))

    def waiting(self, namespace: str, key: str, behind: SlotRow | None, most: int) -> Sequence[SlotRow]:
        rows = sorted((row for row in self._of(namespace, key, QUEUED) if not self._passed(row)), key=_order)
        return [row for row in rows if behind is None or _order(row) > _order(behind)][:most]

    def unasked(self, namespace: str, key: str) -> Sequence[SlotRow]:
        rows = [row for row in self._of(namespace, key, (WAITING,)) if row.policy != "queue"]
        return sorted((row for row in rows if not self._passed(row)), key=_order)

    def _passed(self, row: SlotRow) -> bool:
        head = self._store.executions.get(row.execution_id)
        return head is None or head.status == "paused"

    def wants(self, row: SlotRow) -> Sequence[SlotRow]:
        return [one for place, one in sorted(self._store.slots.items()) if place[:2] == row[:2]]

    def oldest(self, namespace: str, key: str) -> SlotRow | None:
        rows = self._of(namespace, key, (HELD,))
        return min(rows, key=lambda row: (row.moved, row.execution_id, row.path), default=None)

    def mark(self, row: SlotRow, state: str, at: float) -> None:
        for one in self.wants(row):
            self._store.slots[one[:3]] = one._replace(state=state, moved=at)

    def starts(self, namespace: str, key: str, since: float) -> int:
        place = namespace, key
        kept = [one for one in self._store.starts if one[:2] != place or one[2] > since]
        self._store.starts[:] = kept
        return sum(one[:2] == place for one in kept)

    def begun(self, row: SlotRow, at: float) -> None:
        self._store.starts.append((row.namespace, row.key, at))

    def tell(self, requests: Sequence[RequestRow]) -> None:
        for request in requests:
            self._store.requests.setdefault(request.request_id, request)


def _order(row: SlotRow) -> tuple[int, float, str, int, str]:
    return -row.priority, row.since, row.execution_id, row.seq, row.path
