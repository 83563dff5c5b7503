"""Signs of life: they end with the process, hold while it is stopped, and are cleared away."""

import fcntl
import os
import signal
import subprocess
import sys

import pytest

from harmonia_core import StateLocked
from harmonia_core.testing.state_backend_rows import start, step
from harmonia_sql.sqlite import life
from harmonia_sql.sqlite.life import SignOfLife, bury, living

HOLD = """
import pathlib, sys
from harmonia_sql.sqlite.life import SignOfLife
life = SignOfLife(pathlib.Path(sys.argv[1]), "other")
life.begin()
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
    """Start a process that holds the sign of life of engine `other`."""
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"held\n"
        yield process
        process.kill()


def test_a_stopped_process_is_alive_and_a_killed_one_is_dead(tmp_path, holder):
    assert living(tmp_path, ["other", "unknown"]) == {"other"}
    holder.send_signal(signal.SIGSTOP)
    assert living(tmp_path, ["other"]) == {"other"}
    assert not bury(tmp_path, "other")
    holder.kill()
    holder.wait()
    assert living(tmp_path, ["other"]) == set()
    assert bury(tmp_path, "other")
    assert os.listdir(tmp_path) == []


def test_one_engine_is_one_process(tmp_path, holder):
    with pytest.raises(StateLocked, match="engine other is at work"):
        SignOfLife(tmp_path, "other").begin()


def test_asking_at_the_same_time_is_not_holding(tmp_path):
    (tmp_path / "dead").touch()
    file = os.open(tmp_path / "dead", os.O_RDONLY)
    fcntl.flock(file, fcntl.LOCK_SH)
    assert living(tmp_path, ["dead"]) == set()
    os.close(file)


def test_a_file_removed_while_it_is_taken_is_taken_anew(tmp_path, monkeypatch):
    lock, removed = life._lock, []

    def slow(file, kind):
        held = lock(file, kind)
        if not removed:
            # Somebody took the new file for a dead engine's before the lock was there.
            removed.append((tmp_path / "a").unlink())
        return held

    monkeypatch.setattr(life, "_lock", slow)
    sign = SignOfLife(tmp_path, "a")
    sign.begin()
    assert (tmp_path / "a").exists() and living(tmp_path, ["a"]) == {"a"}
    sign.end()
    assert os.listdir(tmp_path) == []


async def test_who_opens_clears_away_the_dead_that_own_nothing(opened):
    owner, idle = await opened("owner"), await opened("idle")
    await owner.commit(start(1, owner="owner"))
    await owner.close()
    await idle.close()
    folder = owner._database.address.engines
    for name in ("owner", "idle"):
        (folder / name).touch()
    backend = await opened("later")
    assert {row.engine_id for row in await backend.engines()} == {"owner", "later"}
    assert sorted(os.listdir(folder)) == ["later", "owner"]
    await backend.commit(step(1, 1, status="completed", ended_at=5.0, owner=None))
    last = await opened("last")
    assert {row.engine_id for row in await last.engines()} == {"later", "last"}
