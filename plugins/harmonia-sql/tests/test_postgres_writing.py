"""What a commit on PostgreSQL costs, who waits for whom, and two engines at one database."""

import threading

import anyio
import psycopg
import pytest

from harmonia_core import EngineRow, StateConflict, StreamAppend, TimerRow, Unit
from harmonia_core.testing.state_backend_log import submit
from harmonia_core.testing.state_backend_rows import (
    event_row,
    execution_id,
    put,
    start,
    step,
    task_row,
)
from harmonia_sql import POSTGRES
from harmonia_sql.postgres.address import Address
from harmonia_sql.postgres.connection import connect
from harmonia_sql.postgres.dialect import POSTGRES_DIALECT
from harmonia_sql.postgres.errors import ServerError
from harmonia_sql.postgres.schema import ensure_schema
from harmonia_sql.postgres.wire import NotYet, Wire
from harmonia_sql.statements import Statements


@pytest.fixture
async def opened(postgres_url):
    """Return a function that opens one more backend on the schema."""
    backends = []

    async def open_one(name="engine-a", in_place="auto"):
        backend = POSTGRES.create(postgres_url, in_place)
        backends.append(backend)
        await backend.open(EngineRow(name, 1, "here", 1.0))
        return backend

    yield open_one
    for backend in reversed(backends):
        await backend.close()


def full_step(seq):
    """Return the unit of a chain: head, two events, two tasks, a timer closed and one set."""
    unit = step(1, seq, 2)
    unit.tasks = [task_row(1, seq, status="succeeded", ended_seq=seq + 1), task_row(1, seq + 1)]
    unit.closed_timers = [(execution_id(1), f"task{seq}", "timeout")]
    unit.timers = [TimerRow(execution_id(1), f"task{seq + 1}", "timeout", 5.0)]
    return unit


@pytest.mark.parametrize("in_place", ["auto", "never"])
async def test_a_step_is_one_round_trip(opened, in_place):
    backend = await opened(in_place=in_place)
    await backend.commit(start(1))
    wire = backend._opened.writer.connection._wire
    for seq in range(1, 21, 2):
        before = wire.trips
        await backend.commit(full_step(seq))
        assert wire.trips - before == 1
    assert len(await backend.events(execution_id(1))) == 21


async def test_a_group_is_one_round_trip(opened):
    backend = await opened(in_place="never")
    await submit(backend, [start(number) for number in range(100)])
    wire = backend._opened.writer.connection._wire
    before = wire.trips
    assert await submit(backend, [step(number, 1, 3) for number in range(100)]) == [None] * 100
    assert wire.trips - before == 1


async def test_updates_of_heads_write_no_index(opened, postgres_url):
    backend = await opened()
    await backend.commit(start(1))
    for seq in range(1, 200):
        await backend.commit(step(1, seq))
    question = "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relid = 'execution'::regclass"
    await backend.close()  # a session reports its counts at its end, at the latest
    with psycopg.connect(postgres_url, autocommit=True) as connection, anyio.fail_after(10):
        updated = 0
        while updated < 199:
            updated, hot = connection.execute(question).fetchone()
            await anyio.sleep(0.05)
    assert updated == 199 and hot > 180


async def test_a_lone_unit_that_meets_a_lock_waits_in_the_writer(opened, postgres_url):
    backend, told = await opened(), []
    await backend.commit(start(1))
    with psycopg.connect(postgres_url) as other:
        other.execute("SELECT 1 FROM execution FOR UPDATE")
        with anyio.fail_after(1):
            backend.submit([step(1, 1)], told.extend)
        assert told == []
        other.rollback()
    with anyio.fail_after(10):
        while not told:
            await anyio.sleep(0.005)
    assert told[0][1] is None
    assert len(await backend.events(execution_id(1))) == 2


async def test_who_is_fenced_writes_nothing(opened):
    old, new = await opened("engine-a"), await opened("engine-b")
    await old.commit(start(1))
    await new.commit(step(1, 1, epoch=2, expected_epoch=1, owner="engine-b"))
    with pytest.raises(StateConflict) as caught:
        await old.commit(step(1, 2))
    assert (caught.value.seq, caught.value.epoch, caught.value.owner) == (2, 2, "engine-b")
    assert [event.seq for event in await new.events(execution_id(1))] == [1, 2]


WAITING = (
    "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
)
DEADLOCKS = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"


async def both_wait(url):
    """Return when two sessions wait for locks."""
    with psycopg.connect(url, autocommit=True) as watcher, anyio.fail_after(10):
        while watcher.execute(WAITING).fetchone() != (2,):
            await anyio.sleep(0.005)


async def test_groups_in_opposite_orders_wait_for_each_other_without_a_deadlock(opened, postgres_url):
    backends = [await opened("engine-a", "never"), await opened("engine-b", "never")]
    numbers = list(range(40))
    await submit(backends[0], [start(number) for number in numbers])
    errors = []

    async def move(backend, numbers):
        errors.extend(await submit(backend, [step(number, 1) for number in numbers]))

    with psycopg.connect(postgres_url) as other:
        deadlocks = other.execute(DEADLOCKS).fetchone()
        # In the middle, so that each order has taken its half when it comes here.
        other.execute("SELECT 1 FROM execution WHERE execution_id = %s FOR UPDATE", (execution_id(20),))
        async with anyio.create_task_group() as group:
            group.start_soon(move, backends[0], numbers)
            group.start_soon(move, backends[1], numbers[::-1])
            await both_wait(postgres_url)
            other.rollback()
        assert other.execute(DEADLOCKS).fetchone() == deadlocks
    assert sorted(type(error).__name__ for error in errors) == ["NoneType"] * 40 + ["StateConflict"] * 40
    assert {row.seq for row in await backends[0].unfinished()} == {2}


async def test_a_document_that_two_make_at_once_is_made_by_one(opened, postgres_url):
    backends, codes = [await opened("engine-a"), await opened("engine-b", "never")], []

    async def make(backend):
        [error] = await submit(backend, [Unit(documents=[put("k", "1", if_version=0)])])
        codes.append(error and error.code)

    with psycopg.connect(postgres_url) as other:
        # Who is here first says nothing yet: both have looked and found nothing when they wait for it.
        other.execute("INSERT INTO document VALUES ('default', 'things', 'k', '0', 1)")
        async with anyio.create_task_group() as group:
            for backend in backends:
                group.start_soon(make, backend)
            await both_wait(postgres_url)
            other.rollback()
    assert sorted(codes, key=str) == [None, "version-conflict"]
    assert (await backends[0].document("default", "things", "k")).version == 1


async def test_appends_of_two_to_one_stream_stand_one_behind_the_other(opened):
    backends = [await opened("engine-a", "never"), await opened("engine-b", "never")]

    async def append(backend, first):
        for number in range(first, first + 30):
            await backend.commit(Unit(appends=[StreamAppend("default", "s", str(number))]))

    async with anyio.create_task_group() as group:
        for place, backend in enumerate(backends):
            group.start_soon(append, backend, 100 * place)
    read = await backends[0].stream("default", "s")
    assert [position for position, _ in read] == list(range(1, 61))
    values = [value for _, value in read]
    assert [v for v in values if v < 100] == list(range(30))
    assert [v for v in values if v >= 100] == list(range(100, 130))


async def test_a_text_that_postgresql_cannot_store_refuses_its_unit_alone(opened):
    backend = await opened()
    nul, lone, huge = start(1, labels="\0"), start(2, labels="\ud800"), start(3, epoch=2**70)
    errors = await submit(backend, [nul, start(4), lone, huge, start(5)])
    assert [error is None for error in errors] == [False, True, False, False, True]
    assert all("cannot be stored" in str(error) for error in errors if error)
    assert len(await backend.unfinished()) == 2


async def test_a_unit_too_large_for_one_statement_is_whole(opened):
    backend = await opened()
    await backend.commit(start(1))
    large = step(1, 1, 9000)
    large.tasks = [task_row(1, position, reason="x" * 50) for position in range(9000)]
    large.events = [event_row(1, seq, data='"' + "é" * 200 + '"') for seq in range(2, 9002)]
    await backend.commit(large)
    assert len(await backend.events(execution_id(1))) == 9001
    assert len(await backend.tasks(execution_id(1))) == 9000


@pytest.fixture
def wire(postgres_url):
    wire = Wire(connect(Address.parse(postgres_url), {}))
    yield wire
    wire.close()


def test_a_wire_gives_values_as_they_are_and_goes_on_after_errors(wire):
    values = ("é\n'\"\\", 2**62, -0.1, None, b"\0\xff", True)
    wire.send("SELECT ?::text, ?::bigint, ?::float8, ?::text, ?::bytea, ?::boolean", values)
    wire.sync()
    assert wire.rows() == [values]
    for _ in range(2):
        wire.send("SELECT 1")
        wire.send("SELECT nothing")
        wire.send("SELECT 2")
        with pytest.raises(ServerError, match='column "nothing" does not exist'):
            wire.sync()
    wire.send("SELECT 2")
    wire.sync()
    assert wire.rows() == [(2,)]
    with pytest.raises(ValueError, match="of type"):
        wire.send("SELECT ?", (object(),))


def test_a_wire_waits_no_longer_than_it_is_told_and_on_when_it_is_asked(wire):
    wire.send("SELECT pg_sleep(0.2)")
    wire.send("SELECT 7")
    with pytest.raises(NotYet):
        wire.sync(0.02)
    assert wire.pending
    wire.sync()
    assert wire.rows() == [(7,)] and not wire.pending


def test_waiting_for_the_server_lets_other_threads_work(wire):
    began, counted = threading.Event(), []

    def count():
        began.wait()
        counted.append(1)

    thread = threading.Thread(target=count)
    thread.start()
    wire.send("SELECT pg_sleep(0.2)")
    began.set()
    wire.sync()
    assert counted == [1]
    thread.join()


def test_every_statement_can_be_prepared(wire, postgres_url):
    """The server knows the tables and types that each statement of the writer names."""
    ensure_schema(Address.parse(postgres_url), make=True)
    statements, texts = Statements(POSTGRES_DIALECT), []
    for value in vars(statements).values():
        if isinstance(value, str):
            texts.append(value)
        elif hasattr(value, "one"):
            texts += [value.one, value._text(1), value._text(4)]
        elif hasattr(value, "text"):
            texts += [value.text(1), value.text(4)]
    assert len(texts) > 40
    wire.send("BEGIN")
    for text in texts:
        wire._prepare(text, ())
    wire.sync()
