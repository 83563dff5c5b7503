"""Processes that begin as copies of one that has imported everything: `warm_server`."""

import atexit
import json
import os
import select
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

SERVER = Path(__file__).with_name("warm_server.py")


class WarmProcess:
    """One of them, with what tests use of `subprocess.Popen`."""

    def __init__(self, server: "Server", pid: int) -> None:
        self._server, self.pid = server, pid

    @property
    def returncode(self) -> int | None:
        return self._server.codes.get(self.pid)

    def poll(self) -> int | None:
        """Return the exit code, None while it runs."""
        self._server.listen(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit code once it has ended; raise TimeoutExpired."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while (code := self.poll()) is None:
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
            self._server.listen(left)
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class Server:
    """The process that is copied. codes: exit codes of those that have ended, by process id."""

    def __init__(self) -> None:
        self.codes: dict[int, int] = {}
        self._begun: list[int] = []
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            command = [sys.executable, str(SERVER), str(theirs.fileno())]
            self._process = subprocess.Popen(command, pass_fds=(theirs.fileno(),))
        atexit.register(self.close)

    def begin(
        self, command: Sequence[str], folder: Path, environment: dict[str, str], files: Sequence[IO[bytes]]
    ) -> WarmProcess:
        """Begin a program of Python, with nothing to read and these files to write to."""
        wish = {"command": list(command), "folder": str(folder), "environment": environment}
        socket.send_fds(self._socket, [json.dumps(wish).encode()], [file.fileno() for file in files])
        while not self._begun:
            self.listen(None)
        return WarmProcess(self, self._begun.pop())

    def listen(self, seconds: float | None) -> None:
        """Take what the server has to say, waiting for it so long at most."""
        while select.select([self._socket], [], [], seconds)[0]:
            data = self._socket.recv(1 << 16)
            assert data, "the process that is copied has ended"
            said: dict[str, Any] = json.loads(data)
            if "begun" in said:
                self._begun.append(said["begun"])
                self.codes.pop(said["begun"], None)  # of one that had this id before
            else:
                self.codes[said["ended"]] = said["code"]
            seconds = 0

    def close(self) -> None:
        """End the server; what it has begun goes on."""
        self._socket.close()
        self._process.wait()


@cache
def server() -> Server:
    """Return the server of this process, which starts with the first question."""
    return Server()


Process = WarmProcess | subprocess.Popen[bytes]


def started(
    command: Sequence[str],
    prefix: Sequence[str],
    folder: Path,
    environment: dict[str, str],
    files: tuple[IO[bytes], IO[bytes]],
    options: dict[str, Any],
) -> Process:
    """Start a program of Python as a copy, or from the beginning if it has a prefix or options of Popen's."""
    if not options and list(prefix) in ([], [sys.executable]):
        return server().begin(command, folder, environment, files)
    stdout, stderr = files
    return subprocess.Popen(
        [*prefix, *command], cwd=folder, env=environment, stdin=subprocess.DEVNULL,
        stdout=stdout, stderr=stderr, **options,
    )  # fmt: skip


def carried_out(
    line: str, folder: Path, environment: dict[str, str], seconds: float = 60
) -> subprocess.CompletedProcess[str]:
    """Carry a line of a shell out that sets variables and runs `harmonia`; return what it says."""
    words = shlex.split(line)
    at = words.index("harmonia")
    variables = dict(word.split("=", 1) for word in words[:at])
    command = [str(Path(sys.executable).with_name("harmonia")), *words[at + 1 :]]
    with TemporaryFile() as stdout, TemporaryFile() as stderr:
        process = server().begin(command, folder, {**environment, **variables}, (stdout, stderr))
        code = process.wait(seconds)
        said = []
        for file in (stdout, stderr):
            file.seek(0)
            said.append(file.read().decode())
    return subprocess.CompletedProcess(command, code, *said)
