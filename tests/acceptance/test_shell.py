"""`shell` on the command line: allowed and said so, and gone with its engine, however that ends."""

import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from programs import Place, Program, until

SETTING = "HARMONIA_PLUGINS__TASKS__SHELL"
SAID = f"Tasks may run commands (`shell`); {SETTING}=false forbids it.\n"
FAMILY = r"""
[ -e "$GATE" ] && exit
trap '' TERM
(setsid sh -c 'echo $$ >> "$PIDS"; while :; do sleep 600; done' & wait) & echo $! >> "$PIDS"
echo $$ >> "$PIDS"
while [ $(wc -l < "$PIDS") -lt 3 ]; do sleep 0.01; done
echo . >> "$PIDS"
wait
"""
"""Three processes that ignore SIGTERM, one in a session of its own; none once the gate is open."""


def family(place: Place) -> Path:
    pids, gate = place.folder / "pids", place.folder / "gate"
    task: dict[str, Any] = {"command": FAMILY, "shell": True, "env": {"PIDS": str(pids), "GATE": str(gate)}}
    return place.define({"family": {"type": "shell", "input": task}})


def begun(place: Place, program: Program) -> list[int]:
    """Return the ids of the command's processes, once all of them run."""
    file = place.folder / "pids"

    def complete() -> bool:
        assert program.process.poll() is None, program.stderr
        return file.exists() and file.read_text().endswith(".\n")

    until(complete)
    return [int(word) for word in file.read_text().split() if word != "."]


def alive(pid: int) -> bool:
    """Tell whether a process exists, dead but not reaped included."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_killed_engine_leaves_nothing_and_recover_goes_on(place: Place) -> None:
    program = place.start("run", family(place))
    pids = begun(place, program)
    assert len(pids) == 3
    assert all(map(alive, pids))
    program.send(signal.SIGKILL)
    assert program.ended() == -signal.SIGKILL
    killed = time.monotonic()
    until(lambda: not any(map(alive, pids)))
    assert time.monotonic() - killed < 2.0
    (place.folder / "gate").touch()
    recovered = place.call("recover")
    assert recovered.process.returncode == 0, recovered.stderr
    assert recovered.stderr.count(SAID) == 1
    assert place.show(place.execution())["tasks"][0]["output"]["exit_code"] == 0


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 1), (signal.SIGTERM, 5)], ids=["cancelled", "let-go"]
)
def test_a_command_ends_with_its_execution(place: Place, number: signal.Signals, code: int) -> None:
    program = place.start("run", family(place))
    pids = begun(place, program)
    program.send(number)
    assert program.ended() == code, program.stderr
    assert not any(map(alive, pids))


def test_run_says_once_that_commands_may_run(place: Place) -> None:
    two = {"one": shell(["true"]), "items": {"type": "map", "input": {"items": [1]}, "task": shell(["true"])}}
    program = place.call("run", place.define(two))
    assert program.process.returncode == 0
    assert program.stderr.count(SAID) == 1
    assert place.call("run", place.define({"one": {"type": "noop"}})).stderr.count(SETTING) == 0


@pytest.mark.parametrize("command", ["run", "validate"])
def test_what_the_environment_says_holds(place: Place, command: str) -> None:
    file = place.define({"one": shell(["true"])})
    place.environment[SETTING] = "false"
    refused = place.call(command, file, db=command == "run")
    assert refused.process.returncode == 2
    assert "shell-not-allowed" in refused.stderr
    place.environment[SETTING] = "true"
    allowed = place.call(command, file, db=command == "run")
    assert (allowed.process.returncode, allowed.stderr.count(SETTING)) == (0, 0)


def shell(command: list[str]) -> dict[str, Any]:
    return {"type": "shell", "input": {"command": command}}
