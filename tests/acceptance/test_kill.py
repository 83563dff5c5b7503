"""A workflow of 200 tasks, killed with SIGKILL again and again, and continued each time."""

import random
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from programs import Place, Program, in_flight, task, until

STORES = ("sqlite", "postgresql")

CHAIN, WIDE, KILLS = 30, 10, 8


def define(place: Place) -> tuple[Path, set[str]]:
    """Write 200 tasks: chains of 30 and fans of 10 in turn, each joined before the next."""
    tasks: dict[str, Any] = {}
    joint: list[str] = []
    while len(tasks) < 200:
        for _ in range(CHAIN):
            name = f"chain_{len(tasks)}"
            tasks[name] = task("mark", joint, args={"seconds": 0.004})
            joint = [name]
        names = [f"fan_{len(tasks) + n}" for n in range(WIDE)]
        tasks |= {name: task("mark", joint, args={"seconds": 0.012}) for name in names}
        joint = names
    return place.define(tasks), set(tasks)


def kill_at(place: Place, program: Program, marks: int) -> list[tuple[int, str, dict[str, Any]]]:
    """Kill a process once tasks have begun this often, and return the log as it was left.

    It has ended a task by then: three processes in a row that end nothing are a person's business.
    """
    before = len(ends(place))

    def reached() -> bool:
        assert program.process.poll() is None, f"ended too early:\n{program.stdout}\n{program.stderr}"
        return len(place.marks()) >= marks and len(ends(place)) > before

    until(reached, about=f"for mark {marks}")
    return killed(place, program)


def killed(place: Place, program: Program) -> list[tuple[int, str, dict[str, Any]]]:
    """Kill a process; return the log as it was left."""
    program.send(signal.SIGKILL)
    assert program.ended() == -signal.SIGKILL, program.stderr
    until(place.deserted, about="for the last commit")
    return place.events()


def check(
    place: Place, paths: set[str], logs: list[list[tuple[int, str, dict[str, Any]]]], pids: list[int]
) -> None:
    """Compare the marks of the processes with the logs that they left."""
    events = place.events()
    assert [seq for seq, _, _ in events] == list(range(1, len(events) + 1))
    ends = Counter(data["path"] for _, kind, data in events if kind == "TaskSucceeded")
    assert ends == Counter(dict.fromkeys(paths, 1))
    assert events[-1][1] == "ExecutionCompleted"
    assert sum(kind == "ExecutionAdopted" for _, kind, _ in events) == len(logs)
    lost = Counter(data["path"] for _, kind, data in events if kind == "AttemptLost")
    assert lost == sum((Counter(in_flight(log)) for log in logs), Counter())
    begun = [{mark.path for mark in place.marks() if mark.pid == pid} for pid in pids]
    for number, log in enumerate(logs):
        # The log only grows: what a kill left stands at the head of what the next one left.
        assert events[: len(log)] == log
        earlier = set[str]().union(*begun[: number + 1])
        assert begun[number + 1] & earlier <= in_flight(log)
    assert set[str]().union(*begun) == paths
    assert {mark.pid for mark in place.marks()} <= set(pids)
    assert {mark.attempt for mark in place.marks()} == {1}


def kill_and_recover(place: Place, seed: int, kills: int) -> None:
    draws = random.Random(seed)
    file, paths = define(place)
    moments = sorted(draws.sample(range(1, len(paths) - 5), kills))
    logs, pids, program = [], [], place.start("run", file)
    for moment in moments:
        pids.append(program.process.pid)
        # Every process gets at least one task further, however many ran again.
        logs.append(kill_at(place, program, max(moment, len(place.marks()) + 1)))
        program = place.start("recover")
    pids.append(program.process.pid)
    assert program.ended() == 0, program.stderr
    check(place, paths, logs, pids)


@pytest.mark.timeout(120)
def test_a_workflow_killed_again_and_again_completes(place: Place) -> None:
    """Eight times on SQLite; on PostgreSQL, where other tests kill the server as well, four times."""
    kill_and_recover(place, seed=20, kills=KILLS if place.url.startswith("sqlite") else 4)


def test_a_wide_fan_killed_again_and_again_completes(place: Place) -> None:
    """Most of it is in flight at every kill: that says nothing about any one of its tasks."""
    wide = {f"fan_{n}": task("mark", ["root"], args={"seconds": 0.03}) for n in range(198)}
    tasks = {"root": task("mark"), **wide, "end": task("hold", list(wide))}
    logs, pids, program = list[Any](), [], place.start("run", place.define(tasks))
    for _ in range(5):
        pids.append(program.process.pid)
        dozen_ended(place, len(logs), most=len(tasks) - 1)
        logs.append(killed(place, program))
        program = place.start("recover")
    pids.append(program.process.pid)
    place.let_through(program)
    assert program.ended() == 0, program.stdout + program.stderr
    check(place, set(tasks), logs, pids)
    assert (
        max(Counter(data["path"] for _, kind, data in place.events() if kind == "AttemptLost").values()) > 3
    )


def test_a_task_that_kills_its_process_stops_in_attention(place: Place) -> None:
    tasks = {f"good_{n}": task("mark", [f"good_{n - 1}"] if n else []) for n in range(3)}
    program = place.call("run", place.define({**tasks, "bad": task("die", ["good_2"])}))
    assert program.process.returncode == -signal.SIGKILL
    codes = [-signal.SIGKILL]
    while codes[-1] == -signal.SIGKILL and len(codes) < 8:
        codes.append(place.call("recover").process.returncode)
    assert codes[-1] == 1, codes
    view = place.show(place.execution())
    bad = next(one for one in view["tasks"] if one["path"] == "bad")
    assert (view["status"], bad["status"], bad["reason"]) == ("attention", "attention", "lost-repeatedly")
    assert {one["status"] for one in view["tasks"] if one is not bad} == {"succeeded"}


def ends(place: Place) -> list[tuple[Any, ...]]:
    """Return the ends in the log so far, none while there is no log."""
    return place.rows("SELECT seq FROM event WHERE type = 'TaskSucceeded'")


def dozen_ended(place: Place, adoptions: int, most: int) -> None:
    """Wait until it was adopted so often and a dozen more tasks have ended, or as many as can."""
    enough = min(len(ends(place)) + 12, most)

    def reached() -> bool:
        adopted = place.rows("SELECT seq FROM event WHERE type = 'ExecutionAdopted'")
        return len(adopted) == adoptions and len(ends(place)) >= enough

    until(reached, about="for a dozen ends")


@pytest.mark.laboratory
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(5))
def test_other_moments_complete_as_well(place: Place, seed: int) -> None:
    kill_and_recover(place, seed, kills=60)
