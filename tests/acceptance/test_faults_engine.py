"""Faults under an engine with executions in flight: the loop goes on, all complete, each task ends once."""

import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import anyio
import pytest
from anyio import to_thread
from steady import Work, working

from harmonia_sql.sqlite import writing
from harmonia_sql.testing.cluster import Cluster

# What the loop may pause, in seconds: garbage is collected, and the machine has other work.
PAUSE = 1.0
COUNT, SECONDS = 30, 0.2


@pytest.fixture
def server(postgres_server: Cluster) -> Cluster:
    """Give a server of this module's own: its connections are ended, and its settings change."""
    return postgres_server


@pytest.fixture
def url(server: Cluster) -> Iterator[str]:
    url = server.create_database()
    yield url
    server.drop_database(url)


def pids(server: Cluster, url: str, which: str = "true") -> list[int]:
    """Return the processes of the server that serve a database, or some of them."""
    found = server.psql(
        f"SELECT pid FROM pg_stat_activity WHERE datname = '{url.rpartition('/')[2]}' AND {which}"
    )
    return [int(line) for line in found.split()]


LIVING = "query LIKE 'LISTEN%'"
KINDS = {
    "sign of life": LIVING,
    "writer and readers": f"NOT {LIVING}",
    "all": "true",
}


@pytest.mark.parametrize("which", KINDS.values(), ids=KINDS)
async def test_connections_that_are_ended_again_and_again(server: Cluster, url: str, which: str) -> None:
    async with working(url, COUNT, SECONDS) as work:
        for _ in range(6):
            await anyio.sleep(0.15)
            ended = await to_thread.run_sync(pids, server, url, which)
            for pid in ended:
                await to_thread.run_sync(server.psql, f"SELECT pg_terminate_backend({pid})")
        key = work.engine.engine_id
        while await work.engine.backend.alive([key]) != {key}:
            await anyio.sleep(0.05)
    assert work.pause < PAUSE


@contextmanager
def frozen(processes: list[int]) -> Iterator[None]:
    for pid in processes:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in processes:
            os.kill(pid, signal.SIGCONT)


def postmaster(server: Cluster) -> int:
    return int((server.folder / "data" / "postmaster.pid").read_text().split()[0])


@contextmanager
def soon_stuck(work: Work) -> Iterator[None]:
    """Let the store of an engine count as stuck after half a second, in the block."""
    health = work.engine.backend._health  # type: ignore[attr-defined]
    before, health.bound = health.bound, 0.5
    try:
        yield
    finally:
        health.bound = before


async def test_a_server_that_hangs(server: Cluster, url: str) -> None:
    async with working(url, COUNT, SECONDS) as work:
        await anyio.sleep(0.3)
        backend = work.engine.backend
        processes = [postmaster(server), *await to_thread.run_sync(pids, server, url)]
        with frozen(processes), soon_stuck(work):
            await anyio.sleep(0.3)
            before = Counter(work.ends)
            for _ in range(3):
                begun = time.perf_counter()
                health = await backend.health()
                assert (health["ok"], health["code"]) == (False, "store-stuck")
                assert time.perf_counter() - begun < 5 and server.password not in str(health)
            await anyio.sleep(1.0)
            assert work.ends == before
    assert work.pause < PAUSE


async def test_commits_that_wait_for_a_standby(
    server: Cluster, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    def demand(standby: str) -> None:
        server.psql(f"ALTER SYSTEM SET synchronous_standby_names = '{standby}'")
        server.psql("SELECT pg_reload_conf()")

    async with working(url, COUNT, SECONDS) as work:
        await anyio.sleep(0.3)
        await to_thread.run_sync(demand, "nobody")
        try:
            await anyio.sleep(1.5)
            with soon_stuck(work):
                health = await work.engine.backend.health()
            assert (health["ok"], health["code"]) == (False, "store-stuck")
        finally:
            await to_thread.run_sync(demand, "")
    said = [text for text in caplog.messages if text.startswith("Commits take")]
    assert len(said) == 1 and "the server of the database" in said[0] and "127.0.0.1" in said[0]
    assert server.password not in caplog.text
    assert work.pause < PAUSE


def slow_commits(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Return what makes every commit of SQLite take so many seconds more."""
    delay = 0.0

    class SlowCursor(writing.WritingCursor):
        def execute(self, sql, *parameters):  # type: ignore[no-untyped-def]
            if sql == "COMMIT" and delay:
                time.sleep(delay)
            return super().execute(sql, *parameters)

    def be_slow(seconds: float) -> None:
        nonlocal delay
        delay = seconds

    monkeypatch.setattr(writing, "WritingCursor", SlowCursor)
    return be_slow


async def test_a_disk_whose_every_commit_takes_its_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    be_slow = slow_commits(monkeypatch)
    file = tmp_path / "store.db"
    async with working(f"sqlite:///{file}", 200, 0.05) as work:
        be_slow(0.3)
        await anyio.sleep(3)
        health = await work.engine.backend.health()
        assert health["ok"] and health["commits"]["slow"] and health["commits"]["median"] >= 0.3
        be_slow(0.0)
    # One commit in place meets the slow disk, at most; the rest is the writer's.
    assert work.pause < 0.3 + PAUSE
    said = [text for text in caplog.messages if text.startswith("Commits take")]
    assert len(said) == 1 and said[0].endswith(f"the disk of {file} is slow.")


async def test_a_file_that_is_moved_away_and_comes_back(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "store.db"
    async with working(f"sqlite:///{file}", COUNT, SECONDS) as work:
        await anyio.sleep(0.3)
        file.rename(tmp_path / "away.db")
        # A commit may have been under way.
        await anyio.sleep(0.3)
        before = Counter(work.ends)
        await anyio.sleep(1.7)
        health = await work.engine.backend.health()
        assert (health["ok"], health["code"]) == (False, "store-unavailable")
        assert not file.exists() and work.ends == before
        (tmp_path / "away.db").rename(file)
    assert "has been deleted or moved away" in caplog.text and "Trying again" in caplog.text
    assert work.pause < PAUSE
