"""What a rewound execution begins with in each case by itself, and what is refused."""

from typing import Any

import pytest
from building import (
    ASKED,
    BOOM,
    NOTHING,
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
from checking import agree

from harmonia_core.engine import rewind_past
from harmonia_core.engine.rewind import (
    AtSeq,
    Changes,
    FromTasks,
    Origin,
    Point,
    RewindRefused,
    Rewound,
    placed,
    rewind,
)
from harmonia_core.engine.rolling import blobs_in
from harmonia_core.model.events import TaskFailed, TaskScheduled, TaskSucceeded
from harmonia_core.model.graph import Catch, Graph, Jump, RetryPolicy, Rule
from harmonia_core.model.refs import BlobRef, ItemsRef
from harmonia_core.model.state import TaskState, begin
from harmonia_core.model.statuses import ExecutionStatus
from harmonia_core.model.values import Template

COUNTED = Template({"n": None}, ASKED.slots)
AGAIN = Rule((Jump(0, SOME), Jump(None)))


def origin(play: Play) -> Origin:
    """Return the past of an execution."""
    return Origin(play.graph, begin(play.graph, "x"), tuple(play.log))


def back(play: Play, point: Point, changes: Changes | None = None, of: Graph | None = None) -> Rewound:
    """Return what goes on from a point, its frontier checked."""
    rewound = rewind(origin(play), point, changes or Changes(), of)
    agree(rewound.state)
    return rewound


def refused(play: Play, point: Point, changes: Changes | None = None, of: Graph | None = None) -> set[Any]:
    """Return why one cannot go on from a point, with where."""
    with pytest.raises(RewindRefused) as found:
        rewind(origin(play), point, changes or Changes(), of)
    return {(one.code, one.path) for one in found.value.problems}


def stands(rewound: Rewound, path: str) -> TaskState:
    """Return a task as it is to begin."""
    found = rewound.state.task(path)
    assert found is not None
    return found


class Onwards(Play):
    """An execution that goes on from a rewound state."""

    def __init__(self, rewound: Rewound, answers: Any = None) -> None:
        self._state = placed(rewound, {need.path: BlobRef("sha256:kept", 1) for need in rewound.needs}).state
        super().__init__(self._state.graph, answers)

    def arrive(self, *arrivals: Any, only_record: bool = False) -> Any:
        if self.state.seq == 0 and not self.log:
            self.state, arrivals = self._state._replace(status=ExecutionStatus.RUNNING), ()
        return super().arrive(*arrivals, only_record=only_record)


# What has been undone.


def compensated() -> Play:
    """Return an execution that has failed, and whose first task has been undone."""
    play = Play(
        graph(
            task("pay", undo=UNDONE),
            task("look"),
            task("book", "pay"),
            task("tell", "pay", "look"),
            on_failure="compensate",
        )
    )
    for path in ("pay", "look", "tell"):
        play.end(path, output=path)
    play.fail("book")
    play.end("pay~undo")
    assert play.state.status is ExecutionStatus.COMPENSATED
    return play


def nothing_undone_is_reused(play: Play) -> None:
    """Assert it for a re-run that does not name it, and for a fork at a time when it was not undone yet."""
    ends = [record.seq for record in play.log if isinstance(record.event, TaskSucceeded | TaskFailed)]
    for point in (FromTasks(("book",)), FromTasks(), *(AtSeq(seq) for seq in ends)):
        rewound = back(play, point)
        assert stands(rewound, "pay").status == "ready", point
        assert rewound.undone == ("pay",) and "pay" in rewound.again, point
        assert {"book", "tell"} <= set(rewound.again), "what depends on it has read its result"
        [pay] = [one for one in rewound.repeats if one.path == "pay"]
        assert pay.ended and pay.undone and pay.idempotent


def test_a_compensated_result_is_never_reused(monkeypatch: pytest.MonkeyPatch) -> None:
    play = compensated()
    nothing_undone_is_reused(play)
    assert "look" in back(play, FromTasks(("book",))).reused
    monkeypatch.setattr(rewind_past, "undone_in", lambda state: frozenset[str]())
    with pytest.raises(AssertionError):
        nothing_undone_is_reused(play)


def test_what_is_about_to_be_undone_or_was_undone_elsewhere_is_not_reused_either() -> None:
    play = Play(graph(task("a", undo=UNDONE), task("b", undo=UNDONE), task("c"), on_failure="compensate"))
    play.end("a")
    play.end("b")
    play.fail("c")
    assert set(play.flying) == {"b~undo"}, "the undo of a has not begun"
    assert back(play, FromTasks()).undone == ("a", "b")
    plain = Play(graph(task("a"), task("b", "a")))
    plain.end("a")
    elsewhere = Origin(plain.graph, begin(plain.graph, "x"), tuple(plain.log), frozenset({"a"}))
    assert rewind(elsewhere, FromTasks()).undone == (), "it has been carried out again since, here"
    first = back(plain, FromTasks(("b",)))
    child = Onwards(first)
    child.end("b")
    inherited = Origin(child.graph, child._state, tuple(child.log), frozenset({"a"}))
    assert rewind(inherited, FromTasks(("b",))).undone == ("a",)
    assert set(rewind(inherited, FromTasks(("b",))).again) == {"a", "b"}


def test_an_undo_that_a_person_skipped_has_undone_nothing() -> None:
    play = Play(graph(task("a", undo=UNDONE), task("b"), on_failure="compensate"))
    play.end("a")
    play.arrive(play.outcome("b", "failed", error=BOOM), play.requested("skip", path="a~undo"))
    if play.flying:
        play.fail("a~undo")
    assert back(play, FromTasks()).undone == ("a",), "it was tried: nobody knows what it did"


def test_what_was_undone_inside_something_that_failed_was_not_gone_on_from() -> None:
    body = composite("body", inside=scope(task("a", undo=UNDONE), task("b", "a")), on_failure="compensate")
    steps = scope(body, task("mend"), order=order(Rule((Jump(None),), (Catch(1),)), Rule()))
    play = Play(graph(composite("t", inside=steps), task("after", "t"), task("z", "after")))
    play.end("t/body/a")
    play.fail("t/body/b")
    play.end("t/body/a~undo")
    play.end("t/mend")
    play.end("after")
    play.fail("z")
    rewound = back(play, FromTasks(("z",)))
    assert rewound.undone == () and set(rewound.again) == {"z"}
    assert back(play, FromTasks(("t/mend",))).again == ("t/mend", "after", "z")


# Loops and sequences.


def loop(rounds: int = 3, own: bool = True) -> Play:
    """Return a loop of two steps that went round so often, and a task behind it.

    own: whether the variable that it writes is its own, or one of the workflow.
    """
    inside = scope(
        task("a"),
        task("keep", type="set", kernel=True, input=COUNTED),
        order=order(Rule((Jump(1),)), AGAIN),
        repeats=True,
        vars={"n": 0} if own else {},
    )
    answers = {("loop[]/keep", "input"): {"n": 1}, ("loop[]/keep", "then"): 0}
    answers |= {(f"loop[{n}]/keep", "input"): {"n": n + 1} for n in range(rounds)}
    play = Play(
        graph(composite("loop", inside=inside), task("after", "loop"), vars={} if own else {"n": 0}),
        answers | {(f"loop[{rounds - 1}]/keep", "then"): 1},
    )
    for number in range(rounds):
        play.end(f"loop[{number}]/a", output=number)
    play.end("after")
    assert play.final
    return play


@pytest.mark.parametrize(
    ("path", "round", "n"),
    [("loop[1]/a", 1, 1), ("loop[1]", 1, 1), ("loop[0]/a", 0, 0), ("loop/a", 2, 2), ("loop[1]/keep", 1, 1)],
)
def test_a_round_is_gone_back_to_with_the_variables_of_then(path: str, round: int, n: int) -> None:
    rewound = back(loop(), FromTasks((path,)))
    inside = stands(rewound, "loop").inside
    assert inside is not None and (inside.iteration, inside.jumps) == (round, round)
    assert dict(inside.vars) == {"n": n}
    assert stands(rewound, "after").status == "waiting" and "after" in rewound.again


def test_a_round_or_step_that_never_was_is_refused() -> None:
    steps = scope(task("a"), task("b"), order=order(Rule(), Rule()))
    play = Play(graph(composite("s", inside=steps)))
    play.end("s/a")
    assert refused(play, FromTasks(("s/b",))) == {("not-begun", "s/b")}
    assert refused(loop(), FromTasks(("loop[7]/a", "loop[8]"))) == {
        ("not-begun", "loop[2]/a"),
        ("not-begun", "loop, round 8"),
    }


def test_what_earlier_rounds_wrote_outside_of_a_loop_is_known_to_their_own_log_only() -> None:
    for own, problems in ((True, set()), (False, {("not-in-this-log", "loop")})):
        play = loop(own=own)
        child = Origin(play.graph, back(play, FromTasks(("loop[1]/a",))).state, ())
        found = set[Any]()
        try:
            assert rewind(child, FromTasks(("loop",))).again == ("loop", "after")
        except RewindRefused as refused:
            found = {(one.code, one.path) for one in refused.problems}
        assert found == problems


def test_an_attempt_that_was_given_up_is_not_gone_on_from() -> None:
    again = RetryPolicy(1, 1.0, jitter=0.0)
    inside = scope(task("a"), task("b", "a"), repeats=True)
    play = Play(graph(composite("g", inside=inside, retry=again)))
    play.end("g[0]/a")
    play.fail("g[0]/b")
    play.due("g", "retry")
    play.end("g[1]/a")
    assert refused(play, FromTasks(("g[0]/b",))) == {("given-up", "g")}
    assert back(play, FromTasks(("g[1]/a",))).again == ("g[1]/a", "g[1]/b")
    assert back(play, FromTasks(("g[0]",))).again == ("g",)


# Maps.


def rows(width: int = 4, window: int = 2, **more: Any) -> tuple[Graph, dict[tuple[str, str], Any]]:
    """Return a map and a task behind it."""
    of = graph(mapped("m", window=window, **more), task("after", "m"))
    return of, {("m", "input"): {"items": list(range(width))}}


def ended_map(fails: int | None = None, width: int = 4, **more: Any) -> Play:
    """Return an execution whose items have ended, one of them perhaps badly."""
    of, answers = rows(width, **more)
    play = Play(of, answers)
    while play.flying and not play.final:
        path = next(iter(play.flying))
        if path == f"m[{fails}]":
            play.fail(path)
        else:
            play.end(path, output=path)
    return play


def test_only_one_item_runs_again_and_the_others_are_kept() -> None:
    rewound = back(ended_map(), FromTasks(("m[2]",)))
    items = stands(rewound, "m").items
    assert items is not None and items.marks == (b"ss.s",) and (items.cursor, items.succeeded) == (2, 3)
    assert rewound.again == ("m[2]", "after") and set(rewound.reused) == {"m[0]", "m[1]", "m[3]"}
    [need] = rewound.needs
    assert (need.path, need.ref, need.indexes) == ("m", ItemsRef("m", 4, "x"), (0, 1, 3))
    assert need.content("abcd") == [[0, "a"], [1, "b"], [3, "d"]]
    play = Onwards(rewound)
    assert set(play.flying) == {"m[2]"} and {ref.address for ref in blobs_in(play.state)} == {"sha256:kept"}
    play.end("m[2]")
    assert play.task("m").output == ItemsRef("m", 4, None, 0, BlobRef("sha256:kept", 1))
    play.end("after")
    assert play.final


def test_a_failed_item_is_what_a_failed_map_begins_with() -> None:
    play = ended_map(fails=1)
    assert play.statuses() == {"m": "failed", "after": "unreachable"}
    rewound = back(play, FromTasks())
    assert rewound.again == ("m[1]", "m[3]", "after"), "the last item had never begun"
    assert set(rewound.reused) == {"m[0]", "m[2]"}
    on = Onwards(rewound)
    assert set(on.flying) == {"m[1]", "m[3]"}
    for path in ("m[3]", "m[1]", "after"):
        on.end(path)
    assert on.final and on.statuses() == {"m": "succeeded", "after": "succeeded"}


def test_the_window_holds_when_many_items_run_again() -> None:
    rewound = back(ended_map(width=8), FromTasks(tuple(f"m[{n}]" for n in (0, 1, 2, 5, 6, 7))))
    play, most = Onwards(rewound), 0
    while "after" not in play.flying:
        most = max(most, len(play.flying))
        play.end(next(iter(play.flying)))
    assert most == 2 and play.attempts("m[3]") == []


def test_a_task_inside_an_item_runs_again_beside_kept_items() -> None:
    item = each(scope=scope(task("x"), task("y", "x"), task("z")), kernel=True)
    of, answers = rows(2, item=item)
    play = Play(of, answers)
    for n in (0, 1):
        for name in "xyz":
            play.end(f"m[{n}]/{name}", output=name)
    play.end("after")
    rewound = back(play, FromTasks(("m[1]/x",)))
    assert rewound.again == ("m[1]/x", "m[1]/y", "after") and {"m[0]", "m[1]/z"} <= set(rewound.reused)
    on = Onwards(rewound)
    assert set(on.flying) == {"m[1]/x"}
    on.end("m[1]/x")
    on.end("m[1]/y")
    on.end("after")
    assert on.final


def test_items_that_were_not_there_are_refused() -> None:
    assert refused(ended_map(), FromTasks(("m[9]",))) == {("item-unknown", "m[9]")}


def test_a_map_that_wanted_only_some_to_succeed_begins_anew() -> None:
    play = ended_map(enough=2)
    while play.flying:
        play.end(next(iter(play.flying)))
    assert back(play, FromTasks(("m[1]",))).again == ("m", "after")


def test_a_fork_in_the_middle_of_a_map_keeps_what_has_ended() -> None:
    of, answers = rows(4, 2)
    play = Play(of, answers)
    play.end("m[1]", output=1)
    rewound = back(play, AtSeq(play.state.seq))
    items = stands(rewound, "m").items
    assert items is not None and (items.marks, items.cursor, dict(items.flight)) == ((b".s..",), 0, {})
    on = Onwards(rewound)
    assert set(on.flying) == {"m[0]", "m[2]"}


# What is changed.


def test_inputs_and_variables_can_be_changed() -> None:
    of = graph(
        task("a", input=Template({"n": 1})),
        task("b", "a", input=ASKED),
        composite("g", "b", inside=scope(task("c"), task("d", "c"))),
        vars={"v": 1},
    )
    play = Play(of, {("b", "input"): {"of": "b"}}, input={"old": 1})
    for path in ("a", "b", "g/c", "g/d"):
        play.end(path)
    changes = Changes({"new": 1}, {"a": {"n": 2}, "g/d": {"n": 3}}, {"v": 2})
    rewound = back(play, FromTasks(("a",)), changes)
    assert rewound.state.input == {"new": 1} and dict(rewound.state.vars) == {"v": 2}
    on = Onwards(rewound, {("b", "input"): {"of": "b"}})
    for path in ("a", "b", "g/c", "g/d"):
        on.end(path)
    begun = {e.path: e.input for r in on.log if isinstance(e := r.event, TaskScheduled)}
    assert begun == {"a": {"n": 2}, "b": {"of": "b"}, "g": {}, "g/c": {}, "g/d": {"n": 3}}
    assert on.final and not on.state.answers


def test_an_input_that_nothing_would_take_is_refused() -> None:
    play = ended_map()
    changes = Changes(inputs={"m[1]": {}, "zz": {}, "m": {"none": 1}}, vars={"w": 1})
    assert refused(play, FromTasks(("m",)), changes) == {
        ("input-invalid", "m"),
        ("input-unused", "zz"),
        ("variable-unknown", "vars.w"),
    }
    assert refused(play, FromTasks(("after",)), Changes(inputs={"m": {"items": []}})) == {
        ("input-unused", "m")
    }


def test_everything_that_is_wrong_is_said_at_once() -> None:
    play = ended_map()
    asked = FromTasks(("zz", "m/x", "a[b", "after[3]", "m[0]~undo"))
    assert refused(play, asked) == {
        ("task-unknown", "zz"),
        ("task-unknown", "m/x"),
        ("path-wrong", "a[b"),
        ("path-wrong", "after[3]"),
        ("path-wrong", "m[0]~undo"),
    }
    assert refused(play, AtSeq(0)) == refused(play, AtSeq(10**6)) == {("seq-unknown", "")}


def test_a_message_that_was_taken_by_what_runs_again_is_given_again() -> None:
    waits = task("w", type="event", kernel=True, input=ASKED)
    play = Play(graph(waits, task("after", "w")), {("w", "input"): {"name": "a"}})
    play.request("message", id="m1", name="a", data=7)
    play.end("after")
    assert back(play, FromTasks(("after",))).state.inbox.kept == ()
    rewound = back(play, FromTasks(("w",)))
    assert [one.id for one in rewound.state.inbox.kept] == ["m1"]
    on = Onwards(rewound, {("w", "input"): {"name": "a"}})
    assert set(on.flying) == {"after"} and on.task("w").status == "succeeded"


def test_what_was_under_way_begins_anew_without_timers_and_people() -> None:
    of = graph(
        task("wait", type="wait", kernel=True, input=ASKED),
        task("ask", type="approval", kernel=True, input=ASKED),
        task("tries", retry=RetryPolicy(2, 5.0, jitter=0.0), total_timeout=50.0),
        timeout=100.0,
    )
    play = Play(of, {("wait", "input"): {"duration": 9}, ("ask", "input"): {"title": "?"}})
    play.fail("tries")
    rewound = back(play, AtSeq(play.state.seq))
    assert {node.id: stands(rewound, node.id) for node in of.root.tasks} == dict.fromkeys(
        ("wait", "ask", "tries"), TaskState(stands(rewound, "wait").status)
    )
    state = rewound.state
    assert (state.seq, state.deadline, state.root_id, state.status) == (0, None, "", ExecutionStatus.QUEUED)
    assert not state.inbox.waiting and not state.inbox.approvals and not state.asks
    assert [one.path for one in rewound.repeats] == ["tries"], "the others do nothing outside"


def test_a_cancelled_execution_goes_on_where_it_was_cancelled() -> None:
    play = Play(graph(task("a"), task("b", "a"), task("c", "b")))
    play.end("a")
    play.request("cancel", reason="no")
    play.end("b", "cancelled")
    assert play.state.status is ExecutionStatus.CANCELLED
    for point in (FromTasks(), AtSeq(play.state.seq)):
        rewound = back(play, point)
        assert rewound.again == ("b", "c") and rewound.reused == ("a",)
        assert not rewound.state.cancelling and rewound.state.reason is None


def test_with_nothing_failed_everything_runs_again() -> None:
    play = Play(graph(task("a"), task("b", "a", input=NOTHING)))
    play.end("a")
    play.end("b")
    assert back(play, FromTasks()).again == ("a", "b")
