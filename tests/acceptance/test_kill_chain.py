"""A loop that goes on in many logs, killed again and again: each side effect ends once, whoever goes on."""

import json
import random
from collections import Counter

from programs import Place, task
from test_kill import kill_at

ROUNDS, KILLS, LIMIT = 60, 6, 25


def test_a_chain_killed_again_and_again_completes(place: Place) -> None:
    place.environment["HARMONIA_ROLL_OVER_AFTER"] = str(LIMIT)
    draws = random.Random(44)
    mark = task("mark", args={"seconds": 0.01})
    del mark["depends_on"]
    file = place.define({"loop": {"type": "loop", "times": ROUNDS, "task": mark}})
    pids, program = [], place.start("run", file)
    for moment in sorted(draws.sample(range(2, ROUNDS - 4), KILLS)):
        pids.append(program.process.pid)
        kill_at(place, program, max(moment, len(place.marks()) + 1))
        program = place.start("recover")
    pids.append(program.process.pid)
    assert program.ended(60) == 0, program.stderr
    heads = place.rows(
        "SELECT execution_id, status, root_id, origin FROM execution ORDER BY created_at, execution_id"
    )
    first = next(row[0] for row in heads if row[3] is None)
    assert Counter(row[1] for row in heads) == {"continued": len(heads) - 1, "completed": 1}
    assert len(heads) > ROUNDS * 3 // (LIMIT + 5) and {row[2] for row in heads} == {first}
    ends = Counter(data["path"] for _, kind, data in place.events() if kind == "TaskSucceeded")
    assert max(ends.values()) == 1 and {f"loop[{n}]/body" for n in range(ROUNDS)} <= set(ends)
    begun = Counter(mark.path for mark in place.marks())
    assert set(begun) == {f"loop[{n}]/body" for n in range(ROUNDS)}
    assert sum(begun.values()) - ROUNDS <= KILLS and max(begun.values()) <= 2, (
        "only what was in flight runs again"
    )
    assert place.ask("db", "check", "--deep").code == 0
    shown = place.show(first)
    assert shown["status"] == "completed" and shown["root_id"] == first and shown["id"] != first
    [old] = [json.loads(place.ask("executions", "show", first, "--json", "--no-follow").stdout)]
    assert (old["id"], old["status"]) == (first, "continued") and old["successor"]
    assert "Nothing to recover" in place.ask("recover").stdout


def test_run_waits_for_the_end_of_the_chain(place: Place) -> None:
    place.environment["HARMONIA_ROLL_OVER_AFTER"] = str(LIMIT)
    steps = {"count": {"type": "set", "input": {"sum": "${vars.sum + index}"}}}
    file = place.define(
        {"loop": {"type": "loop", "times": 30, "steps": steps}}, vars={"sum": 0}, output="${vars.sum}"
    )
    program = place.call("run", file)
    assert (program.code, program.stdout) == (0, f"{sum(range(30))}\n")
    assert "goes on in execution" in program.stderr and "completed in" in program.stderr
    program = place.call("run", file, "--json")
    documents = program.documents()
    assert documents[-1]["status"] == "completed" and documents[-1]["output"] == sum(range(30))
    first = documents[0]["id"]
    assert documents[-1]["id"] != first
    told = [one["type"] for one in documents if one.get("execution_id") == first]
    assert told[-1] == "ExecutionRolledOver"
    said = place.ask("executions", "show", first).stdout
    assert f"the first was {first}" in said and "completed" in said
    lines = place.ask("executions", "events", first, "--json").documents()
    assert (lines[0]["execution_id"], lines[-1]["type"]) == (first, "ExecutionCompleted")
