"""A disk that takes its time: the loop does not wait for it, groups go on, and it is said once a minute."""

import logging
import time

import anyio
import pytest

from harmonia_core.testing.state_backend_rows import execution_id, start, step
from harmonia_sql import commit_times
from harmonia_sql.commit_times import CommitTimes
from harmonia_sql.pace import QUICK, STALL, TRY_AGAIN, Pace
from harmonia_sql.sqlite import writing


class Disk:
    """What a commit takes more, in seconds."""

    delay = 0.0


@pytest.fixture
def disk(monkeypatch):
    """Return a disk whose every commit may be made slow."""
    disk = Disk()

    class SlowCursor(writing.WritingCursor):
        def execute(self, sql, *parameters):
            if sql == "COMMIT" and disk.delay:
                time.sleep(disk.delay)
            return super().execute(sql, *parameters)

    monkeypatch.setattr(writing, "WritingCursor", SlowCursor)
    return disk


async def test_the_loop_waits_for_one_slow_commit_at_most(opened, disk):
    backend = await opened()
    await backend.commit(start(1))
    disk.delay, gaps = 0.15, []

    async def tick():
        while True:
            before = time.perf_counter()
            await anyio.sleep(0.005)
            gaps.append(time.perf_counter() - before)

    async with anyio.create_task_group() as group:
        group.start_soon(tick)
        for seq in range(1, 13):
            await backend.commit(step(1, seq))
        group.cancel_scope.cancel()
    assert len([gap for gap in gaps if gap >= 0.15]) <= 1, gaps
    assert len(gaps) > 50
    assert len(await backend.events(execution_id(1))) == 13


async def test_groups_carry_many_through_a_slow_disk(opened, disk):
    backend = await opened()
    disk.delay = 0.15
    begun = time.perf_counter()
    async with anyio.create_task_group() as group:
        for number in range(200):
            group.start_soon(backend.commit, start(number))
    # One by one they would take half a minute.
    assert time.perf_counter() - begun < 5
    assert len(await backend.unfinished()) == 200


async def test_it_is_said_once_and_health_shows_it_until_it_is_over(path, opened, disk, caplog):
    backend = await opened()
    for seq in range(20):
        await backend.commit(step(1, seq) if seq else start(1))
    assert (await backend.health())["commits"]["slow"] is False
    disk.delay = 0.12
    with caplog.at_level(logging.WARNING, "harmonia_sql"):
        for seq in range(20, 32):
            await backend.commit(step(1, seq))
    health = await backend.health()
    assert health["ok"] and health["commits"]["slow"] and 0.12 <= health["commits"]["median"] < 1
    [said] = [record.getMessage() for record in caplog.records]
    assert said.startswith("Commits take 0.1") and said.endswith(f"): the disk of {path} is slow.")
    assert " s (usually 0.0" in said
    disk.delay = 0.0
    for seq in range(32, 40):
        await backend.commit(step(1, seq))
    assert (await backend.health())["commits"]["slow"] is False


def test_one_stall_is_said_and_one_slow_commit_is_not(caplog):
    times = CommitTimes("the disk of x")
    for seconds in [0.002] * 50 + [0.5] + [0.002] * 5:
        times.took(seconds)
    assert caplog.records == [] and not times.slow
    times.took(3.0)
    assert times.slow and caplog.messages == ["Commits take 3 s (usually 0.002 s): the disk of x is slow."]


def test_a_slow_disk_is_said_at_most_once_a_minute(caplog, monkeypatch):
    now = 1000.0
    monkeypatch.setattr(commit_times.time, "monotonic", lambda: now)
    times = CommitTimes("the disk of x")
    for _ in range(1200):
        times.took(0.1)
        now += 0.1
    assert len(caplog.messages) == 2
    assert times.median == 0.1


def test_nothing_was_slow_before_there_was_anything():
    times = CommitTimes("the disk of x")
    assert (times.median, times.slow) == (0.0, False)


def test_the_first_commits_alone_say_nothing_of_a_disk(caplog):
    times = CommitTimes("the disk of x")
    for _ in range(4):
        times.took(0.12)
        assert not times.slow
    times.took(0.12)
    assert times.slow and len(caplog.messages) == 1


def test_pace_stops_after_one_stall_and_trusts_the_disk_again_after_quick_groups():
    pace = Pace(True)
    pace.took(2 * STALL, 1)
    assert not any(pace.lone("a", 0.0) for _ in range(3 * TRY_AGAIN))
    pace.grouped(QUICK / 10, 1)
    assert [pace.lone("a", 0.0) for _ in range(TRY_AGAIN)].count(True) == 1
    for _ in range(30):
        pace.grouped(QUICK / 10, 1)
    assert pace.lone("a", 0.0)


def test_groups_do_not_slow_down_a_pace_that_is_well():
    pace = Pace(True)
    for _ in range(100):
        pace.grouped(QUICK * 3, 1)
    assert pace.lone("a", 0.0)
    pace.grouped(STALL * 2, 1)
    assert not pace.lone("a", 0.0)
