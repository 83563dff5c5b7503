"""A commit in place that is cut short, and what fails after a lost one: the next write sets it right."""

import time

import anyio
import psycopg
import pytest
from cutting import cut_the_next_commit, fates

from harmonia_core import BlobRow, EngineRow, StateLocked, StreamAppend, Unit
from harmonia_core.testing.state_backend_log import submit
from harmonia_core.testing.state_backend_rows import execution_id, start, step
from harmonia_sql import POSTGRES
from harmonia_sql.postgres import connection as connections
from harmonia_sql.postgres import writing


@pytest.fixture
def in_place():
    return "auto"


@pytest.fixture
async def backend(proxy, in_place):
    backend = POSTGRES.create(proxy.url, in_place)
    await backend.open(EngineRow("engine-a", 1, "here", 1.0))
    yield backend
    await backend.close()


def appending(value="1"):
    """Return a unit that nothing in a log tells of."""
    return Unit(appends=[StreamAppend("default", "s", value)])


@fates
async def test_what_another_write_finds_out_of_a_unit_is_not_forgotten(backend, proxy, fate):
    """A heartbeat comes between the unit whose commit was not answered and its second try."""
    await backend.commit(appending("0"))
    connection, unit = backend._opened.writer.connection, appending()
    cut_the_next_commit(proxy, backend, fate)
    with connection.lock:
        [(_, error)] = connection.commit([unit], unit.weight, 0.0)
        assert isinstance(error, StateLocked)
        connection.call(lambda cursor, statements: None, 5.0)
        assert connection.commit([unit], unit.weight, 5.0) == [(unit, None)]
    assert await backend.stream("default", "s") == [(1, 0), (2, 1)]


async def test_a_slow_commit_that_another_write_waited_for_is_no_conflict(backend, monkeypatch):
    monkeypatch.setattr(writing, "IN_PLACE", 0.0)
    await backend.commit(start(1))
    connection, unit = backend._opened.writer.connection, step(1, 1)
    with connection.lock:
        [(_, error)] = connection.commit([unit], unit.weight, 0.0)
        assert isinstance(error, StateLocked)
        connection.call(lambda cursor, statements: None, 5.0)
        assert connection.commit([unit], unit.weight, 5.0) == [(unit, None)]
    assert [event.seq for event in await backend.events(execution_id(1))] == [1, 2]


@pytest.mark.parametrize("in_place", ["never"])
@pytest.mark.parametrize("fate", ["refuse", "lose"])
async def test_what_is_written_beside_a_conflict_is_written_once(backend, proxy, fate):
    await backend.commit(start(1))
    await backend.commit(step(1, 1))
    name = backend._opened.writer.connection._wire._names["COMMIT"][0]
    commits = iter(["pass", fate])  # the whole group, which fails; then unit by unit

    def cut(request):
        return next(commits, "pass") if b"\0" + name + b"\0" in request else "pass"

    proxy.cut = cut
    late = step(1, 1)
    late.events = [late.events[0]._replace(at=5.0)]
    errors = await submit(backend, [late, appending()])
    assert [error and error.code for error in errors] == ["state-conflict", None]
    assert await backend.stream("default", "s") == [(1, 1)]


@pytest.mark.parametrize("in_place", ["never"])
async def test_a_lock_that_keeps_the_outcome_secret_blocks_no_later_commit(
    proxy, postgres_url, in_place, monkeypatch
):
    monkeypatch.setitem(connections.WRITING, "lock_timeout", "100ms")
    backend = POSTGRES.create(proxy.url, in_place)
    await backend.open(EngineRow("engine-a", 1, "here", 1.0))
    await submit(backend, [start(1), start(2)])
    with psycopg.connect(postgres_url) as other:
        cut_the_next_commit(proxy, backend, "refuse")
        other.execute("SELECT 1 FROM execution WHERE execution_id = %s FOR UPDATE", (execution_id(1),))
        [error] = await submit(backend, [step(1, 1)])
        assert isinstance(error, StateLocked)
    assert await submit(backend, [step(1, 1), step(2, 1)]) == [None, None]
    await backend.close()


@pytest.mark.parametrize("in_place", ["never"])
async def test_what_was_reported_as_failed_is_not_committed_later(backend, monkeypatch):
    await backend.commit(start(1))
    write_each = writing.write_each

    def fail(*arguments):
        write_each(*arguments)
        raise RuntimeError("odd")

    monkeypatch.setattr(writing, "write_each", fail)
    errors = await submit(backend, [step(1, 2), appending("0")])
    assert all("odd" in str(error) for error in errors)
    await backend.commit(appending())
    assert await backend.stream("default", "s") == [(1, 1)]


async def test_a_lone_unit_that_asks_before_it_commits_holds_the_loop_no_longer(backend, postgres_url):
    told = []
    first, second = start(1), start(2)
    first.blobs = [BlobRow("default", "sha256:d", 1, "x", execution_id(1), b"x", None)]
    second.blobs = [BlobRow("default", "sha256:d", 1, "x", execution_id(2), b"x", None)]
    await backend.commit(first)
    with psycopg.connect(postgres_url) as other:
        other.execute("SELECT 1 FROM blob FOR UPDATE")
        begun = time.monotonic()
        backend.submit([second], told.extend)
        assert time.monotonic() - begun < 2 and told == [], "the server gives up a lock after five seconds"
        other.rollback()
    with anyio.fail_after(10):
        while not told:
            await anyio.sleep(0.005)
    assert told[0][1] is None
    assert len(await backend.unfinished()) == 2
    await backend.commit(step(2, 1))


async def test_what_was_left_unfinished_in_place_is_ended_by_another_write(backend, postgres_url):
    await backend.commit(start(1))
    connection, unit = backend._opened.writer.connection, start(2)
    unit.blobs = [BlobRow("default", "sha256:d", 1, "x", execution_id(2), b"x", None)]
    with psycopg.connect(postgres_url) as other, connection.lock:
        other.execute("LOCK TABLE blob IN ACCESS EXCLUSIVE MODE")
        for _ in range(2):
            [(_, error)] = connection.commit([unit], unit.weight, 0.0)
            assert isinstance(error, StateLocked)
        other.rollback()
        connection.call(lambda cursor, statements: None, 5.0)
        assert connection.commit([unit], unit.weight, 5.0) == [(unit, None)]
