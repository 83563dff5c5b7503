"""`run --key`: one execution, however many processes ask for it, and whichever of them die."""

import json
import signal
from pathlib import Path

from programs import Place, Program, task, until

STORES = ("sqlite", "postgresql")
SLOWLY = 60.0
"""Seconds that several processes may take to start at once."""


def ids(place: Place) -> set[str]:
    return {row[0] for row in place.rows("SELECT execution_id FROM execution")}


def result(program: Program) -> dict[str, object]:
    found = [one for one in program.documents() if one.get("type") == "result"]
    assert len(found) == 1, program.stderr
    return found[0]


def keyed(place: Place, file: Path | str, key: str = "order 7", *more: str) -> Program:
    return place.start("run", file, "--key", key, "--json", *more)


def test_processes_that_start_at_once_with_one_key_make_one_execution(place: Place) -> None:
    file = place.define({"one": task("hold"), "two": task("mark", ["one"])})
    place.ask("executions", "list")
    programs = [keyed(place, file) for _ in range(3)]
    begun = until(place.marks, SLOWLY, about="for a task to begin")
    [winner] = [one for one in programs if one.process.pid == begun[0].pid]
    others = [one for one in programs if one is not winner]
    until(lambda: all("existing: key 'order 7'" in one.stderr for one in others), SLOWLY, "for the others")
    assert ids(place) == {place.execution()}
    place.let_through(winner)
    assert [one.ended(SLOWLY) for one in programs] == [0] * 3
    ends = [result(one) for one in programs]
    assert {end["id"] for end in ends} == ids(place)
    assert {end["status"] for end in ends} == {"completed"}
    assert sorted(bool(end.get("existing")) for end in ends) == [False, True, True]
    assert len(place.marks()) == 2
    assert [kind for _, kind, _ in place.events()].count("ExecutionStarted") == 1


def test_a_process_killed_right_after_the_commit_is_gone_on_with(place: Place) -> None:
    file = place.define({"one": task("hold"), "two": task("mark", ["one"])})
    first = keyed(place, file)
    until(lambda: ids(place), SLOWLY, "for an execution")
    execution_id = place.execution()
    first.send(signal.SIGKILL)
    first.ended()
    until(place.deserted, about="for the server to notice")
    second = keyed(place, file)
    pid = second.process.pid
    until(lambda: pid in [mark.pid for mark in place.marks()], SLOWLY, "for the second")
    place.let_through(second)
    assert second.ended(SLOWLY) == 0, second.stderr
    end = result(second)
    assert (end["id"], end["existing"], end["status"]) == (execution_id, True, "completed")
    assert ids(place) == {execution_id}
    third = place.ask("run", file, "--key", "order 7")
    assert third.code == 0 and f"stands for execution {execution_id}" in third.stderr
    assert ids(place) == {execution_id}


def test_a_key_outlives_its_pruned_execution_and_another_request_is_refused(place: Place) -> None:
    file = place.define({"one": {"type": "noop"}})
    assert place.ask("run", file, "--key", "k", "--input", "n=1").code == 0
    execution_id = place.execution()
    refused = place.ask("run", file, "--key", "k", "--input", "n=2", "--json")
    assert refused.code == 2
    error = json.loads(refused.stdout)["error"]
    assert (error["code"], error["execution_id"]) == ("key-reused", execution_id)
    assert place.ask("db", "prune", "--keep", "0").code == 0
    assert ids(place) == set()
    again = place.ask("run", file, "--key", "k", "--input", "n=1")
    assert again.code == 3 and execution_id in again.stderr and "execution-not-found" in again.stderr
    assert ids(place) == set()
    assert place.ask("db", "check").code == 0


def test_an_interrupt_leaves_what_an_earlier_run_began(place: Place) -> None:
    file = place.define({"one": task("hold")})
    first = keyed(place, file)
    until(place.marks, SLOWLY, "for the first")
    second = keyed(place, file)
    until(lambda: "existing: key" in second.stderr, SLOWLY, "for the second")
    second.send(signal.SIGINT)
    assert second.ended(SLOWLY) == 5, second.stderr
    place.let_through(first)
    assert first.ended(SLOWLY) == 0, first.stderr
    assert result(first)["status"] == "completed"
