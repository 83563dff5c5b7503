"""Why something does not go on, one situation after the other: what blocks it, since when, and what helps."""

from typing import Any

import pytest
from building import ASKED, BOOM, ONCE_MORE, UNDONE, Play, composite, each, graph, mapped, order, scope, task

from harmonia_core.engine import explain_survey
from harmonia_core.engine.arrivals import Due, Fact
from harmonia_core.engine.explain import explain_state
from harmonia_core.engine.explain_causes import Cause, cause_view, gathered, ordered
from harmonia_core.engine.recovery import lost
from harmonia_core.model import events as e
from harmonia_core.model.child import Child
from harmonia_core.model.graph import Catch, Jump, Rule
from harmonia_core.model.outcomes import ErrorInfo
from harmonia_core.model.statuses import TaskStatus

SECRET = ErrorInfo("validation", "secret-missing", "There is no secret 'key'.", retryable=False)
CIRCUIT = ErrorInfo("connection", "circuit-open", "Calls failed.", details={"origin": "https://api.example"})


def why(play: Play, path: str | None = None) -> list[Cause]:
    """Return the causes as they are told."""
    return ordered(gathered(explain_state(play.state, path)))


def root(play: Play, path: str | None = None) -> Cause:
    """Return what is told first."""
    return why(play, path)[0]


def codes(play: Play, path: str | None = None) -> list[str]:
    return [one.code for one in why(play, path)]


def chain(cause: Cause) -> list[str]:
    return [step.path for step in cause.chain]


def wait(id: str, *after: str) -> Any:
    return task(id, *after, type="wait", kernel=True, input=ASKED)


def test_a_task_that_waits_is_explained_down_to_the_timer() -> None:
    of = graph(wait("cool"), task("pack", "cool"), task("ship", "pack"))
    play = Play(of, {("cool", "input"): {"duration": 60}})
    found = why(play, "ship")
    assert [one.code for one in found] == ["timer-running", "dependency-open"]
    assert chain(found[0]) == ["ship", "pack", "cool"]
    assert [step.status for step in found[0].chain] == ["waiting", "waiting", "blocked"]
    assert (found[0].path, found[0].since, found[0].until) == ("cool", 0.0, 60.0)
    assert found[0].help == ("harmonia executions resolve x cool --skip",)
    assert (found[1].blocking["path"], found[1].blocking["status"]) == ("pack", "waiting")


def test_the_root_is_found_across_composites_and_maps() -> None:
    inner = scope(wait("nap"), task("then", "nap"))
    each_of = each("composite", kernel=True, scope=inner)
    outer = scope(mapped("rows", item=each_of), task("sum", "rows"))
    play = Play(
        graph(composite("block", inside=outer), task("end", "block")),
        {("block/rows", "input"): {"items": [1, 2]}, ("block/rows[]/nap", "input"): {"duration": 9}},
    )
    found = why(play, "end")
    assert [chain(one) for one in found if one.code == "timer-running"] == [
        ["end", "block", "block/rows[0]/nap"],
        ["end", "block", "block/rows[1]/nap"],
    ]
    assert chain(root(play, "block/rows[1]/then")) == ["block/rows[1]/then", "block/rows[1]/nap"]


def test_a_task_inside_what_has_not_begun_waits_for_what_that_waits_for() -> None:
    play = Play(graph(task("first"), composite("block", "first", inside=scope(task("inner")))))
    assert codes(play, "block/inner") == ["attempt-running", "dependency-open", "not-begun"]
    assert chain(root(play, "block/inner")) == ["block/inner", "block", "first"]


def test_since_when_a_task_waits_is_when_the_last_of_its_dependencies_ended() -> None:
    play = Play(graph(task("a"), task("b"), task("c", "a", "b")))
    play.now = 7.0
    play.end("a")
    behind = why(play, "c")[-1]
    assert (behind.code, behind.since, behind.blocking["paths"]) == ("dependency-open", 7.0, ["b"])


def test_a_full_window_of_a_graph_names_who_fills_it() -> None:
    play = Play(graph(*(task(name) for name in "abcd"), window=2))
    full = next(one for one in why(play) if one.code == "window-full")
    assert (full.path, full.many, full.paths) == ("c", 2, ("c", "d"))
    assert full.blocking == {"kind": "window", "of": None, "size": 2, "filled": 2, "by": ["a", "b"]}
    found = why(play, "d")
    assert [(one.code, one.path) for one in found] == [
        ("attempt-running", "a"), ("attempt-running", "b"), ("window-full", "d"),
    ]  # fmt: skip
    assert chain(found[0]) == ["d", "a"]


def test_a_retry_that_is_due_waits_for_room_like_everybody() -> None:
    of = graph(task("c", "g"), task("d", "g"), task("g"), task("a", retry=ONCE_MORE), window=2)
    play = Play(of)
    play.fail("a")
    play.now = 10.0
    play.arrive(play.outcome("g"), Due("a", "retry", 0.0))
    assert (play.task("a").status, set(play.flying)) == (TaskStatus.READY, {"c", "d"})
    assert [(one.code, one.path) for one in why(play)][-1] == ("window-full", "a")
    assert codes(play, "a") == ["attempt-running", "attempt-running", "window-full"]


def test_a_map_of_ten_thousand_items_is_explained_by_its_counters(monkeypatch: pytest.MonkeyPatch) -> None:
    play = Play(graph(mapped("m", window=100)), {("m", "input"): {"items": list(range(10_000))}})
    looked: list[str] = []
    seen = explain_survey.cause_of
    monkeypatch.setattr(explain_survey, "cause_of", lambda *given: (looked.append(given[2]), seen(*given))[1])
    running, full = why(play)
    assert (running.code, full.code) == ("attempt-running", "window-full")
    assert (full.blocking["of"], full.many, full.paths[0]) == ("m", 9_900, "m[100]")
    assert (running.many, len(running.paths)) == (100, 5)
    assert len(looked) == 100
    assert why(play, "m[5000]")[-1].blocking["by"] == [f"m[{n}]" for n in range(5)]


def test_an_item_that_has_ended_says_how() -> None:
    play = Play(graph(mapped("m", window=1)), {("m", "input"): {"items": [1, 2]}})
    play.end("m[0]")
    assert (codes(play, "m[0]"), root(play, "m[0]").message) == (["ended"], "Item 0 has ended as succeeded.")


def test_many_in_the_same_situation_are_one_cause() -> None:
    names = [f"t{n}" for n in range(40)]
    play = Play(
        graph(*(wait(name) for name in names)),
        {(name, "input"): {"duration": 5 + n} for n, name in enumerate(names)},
    )
    [cause] = why(play)
    assert (cause.code, cause.many, cause.paths, cause.until) == ("timer-running", 40, tuple(names[:5]), 5.0)
    view = cause_view(cause)
    assert (view["count"], view["paths"]) == (40, names[:5])


def test_a_running_attempt_is_nothing_wrong() -> None:
    play = Play(graph(task("a", timeout=30.0, retry=ONCE_MORE)))
    cause = root(play)
    assert (cause.code, cause.needs, cause.since, cause.until) == ("attempt-running", "nothing", 0.0, 30.0)
    assert cause.message == "Attempt 1 of 2 is at work."


def test_a_backoff_says_which_attempt_failed_and_why() -> None:
    play = Play(graph(task("a", retry=ONCE_MORE)))
    play.fail("a")
    cause = root(play)
    assert (cause.code, cause.until, cause.help) == (
        "retry-backoff", 10.0, ("harmonia executions resolve x a --retry",),
    )  # fmt: skip
    assert cause.blocking == {
        "kind": "retry",
        "attempt": 1,
        "max_attempts": 2,
        "error": {"code": "boom", "message": "It broke."},
    }


def test_an_open_circuit_names_the_host() -> None:
    play = Play(graph(task("a", retry=ONCE_MORE)))
    play.end("a", "failed", error=CIRCUIT)
    cause = root(play)
    assert (cause.code, cause.blocking["host"], cause.until) == ("circuit-open", "https://api.example", 10.0)


def test_a_message_that_is_awaited_and_one_with_another_correlation() -> None:
    of = graph(task("pay", type="event", kernel=True, input=ASKED))
    play = Play(of, {("pay", "input"): {"name": "paid", "correlation": 17}})
    assert root(play).blocking["near"] == []
    play.request("message", id="m", name="paid", correlation=18, data=None)
    cause = root(play)
    assert (cause.code, cause.since) == ("event-awaited", 0.0)
    assert cause.blocking["messages"] == [{"name": "paid", "correlation": 17}]
    assert [one["correlation"] for one in cause.blocking["near"]] == [18]
    assert "another correlation: 18" in cause.message
    assert cause.help == ("harmonia executions signal x paid --correlation 17",)


def test_an_approval_says_who_decides_until_when() -> None:
    of = graph(task("ok", type="approval", kernel=True, input=ASKED))
    wish = {
        "title": "Pay?",
        "assignees": ["ann", "bob"],
        "deadline": 90,
        "escalation": {"after": 5, "to": ["eve"]},
    }
    play = Play(of, {("ok", "input"): wish})
    cause = root(play)
    assert (cause.code, cause.until, cause.help) == (
        "approval-open", 90.0, ("harmonia executions approve x ok --as ann",),
    )  # fmt: skip
    assert (cause.blocking["assignees"], cause.blocking["escalate_to"]) == (["ann", "bob"], ["eve"])
    assert cause.message == "Waits for ann or bob to decide: Pay?"


def test_a_deferred_attempt_waits_for_its_token() -> None:
    play = Play(graph(task("a", timeout=50.0)))
    play.end("a", "deferred")
    cause = root(play)
    assert (cause.code, cause.needs, cause.until) == ("attempt-deferred", "outside", 50.0)


def test_attempts_that_are_lost_wait_for_a_person() -> None:
    play = Play(graph(task("a", idempotent=False)))
    play.flying.clear()
    play.arrive(Fact(e.ExecutionAdopted("other", 2)), *(Fact(event) for event in lost(play.state)))
    cause = root(play)
    assert (cause.code, cause.needs) == ("attention-lost", "person")
    assert cause.help[0] == "harmonia executions resolve x a --retry"


def test_an_attempt_that_kills_its_process_again_and_again_waits_for_a_person() -> None:
    play = Play(graph(task("a")))
    for epoch in range(2, 6):
        play.flying.clear()
        play.arrive(Fact(e.ExecutionAdopted("other", epoch)), *(Fact(event) for event in lost(play.state)))
    assert codes(play) == ["attention-lost-repeatedly"]


def test_a_failure_that_is_held_waits_for_a_person() -> None:
    play = Play(graph(task("a", on_failure="hold"), task("b", "a")))
    play.fail("a")
    cause = root(play, "b")
    assert (cause.code, cause.path, chain(cause)) == ("attention-failed", "a", ["b", "a"])
    assert cause.blocking["error"] == {"code": "boom", "message": "It broke."}


def test_a_secret_that_is_missing_is_named() -> None:
    play = Play(graph(task("a", on_failure="hold")))
    play.end("a", "failed", error=SECRET)
    assert (root(play).code, "'key'" in root(play).message) == ("secret-missing", True)


def test_what_is_undone_and_what_cannot_be() -> None:
    of = graph(task("a", undo=UNDONE), task("b", "a"), on_failure="compensate")
    play = Play(of)
    play.end("a")
    play.fail("b")
    found = why(play)
    assert [(one.code, one.path) for one in found] == [("attempt-running", "a~undo"), ("compensating", "")]
    assert found[1].blocking == {"kind": "undo", "of": None, "left": 1, "by": ["a~undo"]}
    play.fail("a~undo")
    cause = root(play, "a~undo")
    assert (cause.code, cause.path) == ("undo-failed", "a~undo")
    assert "harmonia executions resolve x a~undo --done" in {line.replace("'", "") for line in cause.help}


def test_an_execution_that_is_cancelled_names_the_attempt_that_does_not_answer() -> None:
    play = Play(graph(task("a"), task("b", "a")))
    play.request("cancel", reason="enough")
    found = why(play)
    assert [(one.code, one.path) for one in found] == [("attempt-not-stopping", "a"), ("cancelling", "")]
    assert found[1].blocking["reason"] == "enough"
    assert "cancelling" in codes(play, "b")


def test_a_slow_question_is_at_work() -> None:
    play = Play(graph(task("a", input=ASKED), task("b", "a")), slow=[("a", "input")])
    assert (root(play).code, root(play).blocking["place"]) == ("question-open", "input")
    assert chain(root(play, "b")) == ["b", "a"]


def test_a_step_that_is_not_reached_names_the_one_that_is_carried_out() -> None:
    steps = scope(
        task("one"), task("two"), order=order(Rule((Jump(1),), (Catch(None),)), Rule()),
    )  # fmt: skip
    play = Play(graph(composite("seq", inside=steps)))
    found = why(play, "seq/two")
    assert [(one.code, one.path) for one in found] == [
        ("attempt-running", "seq/one"), ("step-not-reached", "seq/two"),
    ]  # fmt: skip
    assert chain(found[0]) == ["seq/two", "seq/one"] and found[1].blocking["path"] == "seq/one"


def test_the_child_that_a_task_waits_for_is_named() -> None:
    node = {"type": "subworkflow", "kernel": True, "child": Child(definition_hash="sha256:c")}
    play = Play(graph(task("sub", **node), task("next", "sub")))
    cause = root(play, "next")
    assert (cause.code, cause.blocking["kind"], chain(cause)) == ("child-open", "execution", ["next", "sub"])
    assert cause.help == (f"harmonia executions explain {play.task('sub').child}",)


def test_what_has_ended_says_how_and_with_which_error() -> None:
    play = Play(graph(task("a"), task("b", "a"), task("c", "b")))
    play.fail("a")
    assert play.final
    [cause] = why(play)
    assert cause.code == "ended" and cause.blocking["error"]["code"] == "boom"
    assert cause.message == "It has ended as failed: boom: It broke."


def test_a_task_that_cannot_be_reached_leads_to_the_failure() -> None:
    play = Play(graph(task("a"), task("b", "a"), task("c", "b"), task("d")))
    play.fail("a")
    [cause] = why(play, "c")
    assert (cause.code, chain(cause)) == ("ended", ["c", "b", "a"])
    assert "boom: It broke." in cause.message


def test_a_deadline_is_told_last() -> None:
    play = Play(graph(task("a"), timeout=40.0))
    assert (codes(play), why(play)[-1].until) == (["attempt-running", "deadline-running"], 40.0)


def test_a_path_that_is_no_task_is_refused() -> None:
    play = Play(graph(task("a")))
    for path in ("b", "a/b", "a[x]"):
        with pytest.raises((KeyError, ValueError)):
            explain_state(play.state, path)


def test_who_has_to_do_something_comes_first() -> None:
    of = graph(task("run"), wait("nap"), task("held", on_failure="hold"), task("all", "run", "nap", "held"))
    play = Play(of, {("nap", "input"): {"duration": 5}})
    play.end("held", "failed", error=BOOM)
    assert codes(play, "all") == ["attention-failed", "timer-running", "attempt-running", "dependency-open"]


def test_a_pause_is_told_first_and_what_is_at_work_behind_it() -> None:
    play = Play(graph(task("a"), task("b", "a")))
    play.now = 3.0
    play.request("pause", timers="run", reason="maintenance")
    assert codes(play) == ["paused", "attempt-running", "dependency-open"]
    play.end("a")
    for path in (None, "b"):
        found = why(play, path)
        assert (found[0].code, found[0].since, found[0].help) == (
            "paused", 3.0, ("harmonia executions resume x",),
        )  # fmt: skip
        assert "(maintenance)" in found[0].message
    assert why(play)[0].paths == ("b",)


def test_time_that_stands_still_has_no_end_and_something_left() -> None:
    play = Play(graph(wait("nap")), {("nap", "input"): {"duration": 60}})
    play.now = 10.0
    play.request("pause", timers="hold")
    pause, nap = why(play)
    assert (pause.code, pause.blocking["timers"]) == ("paused", "hold")
    assert (nap.code, nap.until, nap.blocking["held_for"]) == ("timer-running", None, 50.0)
