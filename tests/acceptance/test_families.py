"""Parents and children: killed again and again, cancelled from outside, in one process and in two."""

import json
import random
import signal
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from programs import Place, Program, in_flight, task, until
from test_kill import ends, killed
from test_shell import alive

STORES = ("sqlite", "postgresql")
CHILDREN, ITEMS = 5, 3
SLEEPER = 'echo $$ >> "$PIDS"; exec sleep 600'


def sub(workflow: Any, **more: Any) -> dict[str, Any]:
    return {"type": "subworkflow", "workflow": workflow, **more}


def mark(*after: str) -> dict[str, Any]:
    return task("mark", after, args={"seconds": 0.01})


def trees(place: Place) -> tuple[Path, set[str]]:
    """Write children in a chain, each with a child, a map and a detached one; return the marks' paths."""
    tasks: dict[str, Any] = {}
    paths: set[str] = set()
    before: list[str] = []
    for number in range(CHILDREN):
        c = f"c{number}"
        deep = {"tasks": {f"{c}_deep": mark(), f"{c}_deeper": mark(f"{c}_deep")}}
        away = {"tasks": {f"{c}_away": mark(), f"{c}_gone": mark(f"{c}_away")}}
        item = {"tasks": {f"{c}_item": mark()}}
        inner = {
            f"{c}_first": mark(),
            f"{c}_child": sub(deep, depends_on=[f"{c}_first"]),
            f"{c}_items": {
                "type": "map", "depends_on": [f"{c}_first"], "input": {"range": {"stop": ITEMS}},
                "task": sub(item),
            },
            f"{c}_detached": sub(away, detach=True, depends_on=[f"{c}_first"]),
            f"{c}_last": mark(f"{c}_child", f"{c}_items"),
        }  # fmt: skip
        tasks[c] = sub({"tasks": inner}, depends_on=before)
        paths |= {f"{c}_{name}" for name in ("first", "deep", "deeper", "away", "gone", "item", "last")}
        before = [c]
    return place.define(tasks), paths


def kill_when(place: Place, program: Program, marks: int) -> None:
    """Kill a process once tasks have begun this often and it has ended one; a family takes its time."""
    before = len(ends(place))

    def reached() -> bool:
        assert program.process.poll() is None, f"ended too early:\n{program.stdout}\n{program.stderr}"
        return len(place.marks()) >= marks and len(ends(place)) > before

    until(reached, 60, f"for mark {marks}")
    killed(place, program)


def by_execution(place: Place) -> dict[str, list[tuple[int, str, dict[str, Any]]]]:
    """Return the log of each execution."""
    found: dict[str, list[tuple[int, str, dict[str, Any]]]] = {}
    rows = place.rows("SELECT execution_id, seq, type, data FROM event ORDER BY execution_id, seq")
    for key, seq, kind, data in rows:
        found.setdefault(key, []).append((seq, kind, json.loads(data)))
    return found


@pytest.mark.timeout(400)
def test_families_killed_again_and_again_complete(place: Place) -> None:
    draws = random.Random(7)
    file, paths = trees(place)
    logs, pids, program = [], [], place.start("run", file)
    # One kill in each part of the chain: an attempt that dies three times in a row is a person's business.
    for moment in [number * (6 + ITEMS) + draws.randint(2, 5) for number in range(CHILDREN)]:
        pids.append(program.process.pid)
        kill_when(place, program, max(moment, len(place.marks()) + 1))
        logs.append(by_execution(place))
        program = place.start("recover")
    pids.append(program.process.pid)
    assert program.ended(90) == 0, program.stderr
    found = by_execution(place)
    assert len(found) == 1 + CHILDREN * (3 + ITEMS)
    for key, events in found.items():
        assert [seq for seq, _, _ in events] == list(range(1, len(events) + 1))
        assert events[-1][1] == "ExecutionCompleted"
        once = Counter(data["path"] for _, kind, data in events if kind == "TaskSucceeded")
        assert max(once.values()) == 1
        assert all(log[key] == events[: len(log[key])] for log in logs if key in log)
    assert {one.path for one in place.marks()} == paths
    counts = Counter(
        data["path"] for log in found.values() for _, kind, data in log if kind == "TaskSucceeded"
    )
    assert all(counts[path] == (ITEMS if path.endswith("_item") else 1) for path in paths)
    single = {path for path in paths if not path.endswith("_item")}
    begun = [{one.path for one in place.marks() if one.pid == pid} & single for pid in pids]
    for number, log in enumerate(logs):
        earlier = set[str]().union(*begun[: number + 1])
        left = set[str]().union(*(in_flight(events) for events in log.values()))
        assert begun[number + 1] & earlier <= left, "only what was in flight runs again"
    assert place.rows("SELECT * FROM request") == []
    check = place.ask("db", "check", "--deep")
    assert check.code == 0, check.stdout


def sleeping(place: Place, file: Path, program: Program, count: int = 1) -> int:
    """Return the process of the shell task that began last, once so many have begun."""

    def begun() -> list[str]:
        assert program.process.poll() is None, program.stderr
        lines = file.read_text().split() if file.exists() else []
        return lines if len(lines) >= count else []

    return int(until(begun, about="for a shell's process")[-1])


def shell_tree(place: Place) -> tuple[Path, Path]:
    """Write a parent with a child with a child that runs a command; return it, and where pids are noted."""
    pids = place.folder / "pids"
    command = {"command": SLEEPER, "shell": True, "env": {"PIDS": str(pids)}}
    inner = {"name": "inner", "tasks": {"sleep": {"type": "shell", "input": command}}}
    return place.define({"outer": sub({"name": "middle", "tasks": {"deep": sub(inner)}})}), pids


def head(place: Place, workflow: str) -> tuple[str, str]:
    [row] = place.rows(f"SELECT execution_id, status FROM execution WHERE workflow = '{workflow}'")
    return str(row[0]), str(row[1])


def cancelled_within_a_second(place: Place, pid: int) -> None:
    """Cancel the outermost execution; its process must be gone a second after that was accepted."""
    parent, _ = head(place, "acceptance")
    place.show(parent)  # what a first command imports is no part of the second
    asked = place.ask("executions", "cancel", parent, "--no-wait")
    accepted = time.monotonic()
    assert asked.code == 0, asked.stderr
    until(lambda: not alive(pid), 1.0, "for the end of the child's process")
    assert time.monotonic() - accepted < 1.0
    names = ("acceptance", "middle", "inner")
    until(lambda: {head(place, name)[1] for name in names} == {"cancelled"})


def test_a_cancel_reaches_the_process_of_a_childs_child_within_a_second(place: Place) -> None:
    file, pids = shell_tree(place)
    program = place.start("run", file)
    cancelled_within_a_second(place, sleeping(place, pids, program))
    assert program.ended() == 1
    assert place.ask("db", "check", "--deep").code == 0


def test_a_cancel_reaches_a_child_in_another_process_within_a_second(place: Place) -> None:
    file, pids = shell_tree(place)
    program = place.start("run", file)
    first = sleeping(place, pids, program)
    other = place.start("recover", "--take-over", head(place, "inner")[0])
    second = sleeping(place, pids, other, 2)
    until(lambda: not alive(first), about="for the process that the first engine gave up")
    cancelled_within_a_second(place, second)
    assert program.ended() == 1 and other.ended() == 1
    assert place.ask("db", "check", "--deep").code == 0


def test_a_detached_child_outlives_its_parent_and_a_kill(place: Place) -> None:
    away = {"name": "away", "tasks": {"one": mark(), "two": task("hold", ["one"])}}
    program = place.start("run", place.define({"start": sub(away, detach=True), "own": mark()}))
    place.begun("two", program)
    until(lambda: "completed" in program.stderr, about="for the parent's end")
    assert program.process.poll() is None and "still run here" in program.stderr
    program.send(signal.SIGKILL)
    program.ended()
    again = place.start("recover")
    place.begun("two", again)
    place.let_through(again)
    assert again.ended() == 0, again.stderr
    child, status = head(place, "away")
    assert status == "completed" and f"{child}: completed" in again.stdout
    assert [one.path for one in place.marks()].count("one") == 1
    quiet = place.ask("recover")
    assert quiet.code == 0 and "Nothing to recover" in quiet.stdout
    assert place.ask("db", "check", "--deep").code == 0


def test_run_is_left_with_a_detached_child_at_work(place: Place) -> None:
    away = {"name": "away", "tasks": {"two": task("hold")}}
    program = place.start("run", place.define({"start": sub(away, detach=True)}))
    place.begun("two", program)
    until(lambda: "still run here" in program.stderr)
    program.send(signal.SIGINT)
    assert program.ended() == 0, "the exit code is that of what was run"
    assert "recover" in program.stderr and head(place, "away")[1] == "running"


def test_a_late_end_is_refused_and_shown(place: Place) -> None:
    slow = {"name": "slow", "tasks": {"held": task("hold")}}
    abandoned = sub(slow, total_timeout=0.3, on_cancel="abandon")
    program = place.start("run", place.define({"start": abandoned, "beside": task("hold")}))
    place.begun("held", program)
    place.begun("beside", program)
    until(lambda: any(kind == "TaskFailed" for _, kind, _ in place.events()), about="for the timeout")
    place.let_through(program)
    assert program.ended() == 1
    parent, status = head(place, "acceptance")
    assert status == "failed" and head(place, "slow")[1] == "completed"
    told = [data for _, kind, data in by_execution(place)[parent] if kind == "LateResultRefused"]
    # The parent may have come to its end first; then there is nobody left to tell.
    assert told in ([{"path": "start", "attempt": 1, "outcome": "completed"}], [])
    shown = place.ask("executions", "show", parent)
    assert head(place, "slow")[0] in shown.stdout
