"""One store, several processes: requests, living owners, dead owners, signals."""

import signal
import socket
from pathlib import Path
from typing import Any

import pytest
from programs import Place, Program, task, until

STORES = ("sqlite", "postgresql")


def running(place: Place, function: str = "hold", *options: str) -> tuple[str, Program]:
    """Start a workflow that has begun its second task, and return its id."""
    file = place.define({"first": task("mark"), "held": task(function, ["first"])})
    program = place.start("run", file, *options)
    place.begun("held", program)
    return place.execution(), program


def kinds(place: Place) -> list[str]:
    return [kind for _, kind, _ in place.events()]


def gapless(place: Place) -> bool:
    seqs = [seq for seq, _, _ in place.events()]
    return seqs == list(range(1, len(seqs) + 1))


def test_a_cancel_reaches_a_running_engine(place: Place) -> None:
    execution_id, program = running(place)
    cancel = place.call("executions", "cancel", execution_id, "--reason", "enough")
    assert (cancel.process.returncode, cancel.stdout.strip()) == (0, f"{execution_id}: cancelled"), (
        cancel.stderr
    )
    assert program.ended() == 1
    assert "cancelled" in program.stderr
    assert kinds(place)[-3:] == ["CancelRequested", "TaskCancelled", "ExecutionCancelled"]
    view = place.show(execution_id)
    assert (view["status"], view["reason"], view["owner"]) == ("cancelled", "enough", None)
    assert place.stopped() == [["held", str(program.process.pid)]]
    assert place.rows("SELECT * FROM request") == []
    again = place.ask("executions", "cancel", execution_id)
    assert again.code == 0, again.stderr


def test_a_cancel_of_what_has_ended_or_never_was_is_refused(place: Place) -> None:
    place.ask("run", place.define({"one": task("mark")}))
    late = place.ask("executions", "cancel", place.execution())
    assert late.code == 1
    assert "already ended as completed" in late.stderr and "execution-finished" in late.stderr
    unknown = place.ask("executions", "cancel", "nobody")
    assert (unknown.code, "execution-not-found" in unknown.stderr) == (3, True)


def test_recover_leaves_a_living_owner_alone(place: Place) -> None:
    execution_id, program = running(place)
    before = place.events()
    other = place.call("recover")
    assert other.process.returncode == 0, other.stderr
    assert f"{execution_id}: left alone" in other.stdout and f"pid {program.process.pid}" in other.stdout
    assert place.events() == before
    place.let_through(program)
    assert program.ended() == 0
    assert "ExecutionAdopted" not in kinds(place)


def test_recover_leaves_a_stopped_owner_alone(place: Place) -> None:
    execution_id, program = running(place)
    place.freeze(program)
    other = place.ask("recover")
    assert (other.code, f"{execution_id}: left alone" in other.stdout) == (0, True)
    program.send(signal.SIGCONT)
    place.let_through(program)
    assert program.ended() == 0


def test_recover_run_twice_does_nothing_the_second_time(place: Place) -> None:
    execution_id, program = running(place)
    program.send(signal.SIGKILL)
    program.ended()
    recover = place.start("recover")
    place.begun("held", recover)
    place.let_through(recover)
    assert recover.ended() == 0, recover.stderr
    assert f"{execution_id}: completed" in recover.stdout
    after = place.events()
    second = place.ask("recover")
    assert (second.code, second.stdout) == (0, "Nothing to recover.\n"), second.stderr
    assert place.events() == after and gapless(place)


def test_one_ctrl_c_cancels_cleanly(place: Place) -> None:
    execution_id, program = running(place)
    program.send(signal.SIGINT)
    assert program.ended() == 1
    assert "Traceback" not in program.stderr
    assert place.show(execution_id)["status"] == "cancelled"
    assert place.stopped() == [["held", str(program.process.pid)]]


def test_a_second_ctrl_c_leaves_at_once_and_the_execution_is_recoverable(place: Place) -> None:
    execution_id, program = running(place, "ignore")
    program.send(signal.SIGINT)
    wait_for(place, "CancelRequested")
    program.send(signal.SIGINT)
    assert program.ended(3) == 130
    assert "harmonia recover" in program.stderr
    recover = place.ask("recover")
    assert recover.code == 1
    assert f"{execution_id}: cancelled" in recover.stdout
    assert place.show(execution_id)["status"] == "cancelled" and gapless(place)


@pytest.mark.parametrize("command", ["run", "recover"])
def test_sigterm_releases_and_another_process_goes_on(place: Place, command: str) -> None:
    execution_id, program = running(place)
    if command == "recover":
        program.send(signal.SIGKILL)
        program.ended()
        program = place.start("recover")
        place.begun("held", program)
    program.send(signal.SIGTERM)
    assert program.ended() == {"run": 5, "recover": 1}[command], program.stderr
    assert "harmonia recover" in program.stderr and "Traceback" not in program.stderr
    assert kinds(place)[-1] == "TaskScheduled"
    recover = place.start("recover")
    place.begun("held", recover)
    place.let_through(recover)
    assert recover.ended() == 0, recover.stderr
    assert place.show(execution_id)["status"] == "completed"


def test_ctrl_c_in_recover_releases_without_cancelling(place: Place) -> None:
    execution_id, program = running(place)
    program.send(signal.SIGKILL)
    program.ended()
    recover = place.start("recover")
    place.begun("held", recover)
    recover.send(signal.SIGINT)
    assert recover.ended() == 1, recover.stderr
    assert "CancelRequested" not in kinds(place)
    assert place.show(execution_id)["status"] == "running"


@pytest.mark.parametrize("function", ["hold", "ignore"])
def test_a_cancel_for_a_dead_owner_is_recorded_by_the_caller(place: Place, function: str) -> None:
    execution_id, program = running(place, function)
    program.send(signal.SIGKILL)
    program.ended()
    cancel = place.ask("executions", "cancel", execution_id)
    assert cancel.code == 0, cancel.stderr
    view = place.show(execution_id)
    assert (view["status"], view["owner"]) == ("cancelled", None)
    assert {task["path"]: task["status"] for task in view["tasks"]} == {
        "first": "succeeded",
        "held": "cancelled",
    }
    assert gapless(place) and kinds(place)[-1] == "ExecutionCancelled"
    assert len(place.marks()) == 2  # nothing was dispatched
    assert place.ask("recover").stdout == "Nothing to recover.\n"


@pytest.mark.parametrize("taken", [True, False])
def test_a_cancel_outlives_the_owner_that_was_to_carry_it_out(place: Place, taken: bool) -> None:
    """The owner dies with the request: after taking it, or while it was stopped and had not."""
    place.environment["HARMONIA_CANCEL_GRACE"] = "60"
    execution_id, program = running(place, "ignore")
    if not taken:
        place.freeze(program)
    cancel = place.start("executions", "cancel", execution_id)
    if taken:
        wait_for(place, "CancelRequested")
    else:
        until(lambda: place.rows("SELECT 1 FROM request"), about="for a request")
    assert cancel.process.poll() is None
    program.send(signal.SIGKILL)
    assert cancel.ended(10) == 0, cancel.stderr
    assert cancel.stdout.strip() == f"{execution_id}: cancelled"
    assert kinds(place).count("CancelRequested") == 1 and kinds(place)[-1] == "ExecutionCancelled"
    assert place.rows("SELECT * FROM request") == [] and gapless(place)


def test_a_cancel_that_comes_too_late_says_so(place: Place) -> None:
    execution_id, program = running(place)
    place.freeze(program)
    cancel = place.start("executions", "cancel", execution_id)
    until(lambda: place.rows("SELECT 1 FROM request"), about="for a request")
    place.let_through(program)
    program.send(signal.SIGCONT)
    # Either may come first; both know which.
    code = program.ended()
    assert cancel.ended() == {0: 1, 1: 0}[code], cancel.stderr
    if code == 0:
        assert "execution-finished" in cancel.stderr


def test_a_stopped_owner_is_reported_with_what_to_do(place: Place) -> None:
    execution_id, program = running(place)
    place.freeze(program)
    place.environment["HARMONIA_REQUEST_TIMEOUT"] = "0.3"
    cancel = place.ask("executions", "cancel", execution_id)
    assert cancel.code == 5, cancel.stderr
    [(engine_id,)] = place.rows("SELECT owner FROM execution")
    parts = (engine_id, f"pid {program.process.pid}", socket.gethostname(), f"--take-over {execution_id}")
    assert all(part in cancel.stderr for part in parts), cancel.stderr
    # The request was accepted: the owner takes it when it wakes.
    program.send(signal.SIGCONT)
    assert program.ended() == 1
    assert place.show(execution_id)["status"] == "cancelled"


def test_a_request_that_waits_is_taken_by_who_takes_over(place: Place) -> None:
    execution_id, program = running(place)
    place.freeze(program)
    accepted = place.ask("executions", "cancel", execution_id, "--no-wait")
    assert accepted.code == 0, accepted.stderr
    assert place.rows("SELECT kind FROM request") == [("cancel",)]
    taker = place.ask("recover", "--take-over", execution_id)
    assert taker.code == 1
    assert place.show(execution_id)["status"] == "cancelled"
    assert place.rows("SELECT kind FROM request") == []
    assert len(place.marks()) == 2  # the request came before any dispatch
    program.send(signal.SIGCONT)
    assert program.ended(8) == 5


def test_run_prints_its_events_as_json_lines(place: Place) -> None:
    file: Path = place.define({"one": task("mark", args={"value": 7})}, output="${tasks.one.output}")
    program = place.call("run", file, "--json")
    documents: list[dict[str, Any]] = program.documents()
    assert documents[0]["type"] == "execution" and documents[0]["id"] == place.execution()
    assert [one["seq"] for one in documents[1:-1]] == [seq for seq, _, _ in place.events()]
    assert (documents[-1]["type"], documents[-1]["status"], documents[-1]["output"]) == (
        "result",
        "completed",
        7,
    )


def wait_for(place: Place, kind: str) -> None:
    until(lambda: kind in kinds(place), about=f"for {kind}")
