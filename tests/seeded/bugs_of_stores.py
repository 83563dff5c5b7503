"""The two seeded bugs of the stores: what an engine sends is compared with nothing, or miscounted."""

from collections import Counter
from typing import Any

from pydantic_core import from_json
from sqlalchemy import bindparam, delete

import harmonia_sql.transaction
from harmonia_core.builtin import memory_store
from harmonia_core.builtin.memory_slots import MemorySlots
from harmonia_core.contracts.rows import Unit
from harmonia_core.contracts.slots import HELD, HOLDING
from harmonia_sql import tables

Patches = list[tuple[Any, str, Any]]
"""What is replaced: the owner, the name there, what stands in its place."""


def fence_removed() -> Patches:
    """Write what an engine sends that has lost an execution: the last one to write wins.

    The guarantee lives in the comparison of a unit's head with the stored one: `memory_store._moved`; in
    SQL the condition of the update of heads, and behind it the key of events, both broken here as one.
    """
    moved, write_heads = memory_store._moved, harmonia_sql.transaction._write_heads
    conflict = harmonia_sql.transaction._conflict

    def stale(unit: Unit, found: tuple[int, int]) -> bool:
        return unit.head is not None and found[1] > unit.head.expected_epoch

    def moved_or_not(store: Any, unit: Unit) -> Any:
        refusal = moved(store, unit)
        return None if refusal is not None and stale(unit, (refusal.seq, refusal.epoch)) else refusal

    def heads(cursor: Any, statements: Any, units: Any) -> None:
        for unit in units:
            found = _head(cursor, statements, unit)
            if found is not None and stale(unit, found):
                unit.head = unit.head._replace(expected_seq=found[0], expected_epoch=found[1])
                cursor.execute(
                    _later_events(statements), (unit.execution_id, min(row.seq for row in unit.events))
                )
        write_heads(cursor, statements, units)

    def no_conflict(cursor: Any, statements: Any, unit: Unit) -> Any:
        found = _head(cursor, statements, unit)
        lost = found is not None and stale(unit, found)
        return None if lost else conflict(cursor, statements, unit)

    sql = harmonia_sql.transaction
    return [
        (memory_store, "_moved", moved_or_not),
        (sql, "_write_heads", heads),
        (sql, "_conflict", no_conflict),
    ]


def _head(cursor: Any, statements: Any, unit: Unit) -> tuple[int, int] | None:
    if unit.head is None or not unit.events:
        return None
    cursor.execute(statements.head, (unit.execution_id,))
    found = cursor.fetchone()
    return None if found is None else (found[0], found[1])


def _later_events(statements: Any) -> str:
    event = tables.event.c
    later = event.execution_id == bindparam("id"), event.seq >= bindparam("first")
    statement = delete(tables.event).where(*later)
    return str(statements.dialect.text_of(statement))


def stored_counter() -> Patches:
    """Count what runs under a limit with a counter that is moved, and not from the rows that hold it.

    An attempt that is lost with its engine counts again when it begins again, and who leaves the line
    without having run gives back what it never had. The guarantee lives in `used` of `SlotTable`.
    """
    counters: dict[int, tuple[Any, Counter[tuple[str, str]]]] = {}  # with its store, which so keeps its id
    mark, write_slots = MemorySlots.mark, memory_store.write_slots
    write_execution = memory_store._write_execution

    def counter(store: Any) -> Counter[tuple[str, str]]:
        if id(store) not in counters:
            held: Counter[tuple[str, str]] = Counter()
            for row in store.slots.values():
                held[row.namespace, row.key] += row.units if row.state in HOLDING else 0
            counters[id(store)] = store, held
        return counters[id(store)][1]

    def used(self: MemorySlots, namespace: str, key: str) -> int:
        return max(0, counter(self._store)[namespace, key])

    def marked(self: MemorySlots, row: Any, state: str, at: float) -> None:
        for one in self.wants(row) if state == HELD else ():
            counter(self._store)[one.namespace, one.key] += one.units
        mark(self, row, state, at)

    def written(store: Any, unit: Unit) -> None:
        closed = set(unit.closed_slots)
        for row in [row for place, row in store.slots.items() if place[:2] in closed]:
            counter(store)[row.namespace, row.key] -= row.units
        write_slots(store, unit)

    def lost(store: Any, unit: Unit) -> None:
        gone = {
            (event.execution_id, from_json(event.data)["path"])
            for event in unit.events
            if event.type == "AttemptLost"
        }
        for place, row in store.slots.items():
            if place[:2] in gone and row.state in HOLDING:
                counter(store)[row.namespace, row.key] += row.units
        write_execution(store, unit)

    return [
        (MemorySlots, "used", used),
        (MemorySlots, "mark", marked),
        (memory_store, "write_slots", written),
        (memory_store, "_write_execution", lost),
    ]
