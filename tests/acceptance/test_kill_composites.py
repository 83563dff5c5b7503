"""Loops, branches, items that are graphs and races, killed again and again: each side effect ends once."""

import random
from collections import Counter
from pathlib import Path

from programs import Place, in_flight
from test_kill import kill_at

ROUNDS, BRANCHES, ITEMS, KILLS = 6, 3, 4, 8


def define(place: Place) -> tuple[Path, set[str]]:
    """Write a loop whose rounds hold branches, a map of graphs and a race; return the paths of the marks."""

    mark = {"type": "python", "input": {"callable": "work:mark", "args": {"seconds": 0.01}}}

    branches = {f"b{n}": {"task": mark} for n in range(BRANCHES)}
    item = {"type": "group", "tasks": {"one": mark, "two": {**mark, "depends_on": ["one"]}}}
    race = {"quick": {"task": mark}, "slow": {"task": {"type": "wait", "input": {"duration": 900}}}}
    steps = {
        "p": {"type": "parallel", "branches": branches},
        "m": {"type": "map", "input": {"range": {"stop": ITEMS}}, "task": item},
        "r": {"type": "race", "branches": race},
    }
    rounds = [f"loop[{n}]/body" for n in range(ROUNDS)]
    paths = {f"{one}/p/b{n}" for one in rounds for n in range(BRANCHES)}
    paths |= {f"{one}/m[{n}]/{name}" for one in rounds for n in range(ITEMS) for name in ("one", "two")}
    paths |= {f"{one}/r/quick" for one in rounds}
    return place.define({"loop": {"type": "loop", "times": ROUNDS, "steps": steps}}), paths


def test_composites_killed_again_and_again_complete(place: Place) -> None:
    draws = random.Random(4)
    file, paths = define(place)
    logs, pids, program = [], [], place.start("run", file)
    for moment in sorted(draws.sample(range(1, len(paths) - 8), KILLS)):
        pids.append(program.process.pid)
        logs.append(kill_at(place, program, max(moment, len(place.marks()) + 1)))
        program = place.start("recover")
    pids.append(program.process.pid)
    assert program.ended(60) == 0, program.stderr
    events = place.events()
    assert [seq for seq, _, _ in events] == list(range(1, len(events) + 1))
    assert events[-1][1] == "ExecutionCompleted"
    ends = Counter(data["path"] for _, kind, data in events if kind == "TaskSucceeded")
    assert max(ends.values()) == 1 and paths <= set(ends)
    assert {mark.path for mark in place.marks()} == paths
    begun = [{mark.path for mark in place.marks() if mark.pid == pid} for pid in pids]
    for number, log in enumerate(logs):
        assert events[: len(log)] == log
        earlier = set[str]().union(*begun[: number + 1])
        assert begun[number + 1] & earlier <= set(in_flight(log)), "only what was in flight runs again"
    assert place.ask("db", "check", "--deep").code == 0
