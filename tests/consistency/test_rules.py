"""Each rule lets a good history pass and finds what is wrong with a bad one."""

from collections.abc import Callable

import pytest
from anomalies import report
from checker import check
from told_histories import Told, scheduled, succeeded

Tale = Callable[[Told], None]
START = {"workflow": "flow", "key": "k", "input": 1}


def good(told: Told) -> None:
    """Tell of everything that may happen."""
    start = told.done("start", {"execution": "x"}, **START)
    told.done("start", {"execution": "x", "changed": False}, **START)
    told.done("start", "key-reused", "fail", **{**START, "input": 2})
    told.invoke("start", **{**START, "key": "other"})
    told.effect("a", units={"gpu": 1})
    message = told.done("signal", "m", execution="x", message_id="m")
    told.done("signal", "late", execution="x", message_id="late")
    told.read("running", 4)
    pause = told.done("pause", {"execution": "x"}, execution="x")
    resume = told.done("resume", {"execution": "x"}, execution="x")
    told.done("resume", {"execution": "x", "changed": False}, execution="x")
    told.effect("b", ends=False)
    told.note("fault", fault="kill", engine="e")
    told.effect("b")
    told.read("completed", 16, output=1)
    told.read("completed", 16, output=1, client="d")
    told.done("cancel", "execution-finished", "fail", execution="x")
    told.log("x", ("ExecutionStarted", {}, start), scheduled("a"))
    told.log("x", ("MessageReceived", {"message_id": "m"}, message), succeeded("a"))
    told.log("x", ("ExecutionPaused", {}, pause), ("ExecutionResumed", {}, resume))
    told.log("x", ("MessageTaken", {"message_ids": ["m"]}), ("Asked", {"id": "q"}), ("Answered", {"id": "q"}))
    told.log("x", scheduled("b"), ("ExecutionAdopted", {}), ("AttemptLost", {"path": "b", "attempt": 1}))
    told.log("x", scheduled("b"), succeeded("b"), ("LateResultRefused", {"path": "b"}))
    told.log("x", "ExecutionCompleted", labels={"key": "flow k"})


def told(tale: Tale) -> list[tuple[str, str]]:
    """Return rule and report of what is found in the good history and what a tale adds."""
    history = Told(limits={"gpu": 2}, secrets=["open-sesame"], pending=[["x", "late"]])
    good(history)
    tale(history)
    found = check(history.history)
    return [(one.rule, report(history.history, [one])) for one in found]


def test_a_good_history_passes() -> None:
    assert told(lambda t: None) == []


def test_an_empty_history_passes() -> None:
    assert check(Told().history) == []


def two_for_a_key(t: Told) -> None:
    op = t.done("start", {"execution": "y"}, **START)
    t.log("y", ("ExecutionStarted", {}, op), "ExecutionCompleted")


def key_for_another_request(t: Told) -> None:
    t.done("start", {"execution": "x", "changed": False}, **{**START, "input": 2})


def two_in_the_store(t: Told) -> None:
    t.log("y", "ExecutionStarted", "ExecutionCompleted", labels={"key": "flow k"})


def final_moves(t: Told) -> None:
    t.read("cancelled", 16)


def output_changes(t: Told) -> None:
    t.read("completed", 16, output=2)


def store_says_otherwise(t: Told) -> None:
    op = t.done("start", {"execution": "y"}, workflow="flow", key=None, input=1)
    t.read("failed", 2, "y")
    t.log("y", ("ExecutionStarted", {}, op), "ExecutionCancelled", status="cancelled")


def goes_back(t: Told) -> None:
    t.read("running", 9, "y")
    t.read("running", 8, "y")
    t.log("y", *["ExecutionStarted"] * 8, "ExecutionCompleted")


def goes_back_for_another(t: Told) -> None:
    t.read("running", 9, "y")
    t.read("running", 8, "y", client="d")
    t.log("y", *["ExecutionStarted"] * 8, "ExecutionCompleted")


def failed_acts(t: Told) -> None:
    op = t.done("cancel", "execution-finished", "fail", execution="y")
    t.log("y", "ExecutionStarted", ("CancelRequested", {}, op), "ExecutionCancelled", status="cancelled")


def acknowledged_in_vain(t: Told) -> None:
    t.done("pause", {"execution": "x"}, execution="x")


def half_done(t: Told) -> None:
    op = t.invoke("terminate", execution="y")
    t.log("y", "ExecutionStarted", ("TaskCancelled", {"path": "a"}, op), "ExecutionCompleted")


def done_twice(t: Told) -> None:
    op = t.done("pause", {"execution": "y"}, execution="y")
    t.log("y", "ExecutionStarted", *[("ExecutionPaused", {}, op), "ExecutionResumed"] * 2)
    t.log("y", "ExecutionCompleted")


def message_lost(t: Told) -> None:
    t.done("signal", "n", execution="x", message_id="n")


def message_taken_twice(t: Told) -> None:
    t.log("y", "ExecutionStarted", ("MessageReceived", {"message_id": "n"}))
    t.log("y", *[("MessageTaken", {"message_ids": ["n"]})] * 2, "ExecutionCompleted")


def message_from_nowhere(t: Told) -> None:
    t.log("y", "ExecutionStarted", ("MessageTaken", {"message_ids": ["n"]}), "ExecutionCompleted")


def never_ends(t: Told) -> None:
    op = t.done("start", {"execution": "y"}, workflow="flow", key=None, input=1)
    t.log("y", ("ExecutionStarted", {}, op), status="running")


def accepted_and_gone(t: Told) -> None:
    t.done("rerun", {"execution": "y"}, origin="x")
    t.log("z", ("ExecutionForked", {}, "c-20"), "ExecutionCompleted")


def effect_unknown(t: Told) -> None:
    t.effect("c")


def effect_too_often(t: Told) -> None:
    t.effect("a")


def scheduled_again(t: Told) -> None:
    t.effect("c", execution="y")
    t.effect("c", execution="y")
    t.log("y", "ExecutionStarted", scheduled("c"), scheduled("c"), succeeded("c"), "ExecutionCompleted")


def too_many_at_once(t: Told) -> None:
    for path in "cde":
        t.effect(path, execution="y", ends=False, units={"gpu": 1})
    t.log("y", "ExecutionStarted", *map(scheduled, "cde"), "ExecutionCompleted")


def too_many_granted(t: Told) -> None:
    wants = [{"key": "resource:gpu", "units": 1}]
    t.log("y", "ExecutionStarted", *[("SlotsRequested", {"path": path, "wants": wants}) for path in "cde"])
    t.log("y", *[("SlotsGranted", {"path": path}) for path in "cde"], "ExecutionCompleted")


def begun_in_a_pause(t: Told) -> None:
    op = t.done("pause", {"execution": "y"}, execution="y")
    t.effect("c", execution="y")
    t.done("resume", {"execution": "y", "changed": False}, execution="y")
    t.log("y", "ExecutionStarted", ("ExecutionPaused", {}, op), scheduled("c"), "ExecutionResumed")
    t.log("y", "ExecutionCompleted")


def gap(t: Told) -> None:
    t.log("y", "ExecutionStarted", ("TaskScheduled", {"seq": 3}), "ExecutionCompleted")


def behind_the_end(t: Told) -> None:
    t.log("x", ("LateResultRefused", {"path": "a"}))


def head_differs(t: Told) -> None:
    t.log("y", "ExecutionStarted", "ExecutionCompleted", status="failed")


def task_ends_twice(t: Told) -> None:
    t.log("y", "ExecutionStarted", scheduled("a"), succeeded("a"), succeeded("a"), "ExecutionCompleted")


def completes_though_cancelled(t: Told) -> None:
    t.log("y", "ExecutionStarted", "CancelRequested", "ExecutionCompleted")


CHILD = {"parent_id": "x", "parent_path": "c", "parent_attempt": 1}


def twins(t: Told) -> None:
    t.log("y", ("ExecutionStarted", CHILD), "ExecutionCompleted", parent="x")
    t.log("z", ("ExecutionStarted", CHILD), "ExecutionCompleted", parent="x")


def unasked_child(t: Told) -> None:
    t.log("y", ("ExecutionStarted", CHILD), "ExecutionCompleted", parent="x")


def answered_twice(t: Told) -> None:
    t.log("y", "ExecutionStarted", ("Asked", {"id": "q"}), *[("Answered", {"id": "q"})] * 2)
    t.log("y", "ExecutionCompleted")


def undone_in_order(t: Told) -> None:
    recorded = [("UndoRecorded", {"path": path, "number": n}) for n, path in enumerate("ab", 1)]
    t.log("y", "ExecutionStarted", *recorded, scheduled("a~undo"), scheduled("b~undo"))
    t.log("y", "ExecutionCompensated", status="compensated")


def secret_told(t: Told) -> None:
    t.log("y", "ExecutionStarted", ("TaskSucceeded", {"path": "a", "output": "it is open-sesame"}))
    t.log("y", "ExecutionCompleted")


BAD: list[tuple[Tale, str]] = [
    (two_for_a_key, "one execution per key"),
    (key_for_another_request, "one execution per key"),
    (two_in_the_store, "one execution per key"),
    (final_moves, "final states are final"),
    (output_changes, "final states are final"),
    (store_says_otherwise, "final states are final"),
    (goes_back, "reads are monotonic"),
    (goes_back_for_another, "reads are monotonic"),
    (failed_acts, "a failed operation has no effect"),
    (acknowledged_in_vain, "what is acknowledged is recorded"),
    (half_done, "an operation happens whole or not at all"),
    (done_twice, "an operation happens once"),
    (message_lost, "no accepted message is lost"),
    (message_taken_twice, "no accepted message is lost"),
    (message_from_nowhere, "no accepted message is lost"),
    (never_ends, "every accepted execution ends"),
    (accepted_and_gone, "every accepted execution ends"),
    (effect_unknown, "effects are visible in the history"),
    (effect_too_often, "effects are visible in the history"),
    (scheduled_again, "effects are visible in the history"),
    (too_many_at_once, "running is within the limit"),
    (too_many_granted, "running is within the limit"),
    (begun_in_a_pause, "a pause takes effect"),
    (gap, "logs are whole"),
    (behind_the_end, "final states are final"),
    (head_differs, "final states are final"),
    (task_ends_twice, "final states are final"),
    (completes_though_cancelled, "cancelled is not completed"),
    (twins, "children are started once"),
    (unasked_child, "children are started once"),
    (answered_twice, "questions are answered once"),
    (undone_in_order, "undone in reverse order"),
    (secret_told, "secrets are not recorded"),
]


@pytest.mark.parametrize(("tale", "rule"), BAD, ids=[tale.__name__ for tale, _ in BAD])
def test_a_bad_history_is_found(tale: Tale, rule: str) -> None:
    found = told(tale)
    assert rule in [name for name, _ in found], found
    # Who breaks one promise may break another by the same deed, but none that has nothing to do with it.
    assert len({name for name, _ in found}) <= 2, found


def test_what_the_store_itself_finds_is_told() -> None:
    found = check(Told(problems=["x: task row differs"]).history)
    assert [(one.rule, one.what) for one in found] == [
        ("the store holds what its logs say", "x: task row differs")
    ]


def test_a_report_shows_who_took_part_and_where_in_the_log() -> None:
    (text,) = (text for _, text in told(completes_though_cancelled))
    assert text.splitlines() == [
        "1. cancelled is not completed: y was being cancelled, and has completed",
        "   log of y (flow, completed):",
        "         1 ExecutionStarted",
        "   >     2 CancelRequested",
        "   >     3 ExecutionCompleted",
    ]
    ((_, text), *_) = told(final_moves)
    assert 'read {"execution": "x"} ok -> {"id": "x", "status": "cancelled"' in text
