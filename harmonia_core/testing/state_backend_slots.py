"""What a state backend owes those who run under limits: their order, and no more of them than have room."""

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import anyio

from harmonia_core.contracts.rows import DocumentWrite, SlotRow, Unit
from harmonia_core.contracts.slots import HOLDING, LIMITS, PLACE, Limit, SlotQuery, limit_key
from harmonia_core.contracts.state_backend import StateBackend
from harmonia_core.testing.state_backend_log import submit
from harmonia_core.testing.state_backend_rows import NAMESPACE, execution_id, start, step

GPU, DISK = "resource:gpu", "resource:disk"


def slot_row(number: int, path: str = "a", key: str = GPU, **changes: Any) -> SlotRow:
    """Return a row of a task that began to wait at its execution's number."""
    whose = execution_id(number), path, key, NAMESPACE
    return SlotRow(*whose, 1, None, "queue", 0, float(number), 2, "waiting", float(number))._replace(
        **changes
    )


def promoted(*keys: str, now: float = 100.0) -> list[tuple[str, str, float]]:
    """Return what lets those come to run that wait for limits."""
    return [(NAMESPACE, key, now) for key in keys]


def limit(key: str, most: int | None = None, starts: int | None = None, seconds: float = 0.0) -> Unit:
    """Return the unit that sets a limit."""
    text = json.dumps(Limit(key, most, starts, seconds).as_json())
    return Unit(documents=[DocumentWrite(PLACE, LIMITS, limit_key(NAMESPACE, key), text)])


def waits(number: int, *rows: SlotRow, now: float = 100.0, **changes: Any) -> Unit:
    """Return the unit with which an execution begins that waits at once."""
    unit = start(number, **changes)
    unit.slots = list(rows or (slot_row(number),))
    unit.promotions = promoted(*{row.key for row in unit.slots}, now=now)
    return unit


def ends(number: int, *keys: str, path: str = "a", now: float = 100.0) -> Unit:
    """Return the unit with which a task ends that held slots, or waited."""
    unit = step(number, 1)
    unit.closed_slots = [(execution_id(number), path)]
    unit.promotions = promoted(*(keys or (GPU,)), now=now)
    return unit


async def held(backend: StateBackend, key: str = GPU) -> list[int]:
    """Return which executions hold a limit, by number."""
    rows = await backend.slots(SlotQuery(NAMESPACE, key))
    return [int(row.execution_id[-12:]) for row in rows if row.state in HOLDING]


async def told(backend: StateBackend) -> list[tuple[int, str, dict[str, Any]]]:
    """Return the requests that were left, by execution."""
    rows = await backend.requests()
    return [(int(row.execution_id[-12:]), row.kind, json.loads(row.body)) for row in rows]


class SlotTests:
    """Judge slots: written with units, counted, brought to run in order."""

    async def test_who_waits_comes_to_run_in_order_and_is_told(self, backend: StateBackend) -> None:
        await backend.commit(limit(GPU, 1))
        for number in (1, 2, 3):
            await backend.commit(waits(number))
        assert await held(backend) == [1]
        assert await told(backend) == [(1, "slots", {"path": "a", "seq": 2, "granted": True})]
        rows = await backend.slots(SlotQuery(NAMESPACE))
        assert [(row.execution_id, row.state) for row in rows] == [
            (execution_id(1), "held"),
            (execution_id(2), "waiting"),
            (execution_id(3), "waiting"),
        ]
        assert await backend.slots(SlotQuery(execution_id=execution_id(2), path="a")) == [slot_row(2)]
        await backend.commit(ends(1))
        assert await held(backend) == [2]
        await backend.commit(ends(2))
        await backend.commit(ends(3))
        assert await backend.slots(SlotQuery()) == []

    async def test_priority_goes_before_age_and_may_be_changed(self, backend: StateBackend) -> None:
        await backend.commit(limit(GPU, 1))
        for number, priority in ((1, 0), (2, 0), (3, 5), (4, 0)):
            await backend.commit(waits(number, slot_row(number, priority=priority)))
        unit = step(4, 1)
        unit.slot_priorities, unit.promotions = [(9, execution_id(4))], promoted(GPU)
        await backend.commit(unit)
        order = [int(row.execution_id[-12:]) for row in await backend.slots(SlotQuery(NAMESPACE, GPU))]
        assert order == [1, 4, 3, 2]
        await backend.commit(ends(1))
        assert await held(backend) == [4]

    async def test_all_limits_at_once_or_none_and_others_pass(self, backend: StateBackend) -> None:
        await backend.commit(limit(GPU, 1))
        await backend.commit(limit(DISK, 1))
        await backend.commit(waits(1, slot_row(1, key=DISK)))
        await backend.commit(waits(2, slot_row(2), slot_row(2, key=DISK)))
        await backend.commit(waits(3))
        assert (await held(backend), await held(backend, DISK)) == ([3], [1])
        await backend.commit(ends(1, DISK))
        assert (await held(backend), await held(backend, DISK)) == ([3], [])
        await backend.commit(ends(3))
        assert (await held(backend), await held(backend, DISK)) == ([2], [2])

    async def test_units_count_and_who_needs_many_is_not_passed(self, backend: StateBackend) -> None:
        await backend.commit(limit(GPU, 3))
        await backend.commit(waits(1, slot_row(1, units=2)))
        await backend.commit(waits(2, slot_row(2, units=2)))
        await backend.commit(waits(3))
        assert await held(backend) == [1]
        await backend.commit(ends(1))
        assert await held(backend) == [2, 3]

    async def test_what_a_definition_allows_counts_as_well(self, backend: StateBackend) -> None:
        for number in (1, 2, 3):
            await backend.commit(waits(number, slot_row(number, "", "concurrency:w", most=2)))
        assert await held(backend, "concurrency:w") == [1, 2]
        await backend.commit(limit("concurrency:w", 1))
        await backend.commit(ends(1, "concurrency:w", path=""))
        assert await held(backend, "concurrency:w") == [2]

    async def test_paused_ones_keep_their_place_and_are_passed(self, backend: StateBackend) -> None:
        await backend.commit(limit(GPU, 0))
        await backend.commit(waits(1, status="paused"))
        await backend.commit(waits(2))
        await backend.commit(limit(GPU, 1))
        await backend.commit(Unit(promotions=promoted(GPU)))
        assert await held(backend) == [2]
        unit = step(1, 1)
        unit.promotions = promoted(GPU)
        await backend.commit(unit)
        await backend.commit(ends(2))
        assert await held(backend) == [1]

    async def test_so_many_begin_within_a_time(self, backend: StateBackend) -> None:
        await backend.commit(limit(GPU, None, 2, 60.0))
        for number in (1, 2, 3, 4):
            await backend.commit(waits(number, now=100.0 + number))
        assert await held(backend) == [1, 2]
        await backend.commit(ends(1, now=110.0))
        await backend.commit(Unit(promotions=promoted(GPU, now=160.9)))
        assert await held(backend) == [2]
        await backend.commit(Unit(promotions=promoted(GPU, now=161.0)))
        assert await held(backend) == [2, 3]
        await backend.commit(Unit(promotions=promoted(GPU, now=161.5)))
        assert await held(backend) == [2, 3]
        await backend.commit(Unit(promotions=promoted(GPU, now=162.0)))
        assert await held(backend) == [2, 3, 4]

    async def test_skips_and_those_that_have_the_oldest_cancelled(self, backend: StateBackend) -> None:
        key = "concurrency:w"
        await backend.commit(waits(1, slot_row(1, "", key, most=1)))
        await backend.commit(waits(2, slot_row(2, "", key, most=1, policy="skip")))
        await backend.commit(waits(3, slot_row(3, "", key, most=1, policy="cancel-older")))
        for _ in range(2):
            await backend.commit(Unit(promotions=promoted(key)))
        assert [(number, kind) for number, kind, _ in await told(backend)] == [
            (1, "slots"),
            (2, "slots"),
            (1, "cancel"),
        ]
        assert (await told(backend))[1][2] == {"path": "", "seq": 2, "skip": True}
        await backend.commit(ends(2, key, path=""))
        await backend.commit(ends(1, key, path=""))
        assert await held(backend, key) == [3]

    async def test_a_resource_that_is_not_defined_is_said_to_be_so(self, backend: StateBackend) -> None:
        await backend.commit(waits(1))
        assert await held(backend) == []
        assert await told(backend) == [(1, "slots", {"path": "a", "seq": 2, "unknown": GPU})]

    async def test_a_unit_that_is_refused_lets_nobody_run(self, backend: StateBackend) -> None:
        await backend.commit(limit(GPU, 1))
        await backend.commit(waits(1))
        await backend.commit(waits(2))
        late = ends(1)
        late.head = late.head and late.head._replace(expected_epoch=7)
        other = step(2, 1)
        [refused, well] = await submit(backend, [late, other])
        assert (refused is not None, well, await held(backend)) == (True, None, [1])

    async def test_many_that_wait_are_looked_at_in_pages(self, backend: StateBackend) -> None:
        await backend.commit(limit(GPU, 200))
        await backend.commit(limit(DISK, 1))
        for number in range(1, 152):
            rows = slot_row(number), slot_row(number, key=DISK)
            await backend.commit(waits(number, *rows) if number < 151 else waits(number))
        assert (await held(backend), await held(backend, DISK)) == ([1, 151], [1])

    async def test_slots_go_with_their_execution(self, backend: StateBackend) -> None:
        await backend.commit(limit(GPU, 1))
        await backend.commit(waits(1, status="failed", ended_at=5.0))
        await backend.prune([execution_id(1)])
        assert await backend.slots(SlotQuery()) == []

    async def test_backends_that_race_never_let_one_too_many_run(
        self, backend: StateBackend, create: Callable[[], StateBackend]
    ) -> None:
        await backend.commit(limit(GPU, 3))
        others = [create() for _ in range(3)]
        for other in others:
            await other.open(None)
        most: Counter[str] = Counter()

        async def go(mine: StateBackend, first: int) -> None:
            for number in range(first, first + 8):
                await mine.commit(waits(number))
                most["held"] = max(most["held"], len(await held(mine)))
            for number in range(first, first + 8):
                await mine.commit(ends(number))
                most["held"] = max(most["held"], len(await held(mine)))

        with anyio.fail_after(60):
            async with anyio.create_task_group() as group:
                for place, mine in enumerate((backend, *others)):
                    group.start_soon(go, mine, 1 + place * 100)
        assert (most["held"], await backend.slots(SlotQuery())) == (3, [])
        for other in others:
            await other.close()
