"""Executions begun from others through the command line: re-run after a kill, upgraded while paused."""

import json
import signal
from pathlib import Path

from programs import Place, task

MARK = {"type": "python", "input": {"callable": "work:mark"}}


def named(place: Place, name: str, tasks: dict[str, object], **more: object) -> Path:
    """Write a definition into a file of its own."""
    path = place.folder / name
    path.write_text(json.dumps({"name": "acceptance", "tasks": tasks, **more}))
    return path


def newest(place: Place) -> str:
    """Return the execution that was begun last."""
    (row,) = place.rows("SELECT execution_id FROM execution ORDER BY execution_id DESC LIMIT 1")
    return str(row[0])


def test_a_rerun_that_is_killed_goes_on_and_nothing_reused_runs_again(place: Place) -> None:
    tasks = {
        "a": task("mark"),
        "each": {"type": "map", "depends_on": ["a"], "input": {"range": {"stop": 3}}, "task": MARK},
        "bad": {"type": "fail", "depends_on": ["each"], "input": {"error": "no", "message": "No."}},
    }
    file = place.define(tasks)
    assert place.call("run", file).code == 1
    first = place.execution()
    mended = {**tasks, "bad": task("hold", ["each"]), "last": task("mark", ["bad"])}
    better = named(place, "better.json", mended, version="1.1.0")
    planned = place.ask("executions", "rerun", first, "--version", better, "--dry-run")
    assert planned.code == 0 and "Nothing was begun." in planned.stdout, planned.stderr
    program = place.start("executions", "rerun", first, "--version", better, "--comment", "mended")
    place.begun("bad", program)
    program.send(signal.SIGKILL)
    program.ended()
    second = newest(place)
    assert second != first and place.show(second)["origin"]["kind"] == "rerun"
    place.let_through()
    again = place.start("recover")
    place.begun("bad", again)
    place.let_through(again)
    assert again.ended() == 0, again.stderr
    assert place.show(second)["status"] == "completed"
    paths = [mark.path for mark in place.marks()]
    assert sorted(paths) == ["a", "bad", "bad", "each[0]", "each[1]", "each[2]", "last"]
    assert place.show(first)["status"] == "failed"
    tree = place.ask("executions", "lineage", second)
    assert [line.split()[0] for line in tree.stdout.splitlines()] == [first, "└─"] and second in tree.stdout
    assert place.ask("db", "check", "--deep").code == 0


def test_a_paused_execution_is_upgraded_to_a_version_with_a_task_inserted(place: Place) -> None:
    waits = {"type": "wait", "depends_on": ["a"], "input": {"duration": 900}}
    old = place.define({"a": task("mark"), "held": waits, "b": task("mark", ["held"])}, version="1.0.0")
    program = place.start("run", old)
    place.begun("a", program)
    execution = place.execution()
    assert place.call("executions", "pause", execution).code == 0
    program.send(signal.SIGKILL)
    program.ended()
    other = named(place, "other.json", {"a": task("mark"), "b": task("mark")}, version="2.0.0")
    refused = place.ask("executions", "upgrade", execution, other)
    assert refused.code == 2 and refused.stderr.startswith("held: "), refused.stderr
    assert place.show(execution)["status"] == "paused"
    tasks = {"a": task("mark"), "held": {**waits, "input": {"duration": 0}}, "extra": task("mark", ["held"])}
    new = named(place, "new.json", {**tasks, "b": task("mark", ["extra"])}, version="1.1.0")
    upgraded = place.call("executions", "upgrade", execution, new)
    assert upgraded.code == 0, upgraded.stderr
    shown, after = place.show(execution), newest(place)
    assert (shown["status"], shown["reason"], shown["upgraded_to"]) == ("terminated", "upgraded", after)
    assert place.show(after)["workflow"]["version"] == "1.1.0"
    assert [mark.path for mark in place.marks()] == ["a", "extra", "b"]
    assert place.call("executions", "upgrade", execution, new).code == 1
    assert place.ask("db", "check", "--deep").code == 0
