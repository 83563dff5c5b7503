"""Limits over several processes that are killed: never too many at once, and nothing waits for ever."""

import json
import random
import signal
from collections import defaultdict
from typing import Any

import pytest
from limiting import DISK, FLOWS, GPU
from programs import Place, Program, until

STORES = ("sqlite", "postgresql")
COUNT, KILLS = 5, 3
MOST = {"resource:gpu": GPU, "resource:disk": DISK, "concurrency:limited": FLOWS}
LEAVES = frozenset(
    ("TaskSucceeded", "TaskFailed", "TaskSkipped", "TaskCancelled", "TaskAttention", "RetryScheduled")
)
ENDS = frozenset(("ExecutionCompleted", "ExecutionFailed", "ExecutionCancelled"))

Log = list[tuple[str, float, str, dict[str, Any]]]


def log_of(place: Place) -> Log:
    rows = place.rows("SELECT execution_id, at, type, data FROM event ORDER BY execution_id, seq")
    return [(key, at, kind, json.loads(data)) for key, at, kind, data in rows]


def peaks(log: Log) -> dict[str, int]:
    """Return how much of each limit was held at once, at most, by what the logs say."""
    wants: dict[tuple[str, str], Any] = {}
    held: dict[tuple[str, str], Any] = {}
    moves: list[tuple[float, int, str, int]] = []
    for execution_id, at, kind, data in log:
        place = execution_id, str(data.get("path", ""))
        if kind == "SlotsRequested":
            wants[place] = data["wants"]
        elif kind == "SlotsGranted":
            held[place] = wants[place]
            moves += [(at, 1, one["key"], one["units"]) for one in held[place]]
        elif kind in LEAVES or kind in ENDS:
            gone = held.pop((execution_id, "") if kind in ENDS else place, ())
            moves += [(at, 0, one["key"], -one["units"]) for one in gone]
    assert not held, "something has never given up what it held"
    now, most = defaultdict[str, int](int), defaultdict[str, int](int)
    for _, _, key, units in sorted(moves):
        now[key] += units
        most[key] = max(most[key], now[key])
    return dict(most)


def begun(place: Place, count: int) -> Program:
    program = place.script("limiting.py", count)

    def told() -> bool:
        assert program.process.poll() is None, program.stderr
        return "ready" in program.stdout

    until(told, 60, "for an engine to be ready")
    return program


def ended(place: Place) -> int:
    return int(place.rows("SELECT count(*) FROM event WHERE type = 'TaskSucceeded'")[0][0])


@pytest.mark.timeout(180)
def test_engines_killed_in_turn_keep_to_the_limits_and_lose_no_slot(place: Place) -> None:
    draws = random.Random(11)
    programs = [begun(place, COUNT), begun(place, COUNT)]
    for moment in sorted(draws.sample(range(3, COUNT * 9), KILLS)):

        def come(moment: int = moment) -> bool:
            for key, held in place.rows(
                "SELECT key, sum(units) FROM slot WHERE state IN ('held', 'leaving') GROUP BY key"
            ):
                assert held <= MOST[key]
            return ended(place) >= moment

        until(come, 40, "for tasks to end")
        victim = programs.pop(draws.randrange(len(programs)))
        victim.send(signal.SIGKILL)
        victim.ended()
        programs.insert(0, begun(place, 0))
    until(lambda: not place.rows("SELECT 1 FROM execution WHERE ended_at IS NULL"), 60, "for the ends")
    for program in programs:
        program.send(signal.SIGTERM)
        assert program.ended() == 0, program.stderr
        assert "Traceback" not in program.stderr, program.stderr
    statuses = {status for (status,) in place.rows("SELECT status FROM execution")}
    assert statuses == {"completed"}
    assert place.rows("SELECT * FROM slot") == []
    assert place.rows("SELECT * FROM request WHERE kind = 'slots'") == []
    most = peaks(log_of(place))
    assert most.keys() == MOST.keys() and all(most[key] <= MOST[key] for key in MOST), most
    assert place.ask("db", "check").code == 0
