"""What comes to run under limits, against a model: any mixture of starts, ends, pauses, changes of limits.

The model counts what runs by looking at the rows. Three bugs of other engines are seeded, and found.
"""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from harmonia_core.builtin import memory_slots
from harmonia_core.builtin.memory_slots import MemorySlots
from harmonia_core.builtin.memory_store import MemoryStore, apply
from harmonia_core.contracts.rows import DocumentWrite, SlotRow, Unit
from harmonia_core.contracts.slots import HOLDING, LIMITS, PLACE, Limit, limit_key
from harmonia_core.model.codec import canonical
from harmonia_core.testing.state_backend_rows import NAMESPACE, execution_id, start, step

KEYS = ("resource:a", "resource:b", "namespace")


class Slots(RuleBasedStateMachine):
    """Run executions of one task each over a store in memory."""

    def __init__(self) -> None:
        super().__init__()
        self.store, self.now, self.number = MemoryStore(), 0.0, 0
        self.most: dict[str, int] = {}
        self.open: dict[int, tuple[str, ...]] = {}
        self.seq: dict[int, int] = {}
        self.paused: set[int] = set()
        self.granted: list[int] = []
        for key in KEYS:
            self.limit(key, 1)

    def write(self, unit: Unit, keys: tuple[str, ...]) -> None:
        self.now += 1
        before = self.held()
        unit.promotions = [(NAMESPACE, key, self.now) for key in keys]
        assert apply(self.store, unit) is None
        self.in_order(before)

    def held(self) -> set[int]:
        return {self.name(row) for row in self.store.slots.values() if row.state in HOLDING}

    def name(self, row: SlotRow) -> int:
        return int(row.execution_id[-12:])

    def in_order(self, before: set[int]) -> None:
        """Nobody has been let run before another one who wanted the same and stood before them."""
        after = self.held()
        for new in after - before:
            for other in self.open.keys() - after - self.paused:
                assert other > new or self.open[other] != self.open[new]

    def move(self, number: int, **changes: Any) -> Unit:
        self.seq[number] += 1
        return step(number, self.seq[number] - 1, **changes)

    @rule(key=st.sampled_from(KEYS), most=st.integers(0, 3))
    def limit(self, key: str, most: int) -> None:
        text = canonical(Limit(key, most).as_json()).decode()
        self.most[key] = max(most, sum(row.units for row in self.rows(key)))
        self.write(Unit(documents=[DocumentWrite(PLACE, LIMITS, limit_key(NAMESPACE, key), text)]), (key,))
        self.allowed = {**getattr(self, "allowed", {}), key: most}

    def rows(self, key: str) -> list[SlotRow]:
        return [row for row in self.store.slots.values() if row.key == key and row.state in HOLDING]

    @rule(keys=st.sets(st.sampled_from(KEYS), min_size=1))
    def wait(self, keys: set[str]) -> None:
        self.number += 1
        unit, wanted = start(self.number), tuple(sorted(keys))
        self.open[self.number], self.seq[self.number] = wanted, 1
        whose = execution_id(self.number), "t"
        unit.slots = [
            SlotRow(*whose, key, NAMESPACE, 1, None, "queue", 0, float(self.number), 2, "waiting", 0.0)
            for key in wanted
        ]
        self.write(unit, wanted)

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def end(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(sorted(self.open)))
        unit = self.move(number)
        unit.closed_slots = [(execution_id(number), "t")]
        self.paused.discard(number)
        self.write(unit, self.open.pop(number))

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def pause_or_resume(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(sorted(self.open)))
        paused = number not in self.paused
        (self.paused.add if paused else self.paused.discard)(number)
        self.write(self.move(number, status="paused" if paused else "running"), self.open[number])

    @invariant()
    def running_is_within_the_limits(self) -> None:
        for key in KEYS:
            used = sum(row.units for row in self.rows(key))
            assert used <= self.most[key]
            self.most[key] = max(used, self.allowed.get(key, 0))

    @invariant()
    def all_or_nothing_is_held_and_nothing_is_left(self) -> None:
        of: dict[int, set[str]] = {}
        for row in self.store.slots.values():
            of.setdefault(self.name(row), set()).add(row.state)
        assert all(len(states) == 1 for states in of.values()) and of.keys() == self.open.keys()

    @invariant()
    def no_slot_is_lost(self) -> None:
        """Nobody waits for whom there is room."""
        room = {key: self.allowed.get(key, 0) - sum(row.units for row in self.rows(key)) for key in KEYS}
        for number in self.open.keys() - self.held() - self.paused:
            assert not all(room[key] > 0 for key in self.open[number])


def play(examples: int = 60) -> None:
    run_state_machine_as_test(
        Slots,
        settings=settings(
            max_examples=examples, stateful_step_count=30, deadline=None, derandomize=True,
            suppress_health_check=list(HealthCheck), database=None,
        ),
    )  # fmt: skip


def test_running_never_exceeds_a_limit_no_slot_is_lost_and_order_is_kept() -> None:
    play()


def stored_counter(self: MemorySlots, namespace: str, key: str) -> int:
    """Count what was ever let run, and forget to count down when it is given up (dagster #32560)."""
    store: Any = self._store
    ever = store.heartbeats.setdefault(("counter", key), set())
    ever |= {row[:2] for row in store.slots.values() if row.key == key and row.state in HOLDING}
    return len(ever)


def stale_count(self: MemorySlots, namespace: str, key: str) -> int:
    """Count what held before somebody else was let run (kestra #13211: two start where one has ended)."""
    return max(0, len(self._of(namespace, key, HOLDING)) - 1)


def left_behind(store: Any, unit: Unit) -> None:
    """Keep the rows of what has ended (kestra #19679: a ghost holds its slot)."""
    unit.closed_slots = []
    WRITE(store, unit)


WRITE: Callable[[Any, Unit], None] = memory_slots.write_slots


@pytest.mark.parametrize("bug", [stored_counter, stale_count])
def test_a_counter_instead_of_rows_is_found(bug: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MemorySlots, "used", bug)
    with pytest.raises(AssertionError):
        play()


def test_kestra_19679_a_row_that_outlives_its_task_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harmonia_core.builtin.memory_store.write_slots", left_behind)
    with pytest.raises(AssertionError):
        play()
