"""Composites on graphs by hand: scopes inside tasks, the cursor of a sequence, races, blocks begun anew."""

import pytest
from building import (
    ASKED,
    BOOM,
    ONCE_MORE,
    SOME,
    Play,
    composite,
    each,
    graph,
    mapped,
    order,
    scope,
    task,
    types,
)

from harmonia_core.model.events import StepEntered, VariablesSet
from harmonia_core.model.graph import Catch, Jump, Rule
from harmonia_core.model.snapshot import dump, load
from harmonia_core.model.statuses import ExecutionStatus

THEN = Rule((Jump(1),)), Rule()


def kept(play: Play) -> None:
    """Assert that a snapshot holds the state whole."""
    assert load(play.graph, dump(play.state)) == play.state


def test_a_graph_inside_a_task_runs_by_its_own_dependencies() -> None:
    play = Play(graph(composite("c", inside=scope(task("a"), task("b", "a"), task("z"))), task("after", "c")))
    assert set(play.flying) == {"c/a", "c/z"}
    kept(play)
    play.end("c/a", output=1)
    assert set(play.flying) == {"c/z", "c/b"}
    play.end("c/b")
    assert play.task("c").status == "running"
    play.end("c/z")
    assert play.task("c").status == "succeeded" and set(play.flying) == {"after"}
    assert play.task("c/a").output == 1
    play.end("after")
    assert play.state.status is ExecutionStatus.COMPLETED
    kept(play)


def test_a_composite_fails_with_its_first_error_once_the_others_have_ended() -> None:
    play = Play(graph(composite("c", inside=scope(task("a"), task("b", "a"), task("z"))), task("after", "c")))
    play.fail("c/a", code="first")
    assert play.task("c").status == "running"
    assert play.task("c/b").status == "unreachable" and play.task("c/b").reason == "c/a"
    play.fail("c/z", code="second")
    assert play.task("c").error is not None and play.task("c").error.code == "first"
    assert play.statuses() == {"c": "failed", "after": "unreachable"}
    assert play.state.failed == ("c",)


def test_scopes_nest_and_their_items_too() -> None:
    inner = scope(task("x"), task("y", "x"))
    item = each(scope=inner, kernel=True)
    play = Play(
        graph(composite("c", inside=scope(mapped("m", item=item)))), {("c/m", "input"): {"items": [1, 2]}}
    )
    assert set(play.flying) == {"c/m[0]/x", "c/m[1]/x"}
    play.end("c/m[1]/x")
    kept(play)
    play.end("c/m[1]/y")
    assert play.state.task("c/m[1]") is None
    play.end("c/m[0]/x")
    play.end("c/m[0]/y")
    assert play.final and play.statuses() == {"c": "succeeded"}


def test_a_sequence_goes_step_by_step_and_ends_with_the_output_of_the_last() -> None:
    inside = scope(task("a"), task("b"), order=order(*THEN))
    play = Play(graph(composite("s", inside=inside)))
    assert set(play.flying) == {"s/a"}
    play.end("s/a", output=1)
    assert set(play.flying) == {"s/b"}
    kept(play)
    play.end("s/b", output=2)
    assert play.final and play.task("s").output == 2


def test_jumps_are_chosen_by_their_conditions() -> None:
    ways = (Jump(2, SOME), Jump(1, SOME), Jump(None))
    inside = scope(task("a"), task("b"), task("c"), order=order(Rule(ways), Rule(), Rule()))
    for answer, entered in ((0, {"s/c"}), (1, {"s/b"}), (None, set())):
        play = Play(graph(composite("s", inside=inside)), {("s/a", "then"): answer})
        play.end("s/a")
        assert set(play.flying) == entered
        assert play.final is not bool(entered)


def test_a_jump_whose_condition_cannot_be_judged_fails() -> None:
    inside = scope(task("a"), task("b"), order=order(Rule((Jump(1, SOME),)), Rule()))
    play = Play(graph(composite("s", inside=inside)), {("s/a", "then"): BOOM})
    play.end("s/a")
    assert play.statuses() == {"s": "failed"} and play.task("s").error == BOOM


def test_nothing_is_entered_if_no_condition_holds() -> None:
    inside = scope(task("a"), order=order(Rule(), enter=(Jump(0, SOME),)))
    play = Play(graph(composite("s", inside=inside)), {("s", "enter"): None})
    assert play.final and play.task("s").output is None and play.task("s").status == "succeeded"


def test_a_jump_back_is_a_new_iteration_with_paths_of_its_own() -> None:
    again = order(Rule((Jump(1),)), Rule((Jump(0, SOME),)), limit=5)
    inside = scope(task("a"), task("b"), order=again, repeats=True)
    play = Play(graph(composite("s", inside=inside)), {("s[0]/b", "then"): 0, ("s[1]/b", "then"): None})
    play.end("s[0]/a", output="old")
    play.end("s[0]/b")
    assert set(play.flying) == {"s[1]/a"} and play.state.task("s[0]/a") is None
    assert play.task("s[1]/b").status == "waiting"
    kept(play)
    [late] = play.arrive(play.outcome("s[0]/b", attempt=1))
    assert type(late).__name__ == "LateResultRefused"
    play.end("s[1]/a")
    play.end("s[1]/b", output="new")
    assert play.final and play.task("s").output == "new"
    assert [e.iteration for r in play.log if isinstance(e := r.event, StepEntered)] == [0, 0, 1, 1]


def test_steps_before_the_one_jumped_back_to_keep_what_they_did() -> None:
    again = order(Rule((Jump(1),)), Rule((Jump(1, SOME),)), limit=5)
    inside = scope(task("a"), task("b"), order=again, repeats=True)
    play = Play(graph(composite("s", inside=inside)), {("s[0]/b", "then"): 0, ("s[1]/b", "then"): None})
    play.end("s[0]/a", output="kept")
    play.end("s[0]/b")
    assert play.task("s[1]/a").output == "kept"


def test_a_loop_has_a_limit_that_is_an_error() -> None:
    inside = scope(task("a"), order=order(Rule((Jump(0),)), limit=3), repeats=True)
    play = Play(graph(composite("s", inside=inside)))
    for number in range(3):
        play.end(f"s[{number}]/a")
    error = play.task("s").error
    assert error is not None and error.code == "iterations-exceeded" and "3 iterations" in error.message


@pytest.mark.parametrize("times", [1, 3])
def test_a_counted_loop_ends_by_its_count(times: int) -> None:
    inside = scope(task("a"), order=order(Rule((Jump(0),)), counted=True), repeats=True)
    play = Play(graph(composite("s", inside=inside, input=ASKED)), {("s", "input"): {"times": times}})
    for number in range(times):
        play.end(f"s[{number}]/a", output=number)
    assert play.final and play.task("s").output == times - 1


def test_an_error_is_caught_by_its_class_and_handled() -> None:
    ways = (Catch(1, ("timeout",)), Catch(2, ("boom",), name="problem"))
    inside = scope(
        task("a"),
        task("b"),
        task("c"),
        order=order(Rule(caught=ways), Rule(), Rule()),
        vars={"problem": None},
    )
    play = Play(graph(composite("t", inside=inside)))
    play.fail("t/a")
    assert set(play.flying) == {"t/c"}
    inner = play.task("t").inside
    assert inner is not None and inner.error is not None and inner.error.code == "boom"
    assert inner.vars["problem"]["code"] == "boom"
    kept(play)
    play.end("t/c", output="mended")
    assert play.statuses() == {"t": "succeeded"} and play.task("t").output == "mended"
    assert play.state.failed == () and play.state.status is ExecutionStatus.COMPLETED


def test_an_error_that_nobody_catches_fails_the_sequence() -> None:
    inside = scope(task("a"), task("b"), order=order(Rule(caught=(Catch(1, ("timeout",)),)), Rule()))
    play = Play(graph(composite("t", inside=inside)))
    play.fail("t/a")
    assert play.statuses() == {"t": "failed"} and play.task("t").error == BOOM


@pytest.mark.parametrize("fails", [False, True])
def test_the_last_step_is_carried_out_whatever_happened(fails: bool) -> None:
    inside = scope(task("a"), task("f"), order=order(Rule(), Rule(), last=1))
    play = Play(graph(composite("t", inside=inside)))
    play.end("t/a", "failed" if fails else "succeeded", **({} if fails else {"output": 7}))
    assert set(play.flying) == {"t/f"}
    play.end("t/f", output="done")
    assert play.statuses() == {"t": "failed" if fails else "succeeded"}
    assert (play.task("t").error == BOOM) is fails and play.task("t").output == (None if fails else 7)


def test_a_last_step_that_fails_is_how_the_sequence_ends() -> None:
    inside = scope(task("a"), task("f"), order=order(Rule(), Rule(), last=1))
    play = Play(graph(composite("t", inside=inside)))
    play.end("t/a")
    play.fail("t/f", code="worse")
    assert play.task("t").error is not None and play.task("t").error.code == "worse"


def test_a_race_is_won_by_the_first_and_the_others_are_cancelled() -> None:
    inside = scope(task("a"), task("b"), task("w", type="wait", kernel=True, input=ASKED), enough=1)
    play = Play(graph(composite("r", inside=inside), task("after", "r")), {("r/w", "input"): {"duration": 5}})
    assert types(play.end("r/b", output="b"))[:2] == ["TaskSucceeded", "ScopeStopped"]
    assert play.task("r/w").status == "cancelled" and play.task("r").status == "running"
    kept(play)
    play.end("r/a", "cancelled")
    assert play.task("r").status == "succeeded" and play.task("r").output == "b"
    assert play.task("r/a").status == "cancelled" and set(play.flying) == {"after"}
    assert play.timers == {}


def test_a_race_goes_on_behind_failures_and_fails_if_all_do() -> None:
    inside = scope(task("a"), task("b"), enough=1)
    play = Play(graph(composite("r", inside=inside)))
    play.fail("r/a", code="first")
    assert play.task("r").status == "running"
    play.fail("r/b", code="second")
    assert play.task("r").error is not None and play.task("r").error.code == "first"


def test_a_race_may_want_more_than_one() -> None:
    inside = scope(task("a"), task("b"), task("c"), enough=2)
    play = Play(graph(composite("r", inside=inside)))
    play.end("r/c")
    assert play.task("r").status == "running" and set(play.flying) == {"r/a", "r/b"}
    assert types(play.end("r/a"))[:2] == ["TaskSucceeded", "ScopeStopped"]
    play.end("r/b", "cancelled")
    assert play.task("r").status == "succeeded"


def test_a_race_that_too_few_end_well_is_lost() -> None:
    inside = scope(task("a"), task("b", when=SOME), enough=2)
    play = Play(graph(composite("r", inside=inside)), {("r/b", "when"): False})
    play.end("r/a")
    assert play.task("r").error is not None and play.task("r").error.code == "not-enough"


def test_a_loser_that_fails_or_succeeds_late_changes_nothing() -> None:
    inside = scope(task("a", retry=ONCE_MORE), task("b", retry=ONCE_MORE), enough=1)
    play = Play(graph(composite("r", inside=inside)))
    play.end("r/b", output="b")
    play.end("r/a", "failed", error=BOOM)
    assert play.attempts("r/a") == [1] and play.task("r").output == "b"


def test_a_block_is_begun_anew_by_its_policy() -> None:
    inside = scope(task("a"), task("b"), order=order(*THEN), repeats=True)
    play = Play(graph(composite("t", inside=inside, retry=ONCE_MORE)))
    play.end("t[0]/a")
    play.fail("t[0]/b")
    assert play.task("t").status == "backoff" and ("t", "retry") in play.timers
    kept(play)
    play.due("t", "retry")
    assert set(play.flying) == {"t[1]/a"} and play.task("t").attempt == 2
    play.end("t[1]/a")
    play.fail("t[1]/b")
    assert play.statuses() == {"t": "failed"}


def test_a_composite_that_is_out_of_time_ends_what_runs_first() -> None:
    inside = scope(task("a"), task("b", "a"), task("w", type="wait", kernel=True, input=ASKED))
    play = Play(graph(composite("c", inside=inside, total_timeout=5.0)), {("c/w", "input"): {"duration": 50}})
    play.due("c", "total")
    assert play.task("c/w").status == "cancelled" and play.task("c").status == "running"
    play.end("c/a", "cancelled")
    assert play.statuses() == {"c": "failed"}
    assert play.task("c").error is not None and play.task("c").error.code == "total-timeout"


def test_a_cancel_reaches_every_level() -> None:
    inner = scope(task("x"), order=order(Rule()))
    play = Play(graph(composite("c", inside=scope(composite("s", inside=inner), task("a")))))
    play.request("cancel")
    assert not play.final
    play.end("c/a", "cancelled")
    play.end("c/s/x", "cancelled")
    assert play.state.status is ExecutionStatus.CANCELLED
    assert types(r.event for r in play.log)[-4:] == [
        "TaskCancelled",
        "TaskCancelled",
        "TaskCancelled",
        "ExecutionCancelled",
    ]


def test_what_is_in_attention_inside_holds_the_execution() -> None:
    play = Play(graph(composite("c", inside=scope(task("a", idempotent=False)))))
    from harmonia_core.engine.arrivals import Fact
    from harmonia_core.model.events import AttemptLost

    play.arrive(Fact(AttemptLost("c/a", 1)))
    assert play.state.status is ExecutionStatus.ATTENTION and play.state.scope.held == 1
    kept(play)
    play.request("retry", path="c/a")
    assert play.state.status is ExecutionStatus.RUNNING
    play.due("c/a", "retry")
    play.end("c/a")
    assert play.final and play.state.scope.held == 0


def test_variables_belong_to_the_scope_that_declares_them() -> None:
    setting = task("set", type="set", kernel=True, input=ASKED)
    inside = scope(setting, vars={"n": 1})
    play = Play(graph(composite("c", inside=inside)), {("c/set", "input"): {"n": 2, "root": 3}})
    events = [e for r in play.log if isinstance(e := r.event, VariablesSet)]
    assert events == [VariablesSet("c", {"n": 2}), VariablesSet("", {"root": 3})]
    inner = play.task("c").inside
    assert inner is not None and inner.vars == {"n": 2} and play.state.vars == {"root": 3}
    kept(play)
