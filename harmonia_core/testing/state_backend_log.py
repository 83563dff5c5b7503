"""What a state backend owes the log: units whole, heads fenced, results told once."""

from collections.abc import Callable, Sequence

import anyio

from harmonia_core.contracts.rows import SnapshotRow, TimerRow, Unit
from harmonia_core.contracts.state_backend import Results, StateBackend, StateConflict
from harmonia_core.errors import StateBackendError, StateUnavailable, VersionConflict
from harmonia_core.testing.state_backend_rows import (
    ENGINE,
    event_row,
    execution_id,
    head_row,
    put,
    request_row,
    start,
    step,
    task_row,
)


async def submit(backend: StateBackend, units: Sequence[Unit]) -> list[StateBackendError | None]:
    """Submit units and return what came of each, in the order of the units."""
    told: dict[int, StateBackendError | None] = {}
    finished = anyio.Event()

    def done(results: Results) -> None:
        assert results
        for unit, error in results:
            assert id(unit) not in told, "a unit was reported twice"
            told[id(unit)] = error
        if len(told) == len(units):
            finished.set()

    backend.submit(units, done)
    with anyio.fail_after(30):
        await finished.wait()
    return [told[id(unit)] for unit in units]


class LogTests:
    """Judge `submit`, `commit`, `head`, `events` and `snapshot`."""

    async def test_an_execution_begins_and_goes_on(self, backend: StateBackend) -> None:
        await backend.commit(start(1))
        assert await backend.head(execution_id(1)) == head_row(1)
        await backend.commit(step(1, 1, 2, status="attention", reason="lost", error='{"code": "x"}'))
        expected = head_row(1, seq=3, status="attention", reason="lost", error='{"code": "x"}')
        assert await backend.head(execution_id(1)) == expected
        events = [event_row(1, 1, type="ExecutionStarted"), event_row(1, 2), event_row(1, 3)]
        assert await backend.events(execution_id(1)) == events
        assert await backend.events(execution_id(1), after=1, limit=1) == events[1:2]
        assert await backend.events(execution_id(1), after=3) == []
        assert await backend.events(execution_id(2)) == []
        assert await backend.head(execution_id(2)) is None

    async def test_an_execution_ends_and_may_change_hands_before(self, backend: StateBackend) -> None:
        await backend.commit(start(1))
        adopted = step(1, 1)
        assert adopted.head is not None
        adopted.head = adopted.head._replace(epoch=2, owner="engine-b")
        await backend.commit(adopted)
        await backend.commit(step(1, 2, epoch=2, status="completed", owner=None, ended_at=99.5))
        expected = head_row(1, seq=3, epoch=2, status="completed", owner=None, ended_at=99.5)
        assert await backend.head(execution_id(1)) == expected
        assert await backend.unfinished() == []

    async def test_every_value_comes_back_as_it_was_written(self, backend: StateBackend) -> None:
        unit = start(1, reason="", labels='{"a": "\\u0000 ü 日本 🙂"}', parent_id="p", origin='{"x": 1}')
        unit.events[0] = unit.events[0]._replace(
            at=1_764_000_000.123456,
            v=3,
            actor='{"id": "a"}',
            causation="c",
            data='{"t": "' + "é\n" * 40_000 + '"}',
        )
        await backend.commit(unit)
        assert await backend.head(execution_id(1)) == unit.created
        assert await backend.events(execution_id(1)) == unit.events

    async def test_a_moved_head_refuses_the_unit_whole(self, backend: StateBackend) -> None:
        await backend.commit(start(1))
        await backend.commit(step(1, 1))
        late = step(1, 1)
        late.tasks.append(task_row(1, 0))
        late.timers.append(TimerRow(execution_id(1), "a", "retry", 5.0))
        late.requests.append(request_row("r"))
        late.appends.clear()
        late.documents.append(put("k", "1"))
        late.snapshot = SnapshotRow(execution_id(1), 2, b"s")
        for unit in (late, step(1, 2, epoch=7)):
            [error] = await submit(backend, [unit])
            assert isinstance(error, StateConflict)
            found = (error.execution_id, error.seq, error.epoch, error.owner)
            assert found == (execution_id(1), 2, 1, ENGINE.engine_id)
        assert len(await backend.events(execution_id(1))) == 2
        assert await backend.tasks(execution_id(1)) == []
        assert await backend.timers(execution_id(1)) == []
        assert await backend.requests() == []
        assert await backend.snapshot(execution_id(1)) is None
        assert await backend.document("default", "things", "k") is None

    async def test_an_execution_begins_once_and_none_goes_on_unbegun(self, backend: StateBackend) -> None:
        await backend.commit(start(1))
        errors = await submit(backend, [start(1), step(2, 1)])
        assert [type(error) for error in errors] == [StateConflict, StateConflict]
        assert isinstance(errors[1], StateConflict) and errors[1].seq == 0 and errors[1].owner is None
        assert len(await backend.events(execution_id(1))) == 1

    async def test_conflicts_are_set_aside_and_the_rest_is_written(self, backend: StateBackend) -> None:
        await submit(backend, [start(number) for number in range(1, 21)])
        await backend.commit(step(7, 1))
        await backend.commit(Unit(documents=[put("k", "1")]))
        units = [step(number, 1) for number in range(1, 21)]
        units[11].documents.append(put("k", "2", if_version=5))
        units[11].documents.append(put("other", "2"))
        errors = await submit(backend, units)
        assert {n: type(error) for n, error in enumerate(errors, 1) if error} == {
            7: StateConflict,
            12: VersionConflict,
        }
        seqs = [(await backend.events(execution_id(number)))[-1].seq for number in range(1, 21)]
        assert seqs == [1 if number == 12 else 2 for number in range(1, 21)]
        head = await backend.head(execution_id(12))
        assert head is not None and head.seq == 1
        assert await backend.document("default", "things", "other") is None

    async def test_many_units_and_a_large_one(self, backend: StateBackend) -> None:
        errors = await submit(backend, [start(number) for number in range(1, 1203)])
        assert errors == [None] * 1202
        large = step(1, 1, 3000)
        large.tasks = [task_row(1, position) for position in range(2500)]
        errors = await submit(backend, [large, *(step(number, 1) for number in range(2, 600))])
        assert errors == [None] * 599
        assert [event.seq for event in await backend.events(execution_id(1))] == list(range(1, 3002))
        assert len(await backend.tasks(execution_id(1))) == 2500
        rows = await backend.unfinished()
        assert [row.seq for row in rows] == [3001] + [2] * 598 + [1] * 603

    async def test_each_asker_is_told_of_its_own_units(self, backend: StateBackend) -> None:
        told: dict[str, list[str]] = {"a": [], "b": []}

        def asker(name: str) -> Callable[[Results], None]:
            def done(results: Results) -> None:
                told[name].extend(unit.created.execution_id for unit, _ in results if unit.created)

            return done

        backend.submit([start(1), start(2)], asker("a"))
        backend.submit([start(3)], asker("b"))
        await backend.commit(start(4))
        assert told == {"a": [execution_id(1), execution_id(2)], "b": [execution_id(3)]}

    async def test_nothing_to_submit_is_nothing_to_report(self, backend: StateBackend) -> None:
        backend.submit([], lambda results: pytest_fail())
        await backend.commit(Unit())

    async def test_close_waits_for_what_was_accepted(self, create: Callable[[], StateBackend]) -> None:
        backend = create()
        await backend.open(ENGINE)
        told: list[StateBackendError | None] = []
        units = [start(number) for number in range(300)]
        backend.submit(units, lambda results: told.extend(error for _, error in results))
        await backend.close()
        assert told == [None] * 300

    async def test_a_closed_backend_refuses(self, create: Callable[[], StateBackend]) -> None:
        backend = create()
        await backend.open(ENGINE)
        await backend.close()
        [error] = await submit(backend, [start(1)])
        assert isinstance(error, StateUnavailable)
        health = await backend.health()
        assert (health["ok"], health["code"]) == (False, "store-unavailable") and health["error"]

    async def test_another_backend_on_the_store_sees_what_is_committed(
        self, backend: StateBackend, create: Callable[[], StateBackend]
    ) -> None:
        await backend.commit(start(1))
        other = create()
        await other.open(None)
        try:
            assert await other.head(execution_id(1)) == head_row(1)
            await backend.commit(step(1, 1))
            assert len(await other.events(execution_id(1))) == 2
        finally:
            await other.close()

    async def test_snapshots_are_found_by_seq(self, backend: StateBackend) -> None:
        assert await backend.snapshot(execution_id(1)) is None
        await backend.commit(start(1))
        for seq in (1, 3):
            unit = step(1, seq, 2)
            unit.snapshot = SnapshotRow(execution_id(1), seq + 2, b"\x00state" * seq)
            await backend.commit(unit)
        assert await backend.snapshot(execution_id(1)) == (5, b"\x00state" * 3)
        assert await backend.snapshot(execution_id(1), up_to=5) == (5, b"\x00state" * 3)
        assert await backend.snapshot(execution_id(1), up_to=4) == (3, b"\x00state")
        assert await backend.snapshot(execution_id(1), up_to=2) is None

    async def test_health_is_told_from_a_real_probe(self, backend: StateBackend) -> None:
        assert (await backend.health())["ok"] is True


def pytest_fail() -> None:
    """Fail: nothing was submitted, so nothing may be reported."""
    raise AssertionError("an empty submit was reported")
