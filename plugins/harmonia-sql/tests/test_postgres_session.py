"""Signs of life on PostgreSQL, and who hears of whose commits."""

import hashlib
import signal
import subprocess
import sys

import anyio
import psycopg
import pytest

from harmonia_core import EngineRow, StateLocked
from harmonia_core.testing.state_backend_rows import request_row, start, step
from harmonia_sql import POSTGRES
from harmonia_sql.postgres.session import key_of

HOLD = """
import sys, anyio
from harmonia_core import EngineRow
from harmonia_sql import POSTGRES

async def main():
    await POSTGRES.create(sys.argv[1], "auto").open(EngineRow("other", 1, "here", 1.0))
    print("held", flush=True)
    await anyio.sleep_forever()

anyio.run(main)
"""
END = (
    "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND pid <> pg_backend_pid() "
    "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)


@pytest.fixture
async def opened(postgres_url):
    """Return a function that opens one more backend on the schema."""
    backends = []

    async def open_one(name="engine-a"):
        backend = POSTGRES.create(postgres_url, "auto")
        backends.append(backend)
        await backend.open(EngineRow(name, 1, "here", 1.0) if name else None)
        return backend

    yield open_one
    for backend in reversed(backends):
        await backend.close()


@pytest.fixture
def holder(postgres_url):
    """Start a process that is engine `other`."""
    command = [sys.executable, "-c", HOLD, postgres_url]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"held\n"
        yield process
        process.kill()


async def until(condition):
    """Return when a condition holds that the server or a thread brings about; fail after 10 s."""
    with anyio.fail_after(10):
        while not await condition():
            await anyio.sleep(0.005)


async def test_a_stopped_process_is_alive_and_a_killed_one_is_dead(opened, postgres_database, postgres_url):
    backend = await opened()
    with subprocess.Popen([sys.executable, "-c", HOLD, postgres_url], stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"held\n"
        both = ["engine-a", "other", "unknown"]
        assert await backend.alive(both) == {"engine-a", "other"}
        process.send_signal(signal.SIGSTOP)
        assert await backend.alive(both) == {"engine-a", "other"}
        process.kill()
        process.wait()
    # The server notices the end of its client by itself.
    await until(lambda: _equal(backend.alive(both), {"engine-a"}))
    # Who opens clears away what is dead and owns nothing.
    later = await opened("later")
    assert {row.engine_id for row in await later.engines()} == {"engine-a", "later"}


async def _equal(question, answer):
    return await question == answer


async def test_one_engine_is_one_process(opened, holder):
    with pytest.raises(StateLocked, match="Another process is engine other"):
        await opened("other")


async def test_a_lost_sign_of_life_is_given_again_and_health_says_so(opened, postgres_url, caplog):
    backend, watcher = await opened(), await opened("watcher")
    assert (await backend.health())["sign_of_life"] == "held"
    with psycopg.connect(postgres_url, autocommit=True) as other:
        # Somebody else takes the lock as soon as it is free.
        other.execute(END)
        await until(lambda: _taken(other))
        await until(lambda: _state(backend, "lost"))
        other.execute("SELECT pg_advisory_unlock(%s)", (key_of("engine-a"),))
    await until(lambda: _equal(watcher.alive(["engine-a"]), {"engine-a"}))
    await until(lambda: _state(backend, "held"))
    assert "sign of life is lost" in caplog.text and "given again" in caplog.text


async def _taken(connection):
    row = connection.execute("SELECT pg_try_advisory_lock(%s)", (key_of("engine-a"),)).fetchone()
    return row[0]


async def _state(backend, state):
    return (await backend.health())["sign_of_life"] == state


async def test_who_has_closed_is_gone_at_once(opened):
    """The server notices only a little later that a connection has ended, so the lock is given back first."""
    watching = await opened("engine-z")
    for number in range(5):
        backend = await opened(f"engine-{number}")
        assert await watching.alive([f"engine-{number}"])
        await backend.close()
        assert not await watching.alive([f"engine-{number}"])


async def test_a_reader_has_no_sign_of_life(opened):
    await opened()
    reader = await opened(None)
    health = await reader.health()
    assert (health["ok"], health["sign_of_life"]) == (True, "none")
    assert health["backend"] == "postgresql" and int(health["server"].partition(".")[0]) >= 13


async def test_only_the_requests_and_takeovers_of_others_wake(opened):
    backend, other = await opened(), await opened("engine-b")
    woken = []
    backend.watch(lambda: woken.append("woken"))
    await backend.commit(start(1))
    await other.commit(start(2))
    await other.commit(step(2, 1))
    own = start(3)
    own.requests = [request_row("own")]
    await backend.commit(own)
    # Notifications arrive in the order of their commits: the last one shows that the others were none.
    await other.add_request(request_row("theirs"))
    await until(lambda: _equal(_length(woken), 1))
    await other.commit(step(1, 1, epoch=2, expected_epoch=1, owner="engine-b"))
    await until(lambda: _equal(_length(woken), 2))


async def _length(items):
    return len(items)


async def test_who_only_reads_hears_too(opened):
    backend = await opened()
    reader, woken = await opened(None), []
    reader.watch(lambda: woken.append("woken"))
    # It looks once when it begins to listen, for what was missed.
    await until(lambda: _equal(_length(woken), 1))
    await backend.add_request(request_row("r"))
    await until(lambda: _equal(_length(woken), 2))


async def test_what_was_missed_while_the_ear_was_lost_is_looked_for(opened, postgres_url):
    backend, other, woken = await opened(), await opened(None), []
    backend.watch(lambda: woken.append("woken"))
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(END)
        await until(lambda: _taken(connection))
        await other.add_request(request_row("r"))
        assert woken == []
    await until(lambda: _equal(_length(woken), 1))


def test_keys_are_those_that_are_documented():
    first = hashlib.sha256(b"harmonia engine engine-a").digest()[:8]
    assert key_of("engine-a") == int.from_bytes(first, "big", signed=True)
    assert len({key_of(str(number)) for number in range(1000)}) == 1000
