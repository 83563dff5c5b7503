"""Compensation from the command line: on failure, on request, with a person's decision, killed on its way."""

import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from programs import Place, in_flight, task
from test_kill import kill_at

EXAMPLE = Path(__file__).resolve().parents[2] / "examples/order-booking/order-booking.yaml"
BROKEN = {"type": "fail", "input": {"error": "no-carrier", "message": "Nobody comes."}}
COUNT, KILLS = 14, 6


def undone(undo: dict[str, Any], *after: str, **more: Any) -> dict[str, Any]:
    """Return a task that marks its attempts, with what undoes it."""
    return {**task("mark", after, **more), "compensate": undo}


MARKED = {"type": "python", "input": {"callable": "work:mark", "args": {"seconds": 0.03}}}


def test_the_example_is_undone_in_reverse(place: Place) -> None:
    ran = place.ask("run", EXAMPLE)
    assert ran.code == 1 and ran.stdout == ""
    said = [line for line in ran.stderr.splitlines() if "~undo: succeeded" in line]
    assert [line.split("~")[0] for line in said] == ["charge", "reserve"]
    assert ran.stderr.splitlines()[-1].startswith("compensated in")
    kinds = [kind for _, kind, _ in place.events()]
    assert kinds.count("UndoRecorded") == 2 and kinds[-1] == "ExecutionCompensated"
    undos = [data["path"] for _, kind, data in place.events() if kind == "TaskSucceeded"][-2:]
    assert undos == ["charge~undo", "reserve~undo"]
    shipped = place.ask("run", EXAMPLE, "--input", "carrier=post", "--json")
    assert shipped.code == 0 and shipped.documents()[-1]["output"] == {"shipment": "S-R-A-17"}


def test_killed_while_it_undoes_it_ends_compensated(place: Place) -> None:
    draws = random.Random(11)
    names = [f"t{n}" for n in range(COUNT)]
    tasks = {name: undone(MARKED, *names[max(n - 1, 0) : n]) for n, name in enumerate(names)}
    file = place.define({**tasks, "ship": {**BROKEN, "depends_on": [names[-1]]}}, on_failure="compensate")
    program, logs, pids = place.start("run", file), [], []
    for moment in sorted(draws.sample(range(COUNT + 1, 2 * COUNT), KILLS)):
        pids.append(program.process.pid)
        logs.append(kill_at(place, program, max(moment, len(place.marks()) + 1)))
        program = place.start("recover")
    assert program.ended(60) == 1, program.stderr
    events = place.events()
    assert events[-1][1] == "ExecutionCompensated"
    ends = [data["path"] for _, kind, data in events if kind == "TaskSucceeded"]
    assert ends == [*names, *(f"{name}~undo" for name in reversed(names))]
    lost = sum((Counter(in_flight(log)) for log in logs), Counter[str]())
    marks = Counter(mark.path for mark in place.marks())
    assert all(marks[path] <= 1 + lost[path] for path in ends), "only what was in flight runs again"
    assert place.ask("db", "check", "--deep").code == 0


def test_undo_reaches_the_process_that_runs_it(place: Place) -> None:
    tasks = {"a": undone(MARKED), "held": {**task("hold", ["a"])}}
    program = place.start("run", place.define(tasks))
    place.begun("held", program)
    execution = place.execution()
    asked = place.call("executions", "undo", execution, "--reason", "wrong order")
    assert (asked.code, asked.stdout) == (0, f"{execution}: compensated\n")
    assert program.ended() == 1 and "compensated in" in program.stderr
    view = place.show(execution)
    assert view["reason"] == "wrong order" and view["undo"]["ended"] == 1
    again = place.ask("executions", "cancel", execution, "--undo", "--json")
    assert (again.code, again.documents()) == (0, [{"id": execution, "status": "compensated"}])


@pytest.mark.parametrize("words", [("undo",), ("cancel", "--undo")])
def test_what_has_ended_is_not_undone_in_place(place: Place, words: tuple[str, ...]) -> None:
    place.ask("run", place.define({"a": undone(MARKED)}))
    refused = place.ask("executions", words[0], place.execution(), *words[1:])
    assert refused.code == 1 and "has already ended as completed" in refused.stderr


def test_a_person_decides_and_recover_goes_on(place: Place) -> None:
    tasks = {
        "a": undone(MARKED),
        "b": undone({"type": "fail", "input": {"error": "bank-closed"}}, "a"),
        "ship": {**BROKEN, "depends_on": ["b"]},
    }
    ran = place.ask("run", place.define(tasks, on_failure="compensate"))
    assert ran.code == 5 and "1 task must be decided on: b~undo" in ran.stderr
    execution = place.execution()
    page = place.ask("executions", "show", execution).stdout
    assert "  b~undo" in page and "attention" in page and "bank-closed" in page
    for words, code, said in (
        (("ship", "--retry"), 1, "it has ended as failed. A person must decide about: b~undo (undo-failed)."),
        (("b~undo", "--fail"), 1, "an undo cannot be given up"),
        (("b~undo", "--skip", "--done"), 2, "give exactly one of"),
        (("b~undo",), 2, "give exactly one of"),
    ):
        refused = place.ask("executions", "resolve", execution, *words)
        assert refused.code == code and said in refused.stderr, refused
    decided = place.ask("executions", "resolve", execution, "b~undo", "--done", "--comment", "by phone")
    assert decided.code == 0 and "the execution is compensating; `harmonia recover" in decided.stdout
    recovered = place.ask("recover")
    assert recovered.code == 1 and f"{execution}: compensated" in recovered.stdout
    history = place.ask("executions", "events", execution).stdout
    assert 'TaskResolved       b~undo  {"resolution":"done","comment":"by phone"}  by ' in history


def test_a_decision_reaches_a_living_process(place: Place) -> None:
    tasks = {"fragile": {**BROKEN, "on_failure": "hold"}, "held": task("hold"),
             "next": {"type": "noop", "depends_on": ["fragile", "held"]}}  # fmt: skip
    program = place.start("run", place.define(tasks))
    place.begun("held", program)
    execution = place.execution()
    decided = place.call("executions", "resolve", execution, "fragile", "--skip", "--json")
    assert decided.code == 0, decided.stderr
    assert decided.documents() == [
        {"id": execution, "path": "fragile", "resolution": "skip", "status": "running"}
    ]
    place.let_through(program)
    assert program.ended() == 0
    assert {one["path"]: one["status"] for one in place.show(execution)["tasks"]}["next"] == "succeeded"
