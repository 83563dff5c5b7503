"""Connections lost around a commit: nothing is lost, nothing is written twice, nobody is told wrong."""

import anyio
import psycopg
import pytest
from anyio import to_thread
from cutting import cut_the_next_commit, fates

from harmonia_core import (
    DocumentWrite,
    EngineRow,
    StateUnavailable,
    StreamAppend,
    TimerRow,
    Unit,
)
from harmonia_core.testing.state_backend_log import submit
from harmonia_core.testing.state_backend_rows import execution_id, put, request_row, start, step
from harmonia_sql import POSTGRES

both_ways = pytest.mark.parametrize("in_place", ["auto", "never"])


@pytest.fixture
async def backend(proxy, in_place):
    backend = POSTGRES.create(proxy.url, in_place)
    await backend.open(EngineRow("engine-a", 1, "here", 1.0))
    yield backend
    await backend.close()


@both_ways
@fates
async def test_a_step_whose_commit_is_not_answered_is_written_once(backend, proxy, fate):
    await backend.commit(start(1))
    cut_the_next_commit(proxy, backend, fate)
    await backend.commit(step(1, 1))
    await backend.commit(step(1, 2))
    assert [event.seq for event in await backend.events(execution_id(1))] == [1, 2, 3]


@both_ways
@fates
async def test_a_beginning_whose_commit_is_not_answered_is_written_once(backend, proxy, fate):
    await backend.commit(start(1))
    cut_the_next_commit(proxy, backend, fate)
    assert await submit(backend, [start(2), start(3)]) == [None, None]
    assert len(await backend.unfinished()) == 3


@both_ways
@fates
async def test_documents_and_appends_are_written_once(backend, proxy, fate):
    """Nothing in the log tells of them: the transaction's number does."""
    both = Unit(documents=[put("k", "1", if_version=0)], appends=[StreamAppend("default", "s", "1")])
    await backend.commit(both)
    cut_the_next_commit(proxy, backend, fate)
    again = Unit(documents=[put("k", "2", if_version=1)], appends=[StreamAppend("default", "s", "2")])
    await backend.commit(again)
    document = await backend.document("default", "things", "k")
    assert (document.value, document.version) == (2, 2)
    assert await backend.stream("default", "s") == [(1, 1), (2, 2)]


@both_ways
@fates
async def test_a_group_of_all_kinds_is_written_once(backend, proxy, fate):
    await backend.commit(start(1))
    await backend.commit(Unit(documents=[put("k", "1")]))
    cut_the_next_commit(proxy, backend, fate)
    timer = TimerRow(execution_id(1), "a", "retry", 5.0)
    units = [
        Unit(appends=[StreamAppend("default", "s", "1")]),
        step(1, 1),
        Unit(documents=[DocumentWrite("default", "things", "k", "2", 1)], timers=[timer]),
        start(2),
        Unit(requests=[request_row("r")]),
    ]
    assert await submit(backend, units) == [None] * 5
    assert [event.seq for event in await backend.events(execution_id(1))] == [1, 2]
    assert await backend.stream("default", "s") == [(1, 1)]
    assert (await backend.document("default", "things", "k")).version == 2
    assert await backend.timers(execution_id(1)) == [timer]
    assert [row.request_id for row in await backend.requests()] == ["r"]


@both_ways
@pytest.mark.parametrize("fate", ["refuse", "lose"])
async def test_conflicts_stay_conflicts_when_the_answer_is_lost(backend, proxy, fate):
    await submit(backend, [start(1), start(2)])
    await backend.commit(step(2, 1))
    cut_the_next_commit(proxy, backend, fate)
    late = step(2, 1)
    late.events = [late.events[0]._replace(at=5.0)]
    errors = await submit(backend, [step(1, 1), late])
    assert [error and error.code for error in errors] == [None, "state-conflict"]


@pytest.mark.parametrize("in_place", ["never"])
async def test_an_outcome_that_stays_unknown_is_found_out_when_the_unit_comes_again(
    backend, proxy, monkeypatch
):
    from harmonia_sql import writer

    monkeypatch.setattr(writer, "PATIENCE", 0.2)
    await backend.commit(start(1))
    name = backend._opened.writer.connection._wire._names["COMMIT"][0]
    seen = []

    def cut(request):
        if b"\0" + name + b"\0" in request:
            seen.append(request)
            return "lose"
        # The server answers nobody any more.
        return "refuse" if seen else "pass"

    proxy.cut = cut
    unit = step(1, 1)
    with pytest.raises(StateUnavailable):
        await backend.commit(unit)
    proxy.cut = lambda request: "pass"
    # The kernel builds the unit anew from the same rows.
    await backend.commit(Unit(head=unit.head, events=list(unit.events)))
    assert [event.seq for event in await backend.events(execution_id(1))] == [1, 2]
    [error] = await submit(backend, [step(1, 1)])
    assert error is not None and error.code == "state-conflict", "only what was in doubt is looked up"


@both_ways
async def test_idle_connections_that_the_server_has_ended_cost_nothing(backend, postgres_url):
    await backend.commit(start(1))
    assert await backend.head(execution_id(1))
    with psycopg.connect(postgres_url, autocommit=True) as other:
        other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    await backend.commit(step(1, 1))
    assert len(await backend.events(execution_id(1))) == 2
    await backend.upload("u", 0, b"x")
    with anyio.fail_after(10):
        while await backend.alive(["engine-a"]) != {"engine-a"}:
            await anyio.sleep(0.01)


@both_ways
async def test_a_server_that_is_gone_is_unavailable_and_work_goes_on_afterwards(
    in_place, own_postgres, monkeypatch
):
    from harmonia_sql import writer

    monkeypatch.setattr(writer, "PATIENCE", 0.3)
    backend = POSTGRES.create(own_postgres.create_database(), in_place)
    await backend.open(EngineRow("engine-a", 1, "here", 1.0))
    await backend.commit(start(1))
    own_postgres.stop("immediate")
    with pytest.raises(StateUnavailable, match=r"cannot be reached|not available"):
        await backend.commit(step(1, 1))
    with pytest.raises(StateUnavailable):
        await backend.events(execution_id(1))
    assert (await backend.health())["ok"] is False
    own_postgres.start()
    with anyio.fail_after(20):
        while True:
            [error] = await submit(backend, [step(1, 1)])
            if error is None:
                break
            assert isinstance(error, StateUnavailable)
    assert [event.seq for event in await backend.events(execution_id(1))] == [1, 2]
    await backend.close()


@pytest.mark.parametrize("mode", ["immediate", "fast"])
async def test_restarts_under_load_lose_and_double_nothing(own_postgres, mode):
    """Chains of many executions, appends beside them, while the server goes down and up again."""
    backend = POSTGRES.create(own_postgres.create_database(), "auto")
    await backend.open(EngineRow("engine-a", 1, "here", 1.0))
    numbers, steps, running = range(1, 13), [0] * 13, True
    await submit(backend, [start(number) for number in numbers])

    async def go_on(number):
        while running:
            unit = step(number, steps[number] + 1)
            unit.appends = [StreamAppend("default", f"s{number}", str(steps[number]))]
            [error] = await submit(backend, [unit])
            if error is None:
                steps[number] += 1
            else:
                # Whatever was in doubt is looked up, so nobody is told that his own step was another's.
                assert isinstance(error, StateUnavailable), error

    async with anyio.create_task_group() as group:
        for number in numbers:
            group.start_soon(go_on, number)
        for _ in range(3):
            before = min(steps[1:])
            with anyio.fail_after(60):
                while min(steps[1:]) < before + 5:
                    await anyio.sleep(0.01)
            await to_thread.run_sync(own_postgres.restart, mode)
        running = False
    for number in numbers:
        seqs = [event.seq for event in await backend.events(execution_id(number))]
        assert seqs == list(range(1, steps[number] + 2))
        values = [value for _, value in await backend.stream("default", f"s{number}", limit=10_000)]
        assert values == list(range(steps[number]))
    await backend.close()
