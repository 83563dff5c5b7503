"""A process that a test has started: watched, sent signals, read after its end."""

import json
import re
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from warm import Process


def said(stderr: str) -> str:
    """Return what was said to the user, without what was said of the disk that the tests run on."""
    return re.sub(r"^WARNING: Commits take .*\n", "", stderr, flags=re.MULTILINE)


@dataclass
class Program:
    """A process of `harmonia`, its streams in files."""

    process: Process
    out: Path
    err: Path

    @property
    def stdout(self) -> str:
        return self.out.read_text()

    @property
    def stderr(self) -> str:
        return said(self.err.read_text())

    @property
    def code(self) -> int:
        """Return the exit code of a process that has ended."""
        return int(self.process.returncode)

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def ended(self, seconds: float = 20.0) -> int:
        """Return the exit code; fail, with what was said, if the process does not end."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"still running after {seconds} s:\n{self.stdout}\n{self.stderr}") from None

    def documents(self) -> list[dict[str, Any]]:
        """Return the complete JSON lines on stdout so far."""
        lines = self.stdout.split("\n")[:-1]
        return [json.loads(line) for line in lines]

    def frozen(self) -> bool:
        """Tell whether the process is stopped (SIGSTOP)."""
        stat = Path(f"/proc/{self.process.pid}/stat").read_text()
        return stat.rpartition(")")[2].split()[0] == "T"


@dataclass(frozen=True)
class Answer:
    """What a command said, and its exit code."""

    code: int
    stdout: str
    stderr: str

    def documents(self) -> list[dict[str, Any]]:
        """Return the JSON lines on stdout."""
        return [json.loads(line) for line in self.stdout.splitlines()]
