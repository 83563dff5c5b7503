"""What is undone, when, and in which order; and what a person can decide about it."""

from dataclasses import replace
from typing import Any

from building import (
    ASKED,
    BOOM,
    ONCE_MORE,
    SOME,
    UNDONE,
    Play,
    composite,
    each,
    graph,
    mapped,
    order,
    scope,
    task,
)
from pytest import mark

from harmonia_core.engine.arrivals import Fact
from harmonia_core.engine.evolve import fold
from harmonia_core.engine.questions import open_questions
from harmonia_core.engine.recovery import lost
from harmonia_core.engine.resolving import open_decisions, refusal
from harmonia_core.model import events as e
from harmonia_core.model.events import Event
from harmonia_core.model.graph import Jump, Rule
from harmonia_core.model.outcomes import ErrorInfo
from harmonia_core.model.statuses import ExecutionStatus, TaskStatus
from harmonia_core.model.undo import ENTRIES_OF_A_PAGE

MISSING = ErrorInfo("expression", "path-missing", "There is no such path.", retryable=False)
ASKING = replace(UNDONE, input=ASKED)


def chain(*names: str, last: str = "z", word: Any = "compensate", undo: Any = UNDONE, **more: Any) -> Play:
    """Return a play of tasks one after the other that can be undone, and a last one that cannot."""
    tasks = [task(name, *names[max(n - 1, 0) : n], undo=undo) for n, name in enumerate(names)]
    answers = more.pop("answers", {})
    slow = more.pop("slow", ())
    play = Play(graph(*tasks, task(last, *names[-1:]), on_failure=word, **more), answers, slow=slow)
    return play


def begun(play: Play) -> list[str]:
    """Return the paths of the undos in the order in which they began."""
    events = (recorded.event for recorded in play.log)
    return [e_.path for e_ in events if isinstance(e_, e.TaskScheduled) and e_.path.endswith("~undo")]


def kinds(events: list[Event]) -> list[str]:
    return [type(event).__name__ for event in events]


def crash(play: Play) -> None:
    play.flying.clear()
    play.arrive(Fact(e.ExecutionAdopted("other", 2)), *(Fact(event) for event in lost(play.state)))


class TestTheExecution:
    def test_a_failure_undoes_the_last_first_and_one_at_a_time(self) -> None:
        play = chain("a", "b", "c")
        for name in ("a", "b", "c"):
            assert kinds(play.end(name))[:2] == ["TaskSucceeded", "UndoRecorded"]
        play.fail("z")
        assert play.state.status is ExecutionStatus.COMPENSATING
        for name in ("c", "b", "a"):
            assert list(play.flying) == [f"{name}~undo"]
            play.end(f"{name}~undo")
        assert play.state.status is ExecutionStatus.COMPENSATED
        assert play.state.error == BOOM and play.state.failed == ("z",)
        assert play.log[-1].event == e.ExecutionCompensated(BOOM, ("z",))

    def test_order_is_that_of_completion_not_of_definition(self) -> None:
        of = graph(
            task("a", undo=UNDONE), task("b", undo=UNDONE), task("z", "a", "b"), on_failure="compensate"
        )
        play = Play(of)
        play.end("b")
        play.end("a")
        play.fail("z")
        play.end("a~undo")
        play.end("b~undo")
        assert begun(play) == ["a~undo", "b~undo"] and play.final

    def test_without_the_word_a_failure_undoes_nothing(self) -> None:
        play = chain("a", word="fail")
        play.end("a")
        play.fail("z")
        assert play.state.status is ExecutionStatus.FAILED and not begun(play)

    def test_what_had_nothing_to_undo_is_failed(self) -> None:
        play = chain("a")
        play.fail("a")
        assert play.state.status is ExecutionStatus.FAILED

    def test_success_undoes_nothing(self) -> None:
        play = chain("a")
        play.end("a")
        play.end("z")
        assert play.state.status is ExecutionStatus.COMPLETED and play.state.undo.standing == 1

    def test_the_input_of_an_undo_is_that_of_the_moment_of_success(self) -> None:
        play = chain("a", undo=ASKING, answers={("a", "undo"): {"n": 1}})
        play.end("a")
        play.evaluator.answers["a", "undo"] = {"n": 2}
        play.fail("z")
        scheduled = play.log[-1].event
        assert isinstance(scheduled, e.TaskScheduled) and scheduled.input == {"n": 1}

    def test_a_slow_question_holds_everything_back_until_it_is_answered(self) -> None:
        play = chain("a", "b", undo=ASKING, slow=[("a", "undo")])
        assert kinds(play.end("a")) == ["TaskSucceeded", "Asked"]
        assert not play.flying and dict(open_questions(play.state)) == play.slow
        crash(play)
        assert not play.flying, "an adopter waits for it, too"
        assert kinds(play.answer("a", "undo")) == ["Answered", "UndoRecorded", "TaskScheduled"]
        assert not play.state.answers and not play.state.undo.owed

    def test_two_that_succeed_at_once_are_numbered_in_their_order_though_the_first_is_slow(self) -> None:
        of = graph(task("a", undo=ASKING), task("b", undo=ASKING), on_failure="compensate")
        play = Play(of, slow=[("a", "undo")])
        assert kinds(play.arrive(play.outcome("a"), play.outcome("b"))).count("UndoRecorded") == 0
        recorded = [event for event in play.answer("a", "undo") if isinstance(event, e.UndoRecorded)]
        assert [(event.path, event.number) for event in recorded] == [("a", 1), ("b", 2)]

    def test_the_deadline_undoes_and_does_not_end_what_undoes(self) -> None:
        play = chain("a", timeout=60.0)
        play.end("a")
        play.due("", "deadline")
        play.end("z", "cancelled")
        assert play.state.status is ExecutionStatus.COMPENSATING
        play.end("a~undo")
        assert play.state.status is ExecutionStatus.COMPENSATED
        assert play.state.error is not None and play.state.error.code == "execution-timeout"

    def test_a_deadline_that_strikes_while_it_undoes_changes_nothing(self) -> None:
        play = chain("a", timeout=60.0)
        play.end("a")
        play.fail("z")
        play.due("", "deadline")
        assert list(play.flying) == ["a~undo"]
        play.end("a~undo")
        assert play.state.error == BOOM and play.state.status is ExecutionStatus.COMPENSATED

    def test_an_output_that_cannot_be_made_undoes(self) -> None:
        of = graph(task("a", undo=UNDONE), on_failure="compensate", output=ASKED)
        play = Play(of, {("", "output"): MISSING})
        play.end("a")
        play.end("a~undo")
        assert play.state.error == MISSING and play.state.status is ExecutionStatus.COMPENSATED

    def test_a_kernel_task_is_undone_and_undoes_at_once(self) -> None:
        noop = replace(UNDONE, type="noop", kernel=True)
        of = graph(
            task("a", type="noop", kernel=True, undo=noop),
            task("z", "a", type="fail", kernel=True),
            on_failure="compensate",
        )
        play = Play(of)
        assert play.state.status is ExecutionStatus.COMPENSATED and len(play.batches) == 1

    def test_entries_fill_pages(self) -> None:
        width = ENTRIES_OF_A_PAGE + 3
        names = [f"t{n}" for n in range(width)]
        play = Play(graph(*(task(name, undo=UNDONE) for name in names), task("z"), on_failure="compensate"))
        for name in names:
            play.end(name)
        play.fail("z")
        for name in reversed(names):
            play.end(f"{name}~undo")
        assert play.final and begun(play) == [f"{name}~undo" for name in reversed(names)]
        assert play.state.task("t0~undo") is not None and play.state.undo.length == width


class TestUndos:
    def test_an_undo_is_tried_again_by_its_own_policy(self) -> None:
        play = chain("a", undo=replace(UNDONE, retry=ONCE_MORE))
        play.end("a")
        play.fail("z")
        assert kinds(play.fail("a~undo")) == ["RetryScheduled"]
        play.due("a~undo", "retry")
        play.end("a~undo")
        assert play.attempts("a~undo") == [1, 2] and play.state.status is ExecutionStatus.COMPENSATED

    def test_one_that_fails_for_good_needs_a_person_and_the_rest_waits(self) -> None:
        play = chain("a", "b")
        play.end("a")
        play.end("b")
        play.fail("z")
        failed = play.fail("b~undo", code="no-refund")
        assert isinstance(failed[0], e.TaskAttention) and failed[0].reason == "undo-failed"
        assert failed[0].error is not None and failed[0].error.code == "no-refund"
        assert play.state.status is ExecutionStatus.ATTENTION and not play.flying
        assert open_decisions(play.state) == {"b~undo": "undo-failed"}

    @mark.parametrize(
        ("kind", "status"),
        [("done", TaskStatus.SUCCEEDED), ("skip", TaskStatus.SKIPPED), ("retry", TaskStatus.BACKOFF)],
    )
    def test_a_person_lets_it_go_on(self, kind: str, status: TaskStatus) -> None:
        play = chain("a", "b")
        play.end("a")
        play.end("b")
        play.fail("z")
        play.fail("b~undo")
        play.request(kind, path="b~undo", comment="by hand")
        assert play.task("b~undo").status is status
        assert e.TaskResolved("b~undo", kind, "by hand") in [recorded.event for recorded in play.log]  # type: ignore[arg-type]
        if kind == "retry":
            play.due("b~undo", "retry")
            play.end("b~undo")
        play.end("a~undo")
        assert play.state.status is ExecutionStatus.COMPENSATED

    def test_one_that_is_not_idempotent_is_never_repeated_by_itself(self) -> None:
        play = chain("a", undo=replace(UNDONE, idempotent=False))
        play.end("a")
        play.fail("z")
        crash(play)
        assert open_decisions(play.state) == {"a~undo": "lost"}
        play.request("retry", path="a~undo")
        play.due("a~undo", "retry")
        play.end("a~undo")
        assert play.final

    def test_a_lost_one_is_dispatched_again_with_the_same_attempt(self) -> None:
        play = chain("a")
        play.end("a")
        play.fail("z")
        crash(play)
        assert play.flying == {"a~undo": 1}

    def test_one_whose_input_could_not_be_known_waits_for_a_person_when_its_turn_comes(self) -> None:
        play = chain("a", "b", undo=ASKING, answers={("b", "undo"): MISSING})
        play.end("a")
        play.end("b")
        assert play.state.status is ExecutionStatus.RUNNING
        play.fail("z")
        held = play.task("b~undo")
        assert held.status is TaskStatus.ATTENTION and held.error == MISSING
        play.request("retry", path="b~undo")
        play.due("b~undo", "retry")
        assert play.task("b~undo").status is TaskStatus.ATTENTION, "trying again does not mend it"
        play.request("done", path="b~undo")
        play.end("a~undo")
        assert play.final


class TestComposites:
    def block(self, word: Any = "compensate", **more: Any) -> tuple[str, tuple[str, ...], dict[str, Any]]:
        inside = scope(
            task("a", undo=UNDONE), task("b", "a", undo=UNDONE), task("y", "b"), repeats="retry" in more
        )
        return composite("c", inside=inside, on_failure=word, **more)

    def test_what_lies_inside_is_undone_before_it_fails(self) -> None:
        play = Play(graph(task("o", undo=UNDONE), self.block()))
        play.end("o")
        play.end("c/a")
        play.end("c/b")
        assert kinds(play.fail("c/y")) == ["TaskFailed", "CompensationBegun", "TaskScheduled"]
        assert play.state.status is ExecutionStatus.RUNNING
        play.end("c/b~undo")
        assert kinds(play.end("c/a~undo")) == ["TaskSucceeded", "TaskFailed", "ExecutionFailed"]
        assert play.task("c").error == BOOM and not play.state.undo.open
        assert begun(play) == ["c/b~undo", "c/a~undo"], "what lies outside stays done"

    def test_a_block_that_begins_anew_is_undone_first(self) -> None:
        play = Play(graph(self.block(retry=ONCE_MORE)))
        play.end("c[0]/a")
        play.end("c[0]/b")
        play.fail("c[0]/y")
        play.end("c[0]/b~undo")
        assert kinds(play.end("c[0]/a~undo")) == ["TaskSucceeded", "RetryScheduled"]
        play.due("c", "retry")
        play.end("c[1]/a")
        play.fail("c[1]/b")
        play.end("c[1]/a~undo")
        assert play.state.status is ExecutionStatus.FAILED
        assert begun(play) == ["c[0]/b~undo", "c[0]/a~undo", "c[1]/a~undo"]

    def test_the_undo_of_a_block_stands_for_those_inside(self) -> None:
        of = graph(self.block("fail", undo=UNDONE), task("z", "c"), on_failure="compensate")
        play = Play(of)
        for path in ("c/a", "c/b", "c/y"):
            play.end(path)
        play.fail("z")
        play.end("c~undo")
        assert begun(play) == ["c~undo"] and play.state.status is ExecutionStatus.COMPENSATED
        assert play.task("c/a~undo").reason == "replaced"

    def test_a_failed_block_leaves_what_lies_inside_to_the_execution(self) -> None:
        of = graph(self.block("fail", undo=UNDONE), on_failure="compensate")
        play = Play(of)
        play.end("c/a")
        play.fail("c/b")
        play.end("c/a~undo")
        assert begun(play) == ["c/a~undo"] and play.state.status is ExecutionStatus.COMPENSATED

    def test_a_cancel_lets_it_finish_undoing(self) -> None:
        play = Play(graph(self.block(), task("w")))
        play.end("c/a")
        play.fail("c/b")
        play.arrive(play.requested("cancel", reason="enough"))
        play.end("w", "cancelled")
        assert play.state.status is ExecutionStatus.CANCELLING and list(play.flying) == ["c/a~undo"]
        play.end("c/a~undo")
        assert play.state.status is ExecutionStatus.CANCELLED

    def test_its_total_timeout_does_not_end_what_undoes(self) -> None:
        play = Play(graph(self.block(total_timeout=5.0)))
        play.end("c/a")
        play.fail("c/b")
        play.due("c", "total")
        play.end("c/a~undo")
        assert play.task("c").error == BOOM, "it failed before its time was up"

    def test_nothing_outside_waits_for_it(self) -> None:
        play = Play(graph(self.block(), task("w"), task("x", "w")))
        play.end("c/a")
        play.fail("c/b")
        play.end("w")
        assert set(play.flying) == {"c/a~undo", "x"}

    def test_one_inside_another_is_undone_once(self) -> None:
        inner = composite("i", inside=scope(task("a", undo=UNDONE), task("b", "a")), on_failure="compensate")
        outer = scope(task("f", undo=UNDONE), (inner[0], ("f",), inner[2]))
        play = Play(graph(composite("o", inside=outer, on_failure="compensate"), on_failure="compensate"))
        play.end("o/f")
        play.end("o/i/a")
        play.fail("o/i/b")
        play.end("o/i/a~undo")
        play.end("o/f~undo")
        assert begun(play) == ["o/i/a~undo", "o/f~undo"]
        assert play.state.status is ExecutionStatus.FAILED, "nothing was left for the execution"


class TestMaps:
    def items(self, count: int, word: Any = "fail", window: int = 2, **more: Any) -> Play:
        of = graph(
            mapped("m", item=each(undo=UNDONE), window=window, on_failure=word, **more),
            task("z", "m"),
            on_failure="compensate",
        )
        return Play(of, {("m", "input"): {"items": list(range(count))}})

    def test_items_are_undone_side_by_side_within_the_window_of_their_map(self) -> None:
        play = self.items(4)
        for n in (0, 1, 2, 3):
            play.end(f"m[{n}]")
        play.fail("z")
        assert sorted(play.flying) == ["m[2]~undo", "m[3]~undo"]
        play.end("m[2]~undo")
        assert sorted(play.flying) == ["m[1]~undo", "m[3]~undo"]
        for n in (3, 1, 0):
            play.end(f"m[{n}]~undo")
        assert play.state.status is ExecutionStatus.COMPENSATED

    def test_a_map_that_fails_undoes_its_items(self) -> None:
        play = self.items(3, "compensate")
        play.end("m[0]")
        play.fail("m[1]")
        play.end("m[2]")
        assert sorted(play.flying) == ["m[0]~undo", "m[2]~undo"]
        play.end("m[0]~undo")
        play.end("m[2]~undo")
        assert play.task("m").status is TaskStatus.FAILED

    def test_inside_an_item_one_after_the_other(self) -> None:
        inside = scope(task("a", undo=UNDONE), task("b", "a", undo=UNDONE))
        item = each("composite", kernel=True, scope=inside)
        of = graph(mapped("m", item=item, window=2), task("z", "m"), on_failure="compensate")
        play = Play(of, {("m", "input"): {"items": [1, 2]}})
        for path in ("m[0]/a", "m[1]/a", "m[1]/b", "m[0]/b"):
            play.end(path)
        play.fail("z")
        assert sorted(play.flying) == ["m[0]/b~undo", "m[1]/b~undo"]
        play.end("m[1]/b~undo")
        assert sorted(play.flying) == ["m[0]/b~undo", "m[1]/a~undo"]
        for path in ("m[0]/b", "m[1]/a", "m[0]/a"):
            play.end(f"{path}~undo")
        assert play.final

    def test_what_completed_between_two_maps_is_undone_between_them(self) -> None:
        of = graph(
            mapped("m", item=each(undo=UNDONE)), task("t", "m", undo=UNDONE),
            mapped("n", "t", item=each(undo=UNDONE)), task("z", "n"), on_failure="compensate",
        )  # fmt: skip
        play = Play(of, {("m", "input"): {"items": [1]}, ("n", "input"): {"items": [1, 2]}})
        for path in ("m[0]", "t", "n[0]", "n[1]"):
            play.end(path)
        play.fail("z")
        assert sorted(play.flying) == ["n[0]~undo", "n[1]~undo"]
        play.end("n[0]~undo")
        assert list(play.flying) == ["n[1]~undo"]
        play.end("n[1]~undo")
        assert list(play.flying) == ["t~undo"]


class TestRequests:
    def test_undo_stops_what_runs_and_undoes_what_is_done(self) -> None:
        play = chain("a", "b")
        play.end("a")
        assert kinds(play.request("undo", reason="wrong order")) == ["CancelRequested"]
        play.end("b", "cancelled")
        assert list(play.flying) == ["a~undo"]
        play.end("a~undo")
        assert play.state.status is ExecutionStatus.COMPENSATED and play.state.reason == "wrong order"
        assert play.state.error is None

    def test_undo_ends_compensated_though_there_is_nothing_to_undo(self) -> None:
        play = Play(graph(task("t")))
        play.request("undo")
        play.end("t", "cancelled")
        assert play.state.status is ExecutionStatus.COMPENSATED

    def test_a_success_after_the_request_is_undone_as_well(self) -> None:
        play = chain("a", "b")
        play.end("a")
        play.request("undo")
        play.end("b")
        assert list(play.flying) == ["b~undo"]

    def test_a_cancel_becomes_an_undo_but_an_undo_no_cancel(self) -> None:
        play = chain("a", "b")
        play.end("a")
        play.request("cancel")
        play.request("undo")
        play.end("b", "cancelled")
        assert play.state.status is ExecutionStatus.COMPENSATING
        assert play.request("cancel") == [] and play.request("undo") == []
        play.end("a~undo")
        assert play.state.status is ExecutionStatus.COMPENSATED

    def test_undo_of_what_waits_for_a_person(self) -> None:
        play = Play(graph(task("a", undo=UNDONE), task("b", "a", on_failure="hold")))
        play.end("a")
        play.fail("b")
        assert play.state.status is ExecutionStatus.ATTENTION
        play.request("undo")
        assert play.task("b").status is TaskStatus.CANCELLED
        play.end("a~undo")
        assert play.state.status is ExecutionStatus.COMPENSATED

    def test_who_takes_over_goes_on_undoing(self) -> None:
        play = chain("a", "b")
        play.end("a")
        play.end("b")
        play.fail("z")
        play.end("b~undo")
        crash(play)
        play.end("a~undo")
        assert fold(play.graph, "x", play.log) == play.state and play.final


class TestLateSuccess:
    def test_of_a_task_that_was_skipped_meanwhile_is_undone_like_any_other(self) -> None:
        of = graph(task("a", undo=ASKING), task("z"), on_failure="compensate")
        play = Play(of, {("a", "undo"): {"n": 1}})
        play.end("a", "deferred")
        play.request("skip", path="a")
        late = play.request("complete", path="a", attempt=1, output={"did": "a"})
        assert kinds(late) == ["LateResultRefused", "UndoOwed", "UndoRecorded"]
        assert play.request("complete", path="a", attempt=1, output=1)[1:] == [], "once"
        play.fail("z")
        play.end("a~undo")
        assert play.state.status is ExecutionStatus.COMPENSATED

    def test_after_its_scope_has_ended_needs_a_person_in_its_turn(self) -> None:
        inside = scope(task("a", undo=ASKING))
        of = graph(composite("c", inside=inside, total_timeout=5.0), task("z"), on_failure="compensate")
        play = Play(of)
        play.end("c/a", "deferred")
        play.due("c", "total")
        assert play.task("c").status is TaskStatus.FAILED
        late = play.request("complete", path="c/a", attempt=1, output=1)
        assert kinds(late) == ["LateResultRefused", "UndoOwed"]
        play.fail("z")
        held = play.task("c/a~undo")
        assert held.error is not None and held.error.code == "scope-ended"
        play.request("done", path="c/a~undo")
        assert play.state.status is ExecutionStatus.COMPENSATED

    def test_of_what_cannot_be_undone_is_only_refused(self) -> None:
        play = Play(graph(task("a"), task("b", undo=UNDONE)))
        play.end("a", "deferred")
        play.request("skip", path="a")
        assert kinds(play.request("complete", path="a", attempt=1, output=1)) == ["LateResultRefused"]

    def test_while_it_undoes_comes_first(self) -> None:
        of = graph(task("a", undo=UNDONE), task("b", undo=UNDONE), task("z", "a"))
        play = Play(of)
        play.end("b", "deferred")
        play.end("a")
        play.request("undo")
        play.end("z", "cancelled")
        assert list(play.flying) == ["a~undo"]
        play.request("complete", path="b", attempt=1, output=1)
        assert sorted(play.flying) == ["a~undo", "b~undo"]
        play.end("b~undo")
        play.end("a~undo")
        assert play.final and not play.state.undo.standing


class TestHolding:
    def test_a_failure_waits_with_its_error(self) -> None:
        play = Play(graph(task("t", on_failure="hold", retry=ONCE_MORE)))
        play.fail("t")
        play.due("t", "retry")
        play.fail("t")
        assert play.task("t").error == BOOM and play.task("t").reason == "failed"
        assert play.state.status is ExecutionStatus.ATTENTION and not play.state.failed

    def test_it_fails_when_a_person_gives_it_up(self) -> None:
        play = Play(graph(task("t", on_failure="hold"), task("u", "t")))
        play.fail("t")
        play.request("fail", path="t")
        assert play.state.status is ExecutionStatus.FAILED and play.state.error == BOOM

    def test_what_follows_a_skipped_one_goes_on(self) -> None:
        join = task("v", "t", "u")
        play = Play(graph(task("t", on_failure="hold"), task("u"), join))
        play.fail("t")
        play.request("skip", path="t")
        play.end("u")
        assert list(play.flying) == ["v"]

    def test_a_running_task_is_skipped_and_its_result_refused(self) -> None:
        play = Play(graph(task("t"), task("u")))
        play.request("skip", path="t")
        assert play.task("t").reason == "resolved"
        assert kinds(play.end("t")) == ["LateResultRefused"]

    def test_what_has_not_begun_is_skipped(self) -> None:
        play = Play(graph(task("t"), task("u", "t"), task("v", "t", "u")))
        play.request("skip", path="u")
        play.end("t")
        assert list(play.flying) == ["v"]

    def test_an_input_that_cannot_be_known_is_asked_again_when_it_is_tried_again(self) -> None:
        play = Play(graph(task("t", input=ASKED, on_failure="hold")), {("t", "input"): MISSING})
        assert play.task("t").status is TaskStatus.ATTENTION and play.task("t").attempt == 0
        play.evaluator.answers["t", "input"] = {"n": 1}
        play.request("retry", path="t")
        crash(play)
        play.due("t", "retry")
        assert play.flying == {"t": 1}

    def test_an_item_is_held_alone(self) -> None:
        of = graph(mapped("m", item=each(on_failure="hold"), window=2))
        play = Play(of, {("m", "input"): {"items": [1, 2, 3]}})
        play.fail("m[0]")
        play.end("m[1]")
        assert play.state.status is ExecutionStatus.ATTENTION and list(play.flying) == ["m[2]"]
        play.end("m[2]")
        play.request("retry", path="m[0]")
        play.due("m[0]", "retry")
        play.end("m[0]")
        assert play.state.status is ExecutionStatus.COMPLETED

    def test_time_that_is_up_counts_anew_when_it_is_tried_again(self) -> None:
        play = Play(graph(task("t", on_failure="hold", total_timeout=5.0)))
        play.due("t", "total")
        play.end("t", "cancelled")
        assert play.task("t").status is TaskStatus.ATTENTION
        play.request("retry", path="t")
        play.due("t", "retry")
        assert play.flying == {"t": 2} and not play.timers

    def test_a_cancel_ends_what_is_held(self) -> None:
        play = Play(graph(task("t", on_failure="hold")))
        play.fail("t")
        play.request("cancel")
        assert play.state.status is ExecutionStatus.CANCELLED

    def test_while_it_is_cancelled_nothing_is_held(self) -> None:
        play = Play(graph(task("t", on_failure="hold")))
        play.request("cancel")
        play.fail("t")
        assert play.state.status is ExecutionStatus.CANCELLED


class TestRefusals:
    @mark.parametrize(
        ("how", "path", "said"),
        [
            ("retry", "nobody", "no such task"),
            ("retry", "a[x]", "no such task"),
            ("retry", "a", "it has ended as succeeded"),
            ("retry", "b", "it is running"),
            ("fail", "b", "it is running"),
            ("done", "b", "only an undo"),
            ("fail", "a~undo", "cannot be given up"),
            ("done", "a~undo", "it is ready"),
            ("skip", "c/d~undo", "no such task"),
            ("retry", "m[17]", "not begun"),
        ],
    )
    def test_each_says_why(self, how: Any, path: str, said: str) -> None:
        of = graph(
            task("a", undo=UNDONE), task("b", "a"), composite("c", inside=scope(task("d"))), mapped("m"),
        )  # fmt: skip
        play = Play(of, {("m", "input"): {"items": list(range(9))}})
        play.end("a")
        found = refusal(play.state, path, how)
        assert found is not None and said in found.reason
        before = play.state
        assert play.request(how, path=path) == [] and play.state == before

    def test_a_step_is_skipped_only_when_its_turn_has_come(self) -> None:

        steps = scope(task("a"), task("b"), order=order(Rule((Jump(1),)), Rule((Jump(None),))))
        play = Play(graph(composite("s", inside=steps)))
        assert refusal(play.state, "s/b", "skip") is not None
        play.request("skip", path="s/a")
        assert list(play.flying) == ["s/a", "s/b"]

    def test_a_condition_that_cannot_be_known_is_held_too(self) -> None:
        play = Play(graph(task("t", when=SOME, on_failure="hold")), {("t", "when"): MISSING})
        assert open_decisions(play.state) == {"t": "failed"}
