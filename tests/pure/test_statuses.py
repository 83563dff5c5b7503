"""The transition tables: exactly what happens, no more; and the document that is made from them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from building import ASKED, BOOM, ONCE_MORE, SOME, UNDONE, Play, composite, graph, order, scope, task
from checking import agree

from harmonia_core.engine.arrivals import Fact
from harmonia_core.engine.gating import Gate
from harmonia_core.engine.recovery import lost
from harmonia_core.model import events as e
from harmonia_core.model.child import Child
from harmonia_core.model.events import Recorded
from harmonia_core.model.graph import Jump, Rule
from harmonia_core.model.state import ExecutionState
from harmonia_core.model.statuses import (
    EXECUTION_TRANSITIONS,
    FINAL_EXECUTION,
    FINAL_TASK,
    TASK_TRANSITIONS,
    ExecutionStatus,
    TaskStatus,
)
from harmonia_core.testing.state_machine import document

SEEN: set[tuple[str, str]] = set()


def watched(before: ExecutionState, recorded: Recorded, after: ExecutionState) -> None:
    SEEN.add((f"execution {before.status}", after.status))
    for node in after.graph.root.tasks:
        old, new = (state.scope.task(node.index).status for state in (before, after))
        SEEN.add((f"task {old}", new))
    for number, entry in before.undo.entries():
        SEEN.add((f"task {entry.task.status}", after.undo.entry(number).task.status))
    agree(after)


def one(*more: Any, word: Any = "fail", **fields: Any) -> Play:
    of = graph(task("t", **fields), *more, on_failure=word)
    return Play(of, {("t", "input"): {"duration": 5}}, watch=watched)


def crash(play: Play) -> None:
    play.flying.clear()
    play.arrive(Fact(e.ExecutionAdopted("other", 2)), *(Fact(event) for event in lost(play.state)))


def lives() -> None:
    """Let every transition happen that the engine knows."""
    behind = one(task("u", "t"), task("v", "t", when=SOME))
    behind.end("t")
    behind.end("u")
    behind.end("v")
    fails = one(task("u", "t"), task("w", when=SOME), task("x", "w"), task("y", type="fail", kernel=True))
    fails.fail("t")
    skips = Play(graph(task("w", when=SOME), task("x", "w")), {("w", "when"): False}, watch=watched)
    assert skips.final
    odd = Play(graph(task("w", type="wait", kernel=True, input=ASKED)), {("w", "input"): {}}, watch=watched)
    assert odd.final
    late = Play(graph(task("t", input=ASKED)), {("t", "input"): BOOM}, watch=watched)
    assert late.final
    wait = one(type="wait", kernel=True, input=ASKED)
    wait.due("t", "wait")
    again = one(retry=ONCE_MORE)
    again.fail("t")
    again.due("t", "retry")
    crash(again)
    again.end("t", "deferred")
    again.request("complete", path="t", attempt=2, output=1)
    deferred = one(retry=ONCE_MORE, timeout=5.0)
    deferred.end("t", "deferred")
    deferred.due("t", "attempt")
    deferred.request("cancel")
    twice = one(timeout=5.0)
    twice.end("t", "deferred")
    twice.due("t", "attempt")
    held = one(idempotent=False)
    crash(held)
    held.request("retry", path="t")
    for total in (False, True):
        out = one(idempotent=False, total_timeout=5.0)
        crash(out)
        out.due("t", "total") if total else out.request("cancel")
    stopped = one(task("u"))
    stopped.end("u", "deferred")
    stopped.request("cancel")
    stopped.end("t", "cancelled")
    child = one(type="subworkflow", kernel=True, child=Child("sha256:c"), total_timeout=5.0)
    child.due("t", "total")
    full = Play(graph(task("a"), task("b"), window=2), watch=watched)
    full.arrive(full.outcome("a", "cancelled"), full.requested("cancel"))
    full.end("b")

    goes_on = Play(
        graph(composite("s", inside=scope(task("a"), task("b"), order=order(Rule((Jump(1),)), Rule())))),
        watch=watched,
        roll_over_after=1,
    )
    goes_on.end("s/a")


def held_lives() -> None:
    """Let happen what a person decides about."""
    for kind in ("skip", "fail"):
        for policy in (None, ONCE_MORE):
            held = one(on_failure="hold", retry=policy)
            held.fail("t")
            held.request(kind, path="t")
            assert held.final
    one().request("skip", path="t")
    late = one(on_failure="hold", timeout=5.0)
    late.end("t", "deferred")
    late.due("t", "attempt")
    blocked = one()
    blocked.end("t", "deferred")
    blocked.request("skip", path="t")


def undone_lives() -> None:
    """Let happen what becomes of undos, and of what is undone."""
    for policy in (None, ONCE_MORE):
        undone = one(task("u", "t"), on_failure="fail", undo=replace(UNDONE, retry=policy), word="compensate")
        undone.end("t")
        undone.fail("u")
        undone.fail("t~undo")
        undone.request("done", path="t~undo")
        assert undone.final
    wanted = one(task("u", "t"), undo=UNDONE)
    wanted.end("t")
    wanted.request("undo")
    wanted.end("u", "cancelled")
    inside = scope(task("a", undo=UNDONE), task("b", "a"))
    block = composite("c", inside=inside, on_failure="compensate")
    stuck = Play(graph(block), watch=watched)
    stuck.end("c/a")
    stuck.fail("c/b")
    stuck.request("cancel")
    stuck.fail("c/a~undo")
    stuck.request("skip", path="c/a~undo")
    assert stuck.final


def steered_lives() -> None:
    """Let happen what people do with an execution as it is."""
    paused = one(task("u"))
    paused.request("pause")
    paused.request("resume")
    paused.request("pause")
    paused.request("cancel")
    held = one(idempotent=False)
    crash(held)
    held.request("pause")
    held.request("resume")
    held.request("terminate")
    given = one(task("u", "t"))
    given.request("skip", path="u", output=1)
    for before in ("noop", "pause", "cancel", "undo"):
        ended = one(task("u", "t"), undo=UNDONE)
        ended.end("t")
        ended.request(before)
        if before == "undo":
            ended.end("u", "cancelled")
        ended.request("terminate")
        assert ended.state.status is ExecutionStatus.TERMINATED


def limited_lives() -> None:
    """Let happen what becomes of executions that wait for their turn."""
    gate = Gate(frozenset({"workflow:w"}))
    for kind in ("granted", "cancel", "late"):
        play = Play(graph(task("t"), timeout=9.0), watch=watched, gate=gate)
        if kind == "late":
            play.due("", "deadline")
        elif kind == "cancel":
            play.request("cancel")
        else:
            play.request("slots", path="", seq=play.state.slots.claims[""].seq, granted=True)
            play.end("t")
        assert play.final
    for then in ("resume", "terminate"):
        play = Play(graph(task("t")), watch=watched, gate=gate)
        play.request("pause")
        play.request(then)
        play.request("terminate")
        assert play.state.status is ExecutionStatus.TERMINATED


def test_the_tables_are_exactly_what_happens() -> None:
    lives()
    limited_lives()
    held_lives()
    undone_lives()
    steered_lives()
    tables = {"execution": EXECUTION_TRANSITIONS, "task": TASK_TRANSITIONS}
    allowed = {
        (f"{name} {before}", after)
        for name, table in tables.items()
        for before, following in table.items()  # type: ignore[attr-defined]
        for after in following
    }
    happened = {(before, after) for before, after in SEEN if before.split()[1] != after}
    assert happened - allowed == set()
    assert allowed - happened == set()


def test_what_is_final_has_no_row() -> None:
    assert not FINAL_TASK & TASK_TRANSITIONS.keys() and not FINAL_EXECUTION & EXECUTION_TRANSITIONS.keys()
    assert set(TaskStatus) == FINAL_TASK | TASK_TRANSITIONS.keys()
    assert set(ExecutionStatus) == FINAL_EXECUTION | EXECUTION_TRANSITIONS.keys()


def test_the_document_is_current(root: Path) -> None:
    """Write it anew with `python -m harmonia_core.testing.state_machine > docs/state-machine.md`."""
    assert (root / "docs/state-machine.md").read_text("utf-8") == document()
