"""`harmonia executions logs`: what tasks said, beside processes that run, ended or were killed."""

import json
import signal
import time
from typing import Any

import pytest
from programs import Place, Program, task, until

NOTHING = "01a00000-0000-7000-8000-000000000000"
WINDOW = 0.5
"""Seconds that an entry waits for others before it is written."""
SLOW = 2.0
"""Seconds that a busy machine may need for what takes no time."""


def logs(place: Place, *options: str | int) -> list[dict[str, Any]]:
    answer = place.ask("executions", "logs", place.execution(), "--json", *map(str, options))
    assert answer.code == 0, answer.stderr
    return answer.documents()


def texts(place: Place, *options: str | int) -> list[str]:
    return [one["text"] for one in logs(place, *options)]


def stored(place: Place) -> list[tuple[Any, ...]]:
    """Return (position, path, text) of what is in the store, in order."""
    rows = place.rows("SELECT position, path, data FROM activity ORDER BY position")
    return [(position, path, json.loads(data).get("text", "")) for position, path, data in rows]


def test_everything_said_is_there_when_run_returns(place: Place) -> None:
    tasks = {"a": task("speak"), "b": task("speak", ["a"], args={"lines": 2})}
    assert place.call("run", place.define(tasks)).process.returncode == 0
    every = texts(place)
    a, b = ["line 0", "line 1", "line 2", "all said", "printed"], ["line 0", "line 1", "all said", "printed"]
    assert every == a + b
    assert texts(place, "--task", "b") == b
    assert texts(place, "--level", "warning") == ["line 1", "line 1"]
    assert texts(place, "--limit", 3) == every[-3:]
    after = logs(place)[1]["position"]
    assert texts(place, "--after", after, "--limit", 2) == every[2:4]
    assert texts(place, "--follow") == every and texts(place, "--follow", "--limit", 2) == every[-2:]
    first = logs(place)[0]
    assert (first["path"], first["attempt"], first["kind"], first["level"]) == ("a", 1, "log", "info")
    assert first["fields"] == {"number": 0}
    plain = place.call("executions", "logs", place.execution(), "--after", "0", "--limit", "2")
    lines = plain.stdout.splitlines()
    assert len(lines) == 2 and lines[1].split()[1:] == ["a", "warning", "line", "1", "number=1"]
    assert plain.stderr == f"More: --after {after}\n"


def test_an_unknown_execution_and_a_silent_one(place: Place) -> None:
    assert place.ask("run", place.define({"a": {"type": "noop"}})).code == 0
    unknown = place.ask("executions", "logs", NOTHING)
    assert (unknown.code, unknown.stdout) == (3, "")
    silent = place.ask("executions", "logs", place.execution())
    assert (silent.code, silent.stdout, silent.stderr) == (0, "", "No entries.\n")
    wrong = place.ask("executions", "logs", place.execution(), "--level", "loud")
    assert wrong.code == 2 and "debug" in wrong.stderr


def test_another_process_follows_until_the_end(place: Place) -> None:
    program = place.start("run", place.define({"a": task("speak", args={"then": "hold"}), "b": task("mark")}))
    place.begun("a", program)
    viewer = place.start("executions", "logs", place.execution(), "--follow", "--json")
    until(lambda: "printed" in viewer.stdout, about="for what was said so far")
    assert viewer.process.poll() is None
    place.let_through(program)
    assert program.ended() == 0 and viewer.ended() == 0, viewer.stderr
    assert [one["text"] for one in viewer.documents()] == [
        "line 0",
        "line 1",
        "line 2",
        "all said",
        "printed",
    ]


def killed(place: Place, program: Program) -> float:
    moment = time.time()
    program.send(signal.SIGKILL)
    program.ended()
    return moment


def test_a_kill_loses_no_more_than_what_was_just_said(place: Place) -> None:
    program = place.start("run", place.define({"a": task("speak", args={"lines": 10_000, "seconds": 0.005})}))
    until(lambda: len(stored(place)) > 100, about="for a hundred stored lines")
    moment = killed(place, program)
    numbers = {int(text.split()[1]) for _, _, text in stored(place) if text.startswith("line")}
    assert numbers == set(range(len(numbers)))
    said = [line.split() for line in (place.folder / "stopped").read_text().splitlines()]
    lost = [float(at) for number, at in said if int(number) not in numbers]
    assert all(at > moment - WINDOW - SLOW for at in lost)


def test_recovery_goes_on_behind_what_was_said_before(place: Place) -> None:
    program = place.start("run", place.define({"a": task("speak", args={"then": "hold"})}))
    place.begun("a", program)
    until(lambda: len(stored(place)) == 5, about="for what was said")
    before = stored(place)
    killed(place, program)
    recovered = place.start("recover")
    place.begun("a", recovered)
    place.let_through(recovered)
    assert recovered.ended() == 0, recovered.stderr
    every = stored(place)
    assert every[:5] == before and [text for _, _, text in every[5:]] == [text for _, _, text in before]


@pytest.mark.parametrize("keep", [0, 50])
def test_settings_bound_what_is_stored(place: Place, keep: int) -> None:
    place.environment["HARMONIA_ACTIVITY_KEEP"] = str(keep)
    assert place.call("run", place.define({"a": task("speak", args={"lines": 700})})).process.returncode == 0
    assert len(stored(place)) == keep
    assert texts(place)[-3:] == (["line 699", "all said", "printed"] if keep else [])
