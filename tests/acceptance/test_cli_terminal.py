"""`harmonia run` on a terminal, as far as bytes can tell."""

import fcntl
import os
import pty
import struct
import subprocess
import termios

import pytest
from programs import HARMONIA, Place

HIDE, SHOW = b"\x1b[?25l", b"\x1b[?25h"


def on_terminal(place: Place, *arguments: str, columns: int = 80, **environment: str) -> tuple[int, bytes]:
    """Run a command on a terminal of its own; return the exit code and every byte it wrote."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    plain = {
        name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "COLUMNS", "LINES")
    }
    process = subprocess.Popen(
        [str(HARMONIA), *arguments, "--db", place.url],
        env={**plain, **place.environment, "TERM": "xterm-256color", **environment},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    written = b""
    try:
        while piece := os.read(ours, 65536):
            written += piece
    except OSError:  # the other side is closed
        pass
    os.close(ours)
    return process.wait(20), written


@pytest.fixture
def file(place: Place) -> str:
    words = {"type": "map", "input": {"items": [1, 2]}, "task": {"type": "noop", "input": {"v": "${item}"}}}
    bad = {"type": "fail", "depends_on": ["look"], "input": {"error": "no-luck", "message": "m" * 300}}
    return str(place.define({"look": words, "bad": bad, "idle": {"type": "noop", "depends_on": ["bad"]}}))


@pytest.mark.parametrize("columns", [80, 200])
def test_the_tree_fits_the_terminal_and_leaves_it_as_it_was(place: Place, file: str, columns: int) -> None:
    code, written = on_terminal(place, "run", file, columns=columns, NO_COLOR="1")
    assert code == 1
    assert written.count(HIDE) == written.count(SHOW) == 1
    assert written.rindex(HIDE) < written.rindex(SHOW)
    picture = written[: written.rindex(SHOW)].decode().rpartition("\x1b[2K")[2]
    rows = [row for row in picture.replace("\r", "").split("\n") if row]
    last = [row.replace("\x1b[1m", "").replace("\x1b[0m", "") for row in rows]
    assert all(len(row) <= columns for row in last)
    assert last[0].startswith("acceptance 1.0.0  failed")
    assert [row.split()[:2] for row in last[1:]] == [["✓", "look"], ["✗", "bad"], ["–", "idle"]]
    assert f"failed in {last[0].split('  ')[2]}, execution {place.execution()}" in written.decode()


def test_colours_are_used_unless_unwanted(place: Place, file: str) -> None:
    red = b"\x1b[1;31m"
    assert red in on_terminal(place, "run", file)[1]
    assert red not in on_terminal(place, "run", file, NO_COLOR="1")[1]
    assert red in on_terminal(place, "executions", "list")[1]
    assert red not in on_terminal(place, "executions", "list", NO_COLOR="1")[1]


def test_a_dumb_terminal_gets_lines(place: Place, file: str) -> None:
    written = on_terminal(place, "run", file, TERM="dumb")[1]
    assert b"\x1b" not in written
    assert b"look: succeeded in" in written
