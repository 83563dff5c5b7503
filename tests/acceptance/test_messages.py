"""Messages and decisions from other processes: to living owners, to what nobody drives, after SIGKILL."""

import signal
from typing import Any

from programs import Place, Program, until

STORES = ("sqlite", "postgresql")
ASK = {"type": "approval", "input": {"title": "Pay?", "assignees": ["ann"]}}
WAIT = {"type": "event", "input": {"name": "paid", "correlation": "${input.order}"}}


def asking(place: Place) -> tuple[str, Program]:
    """Start a workflow that waits for a decision, and return its id."""
    program = place.start("run", place.define({"ok": ASK}, output="${tasks.ok.output.by}"), "--json")
    until(lambda: "ApprovalRequested" in kinds(place), 60, about="for the approval")
    return place.execution(), program


def kinds(place: Place) -> list[str]:
    return [kind for _, kind, _ in place.events()]


def killed(program: Program) -> None:
    program.send(signal.SIGKILL)
    assert program.ended(60) == -signal.SIGKILL


def output(program: Program) -> Any:
    return program.documents()[-1]["output"]


def test_killed_while_it_waits_it_still_waits_and_is_approved_from_another_process(place: Place) -> None:
    execution_id, program = asking(place)
    killed(program)
    recovering = place.start("recover")
    until(lambda: "ExecutionAdopted" in kinds(place), 60, about="for the adoption")
    task = place.show(execution_id)["tasks"][0]
    assert (task["status"], task["reason"], task["attempt"]) == ("blocked", "approval", 1)
    approve = place.ask("executions", "approve", execution_id, "ok", "--as", "ann", "--comment", "fine")
    assert approve.code == 0, approve.stderr
    assert recovering.ended(60) == 0, recovering.stderr
    assert place.show(execution_id)["output"] == "ann"
    assert kinds(place).count("ApprovalRequested") == 1 and "AttemptLost" not in kinds(place)


def test_what_nobody_drives_takes_the_decision_and_is_left_to_be_adopted(place: Place) -> None:
    execution_id, program = asking(place)
    killed(program)
    answer = place.ask("executions", "approve", execution_id, "ok", "--as", "ann", "--json")
    assert answer.code == 0, answer.stderr
    assert answer.documents() == [{"id": execution_id, "path": "ok", "decision": "approved", "by": "ann"}]
    view = place.show(execution_id)
    assert (view["status"], view["owner"], view["tasks"][0]["status"]) == ("running", None, "succeeded")
    again = place.ask("executions", "approve", execution_id, "ok", "--as", "ann", "--reject")
    assert again.code == 1 and "already-decided" in again.stderr
    assert place.ask("recover").code == 0
    assert place.show(execution_id)["output"] == "ann"


def test_a_message_sent_twice_to_a_living_owner_counts_once(place: Place) -> None:
    tasks = {"one": WAIT, "two": {**WAIT, "depends_on": ["one"]}}
    file = place.define(tasks, output=["${tasks.one.output.data}", "${tasks.two.output.data}"])
    program = place.start("run", file, "--input", "order=17", "--json")
    until(lambda: "MessageAwaited" in kinds(place), 60, about="for the task that waits")
    execution_id = place.execution()
    send = ("executions", "signal", execution_id, "paid", "--correlation", "17")
    for number in (1, 1):
        answer = place.ask(*send, "--id", f"m{number}", "--data", f'{{"n": {number}}}')
        assert answer.code == 0 and f"id m{number}" in answer.stdout, answer.stderr
    shown = place.ask("executions", "show", execution_id)
    assert "waits for message paid (17)" in shown.stdout
    assert place.ask("publish", "paid", "--correlation", "17", "--data", '{"n": 2}').code == 0
    assert program.ended(60) == 0, program.stderr
    assert output(program) == [{"n": 1}, {"n": 2}]
    assert kinds(place).count("MessageReceived") == 2
    assert place.rows("SELECT * FROM request") == []


def test_run_says_what_is_waited_for(place: Place) -> None:
    program = place.start("run", place.define({"ok": ASK}))
    until(lambda: "waits for approval by ann: Pay?" in program.stderr, 60, about="for the line")
    program.send(signal.SIGINT)
    assert program.ended(60) == 1 and "cancelled" in program.stderr


def test_what_cannot_be_is_refused_and_says_what_waits(place: Place) -> None:
    execution_id, program = asking(place)
    for words, code, said in (
        (("executions", "approve", execution_id, "no"), 1, "these do: ok"),
        (("executions", "approve", execution_id, "ok", "--as", "bob"), 1, "asked are ann"),
        (("executions", "approve", "nobody", "ok"), 3, "execution-not-found"),
        (("executions", "signal", "nobody", "paid"), 3, "execution-not-found"),
        (("executions", "signal", execution_id, "paid", "--data", "{"), 2, "no JSON"),
        (("executions", "signal", execution_id, "paid", "--ttl", "soon"), 2, "no duration"),
    ):
        answer = place.ask(*words)
        assert (answer.code, said in answer.stderr) == (code, True), answer.stderr
    delegate = place.ask("executions", "approve", execution_id, "ok", "--as", "ann", "--delegate-to", "bob")
    assert delegate.code == 0, delegate.stderr
    assert place.ask("executions", "approve", execution_id, "ok", "--as", "bob", "--reject").code == 0
    assert program.ended(60) == 0 and output(program) == "bob"
    late = place.ask("executions", "signal", execution_id, "paid")
    assert late.code == 1 and "already ended as completed" in late.stderr
