"""The guard of a command and the pumps of its streams, where the other side goes wrong."""

import os
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import anyio
import pytest
from running import alive, pids_in

from harmonia_core import TaskError
from harmonia_tasks import process_guard, process_streams
from harmonia_tasks.process_streams import Pump, drain
from harmonia_tasks.processes import Order
from harmonia_tasks.python import PythonInput, python_type
from harmonia_tasks.settings import TasksSettings
from harmonia_tasks.shell import shell_type
from harmonia_tasks.shell_input import ShellInput

pytestmark = pytest.mark.anyio


async def test_a_socket_that_is_closed_unread_ends_the_command_with_its_family(tmp_path: Path) -> None:
    """The guard's word that the command runs lies unread in it: the system then resets the connection."""
    marker = tmp_path / "pids"
    script = f"sleep 600 & echo $! $$ . > {marker}; wait"
    ours, theirs = socket.socketpair()
    arguments = [sys.executable, "-I", "-S", process_guard.__file__, str(theirs.fileno())]
    guard = subprocess.Popen(arguments, pass_fds=(theirs.fileno(),), start_new_session=True)
    pids = []
    try:
        theirs.close()
        ours.sendall(Order(["sh", "-c", script], dict(os.environ)).encoded())
        pids = await pids_in(marker)
        ours.close()
        assert guard.wait(10) == 0
        assert not any(map(alive, pids))
    finally:
        ours.close()
        guard.kill()
        guard.wait()
        for pid in pids:
            with suppress(OSError):
                os.kill(pid, signal.SIGKILL)


class Broken:
    """A sink that takes nothing."""

    async def take(self, piece: bytes) -> None:
        raise OSError("the disk is full")

    async def finish(self) -> None: ...


class Command:
    """Stand in for a command that can be ended."""

    killed = False

    def kill(self) -> None:
        self.killed = True


class OnePiece:
    """Stand in for a stream from which something came."""

    async def receive(self, size: int) -> bytes:
        return b"x"


async def test_a_stream_that_went_wrong_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_streams, "STRAGGLERS", 0.01)
    command: Any = Command()
    pump = Pump("stdout", command, [Broken()], None)
    stream: Any = OnePiece()
    await pump.run(stream)
    assert (str(pump.fault), command.killed) == ("the disk is full", True)
    with anyio.fail_after(5):
        await drain([pump], anyio.Event())  # another stream is never done


async def test_a_system_without_waitid_runs_no_commands(ctx: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "waitid")
    shell = shell_type(TasksSettings(shell=True))
    assert shell.check is not None
    (problem,) = shell.check({})
    assert not isinstance(problem, str)
    assert problem.code == "shell-not-supported"
    assert "os.waitid" in problem.message
    with pytest.raises(TaskError, match="waitid") as caught:
        await shell(ctx, ShellInput(command=("true",)))
    assert caught.value.error_code == "shell-not-supported"
    python = python_type(TasksSettings(python_modules=("sample_calls",)))
    with pytest.raises(TaskError, match="waitid") as caught:
        await python(ctx, PythonInput(callable="sample_calls:add", mode="process"))
    assert caught.value.error_code == "process-not-supported"
