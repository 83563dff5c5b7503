"""What a state backend owes those who ask: projections, pages, ranges, in a fixed order."""

from harmonia_core.contracts.rows import TimerRow, Unit
from harmonia_core.contracts.state_backend import ExecutionQuery, StateBackend
from harmonia_core.model.statuses import FINAL_EXECUTION, ExecutionStatus
from harmonia_core.testing.state_backend_log import submit
from harmonia_core.testing.state_backend_rows import event_row, execution_id, start, step, task_row


class QueryTests:
    """Judge `heads`, `tasks`, `item_ends`, `timers`, `find` and `unfinished`."""

    async def test_heads_are_those_that_exist(self, backend: StateBackend) -> None:
        await submit(backend, [start(1), start(2), start(3)])
        await backend.commit(step(2, 1))
        ids = [execution_id(number) for number in (2, 9, 3, 2)]
        expected = [await backend.head(execution_id(number)) for number in (2, 3)]
        assert sorted(await backend.heads(ids)) == expected
        assert await backend.heads([]) == []
        many = [execution_id(number) for number in range(10, 1500)] + [execution_id(1)]
        assert [row.execution_id for row in await backend.heads(many)] == [execution_id(1)]

    async def test_tasks_are_replaced_and_ordered_by_scope_and_position(self, backend: StateBackend) -> None:
        unit = start(1)
        items = [task_row(1, place, scope="map", path=f"map[{place}]") for place in (10, 9, 2)]
        unit.tasks = [*items, task_row(1, 1, scope="map2"), task_row(1, 1), task_row(1, 0)]
        await backend.commit(unit)
        again = task_row(1, 1, status="failed", reason="x", attempt=3, ended_at=9.5, ended_seq=2, due=11.0)
        later = step(1, 1)
        later.tasks = [again, task_row(1, 0, status="backoff"), task_row(1, 0, status="succeeded")]
        await backend.commit(later)
        first = task_row(1, 0, status="succeeded")
        in_map = sorted(items, key=lambda row: row.position)
        assert await backend.tasks(execution_id(1)) == [first, again, *in_map, task_row(1, 1, scope="map2")]
        assert await backend.tasks(execution_id(1), scope="") == [first, again]
        assert await backend.tasks(execution_id(1), scope="map") == in_map
        assert await backend.tasks(execution_id(2)) == []

    async def test_the_ends_of_items_come_by_position(self, backend: StateBackend) -> None:
        await backend.commit(start(1))
        unit = step(1, 1, 6)
        # Items end in another order than they stand; item 3 is still running.
        ends = {0: 5, 1: 2, 2: 7, 4: 3}
        unit.tasks = [
            task_row(1, place, scope="items", ended_seq=ends.get(place), path=f"items[{place}]")
            for place in range(5)
        ]
        unit.tasks.append(task_row(1, 1, scope="", ended_seq=4))
        await backend.commit(unit)
        ended = await backend.item_ends(execution_id(1), "items", 0, 5)
        assert [event.seq for event in ended] == [5, 2, 7, 3]
        assert await backend.item_ends(execution_id(1), "items", 1, 3) == [event_row(1, 2), event_row(1, 7)]
        assert await backend.item_ends(execution_id(1), "items", 3, 4) == []
        assert await backend.item_ends(execution_id(1), "none", 0, 5) == []

    async def test_timers_are_moved_closed_and_ordered_by_due(self, backend: StateBackend) -> None:
        key = execution_id(1)
        unit = start(1)
        unit.timers = [
            TimerRow(key, "a", "retry", 30.5),
            TimerRow(key, "a", "timeout", 20.0),
            TimerRow(key, "b", "wait", 10.0),
        ]
        await backend.commit(unit)
        await backend.commit(Unit(timers=[TimerRow(execution_id(2), "a", "retry", 1.0)]))
        moved = step(1, 1)
        moved.timers = [TimerRow(key, "a", "retry", 5.25)]
        moved.closed_timers = [(key, "b", "wait"), (key, "never", "set")]
        await backend.commit(moved)
        expected = [TimerRow(key, "a", "retry", 5.25), TimerRow(key, "a", "timeout", 20.0)]
        assert await backend.timers(key) == expected

    async def test_a_timer_closed_and_set_in_one_unit_is_set(self, backend: StateBackend) -> None:
        timer = TimerRow(execution_id(1), "a", "retry", 5.0)
        await backend.commit(Unit(timers=[timer]))
        again = timer._replace(due=7.0)
        await backend.commit(Unit(timers=[again], closed_timers=[(execution_id(1), "a", "retry")]))
        assert await backend.timers(execution_id(1)) == [again]

    async def test_executions_are_found_newest_first_page_by_page(self, backend: StateBackend) -> None:
        await submit(backend, [start(number) for number in (3, 1, 5, 2, 4)])
        seen, cursor, pages = [], None, 0
        while pages == 0 or cursor is not None:
            rows, cursor = await backend.find(ExecutionQuery(limit=2, cursor=cursor))
            seen += [row.execution_id for row in rows]
            pages += 1
            # One that begins between two pages changes no page to come.
            await backend.commit(start(10 + pages))
        assert (seen, pages) == ([execution_id(number) for number in (5, 4, 3, 2, 1)], 3)

    async def test_a_last_page_that_is_full_has_no_cursor(self, backend: StateBackend) -> None:
        await submit(backend, [start(1), start(2)])
        rows, cursor = await backend.find(ExecutionQuery(limit=2))
        assert (len(rows), cursor) == (2, None)
        assert await backend.find(ExecutionQuery(limit=2, cursor=execution_id(1))) == ([], None)

    async def test_executions_are_found_by_namespace_status_and_workflow(self, backend: StateBackend) -> None:
        units = [
            start(1),
            start(2, namespace="team"),
            start(3, status="queued", workflow="other"),
            start(4, status="failed", ended_at=5.0),
        ]
        await submit(backend, units)

        async def found(query: ExecutionQuery) -> list[int]:
            rows, _ = await backend.find(query)
            return [int(row.execution_id[-12:]) for row in rows]

        assert await found(ExecutionQuery()) == [4, 3, 1]
        assert await found(ExecutionQuery(namespace=None)) == [4, 3, 2, 1]
        assert await found(ExecutionQuery(namespace="team")) == [2]
        assert await found(ExecutionQuery(status=("queued", "failed"))) == [4, 3]
        assert await found(ExecutionQuery(workflow="other")) == [3]
        assert await found(ExecutionQuery(workflow="other", status=("running",))) == []

    async def test_unfinished_are_all_that_are_not_final_oldest_first(self, backend: StateBackend) -> None:
        statuses = list(ExecutionStatus)
        units = [
            start(number, status=str(status), ended_at=9.0 if status in FINAL_EXECUTION else None, owner=None)
            for number, status in enumerate(statuses)
        ]
        await submit(backend, units[::-1])
        rows = await backend.unfinished()
        assert [row.status for row in rows] == [s for s in statuses if s not in FINAL_EXECUTION]
        assert [row.execution_id for row in rows] == sorted(row.execution_id for row in rows)

    async def test_owners_are_those_of_unfinished_executions(self, backend: StateBackend) -> None:
        assert await backend.owners() == set()
        units = [
            start(1, owner="a"),
            start(2, owner="a"),
            start(3, owner="b", status="attention"),
            start(4, owner=None, status="attention"),
            start(5, owner="c", status="completed", ended_at=9.0),
        ]
        await submit(backend, units)
        assert await backend.owners() == {"a", "b"}
        await backend.commit(start(6, owner=None, status="running"))
        assert await backend.owners() == {"a", "b", None}
