"""Inputs that are given to what runs again, under which names; from where it runs again by itself."""

from building import ASKED, BOOM, SOME, Play, composite, graph, mapped, order, scope, task
from test_rewind_rules import Onwards, back, refused

from harmonia_core.engine.rewind import AtSeq, Changes, FromTasks, failed_points
from harmonia_core.model.commands import Answer
from harmonia_core.model.graph import Jump, Rule
from harmonia_core.model.refs import BlobRef
from harmonia_core.model.statuses import ExecutionStatus

ITEMS = {"items": [1, 2]}


def map_run(output: object = None) -> Play:
    """Return a map of two items that has ended, and a task behind it."""
    play = Play(graph(mapped("m"), task("after", "m")), {("m", "input"): ITEMS})
    for path in ("m[0]", "m[1]", "after"):
        play.end(path, output=output)
    return play


def rounds() -> Play:
    """Return a loop of two rounds of two steps."""
    again = Rule((Jump(0, SOME), Jump(None)))
    inside = scope(task("a"), task("b"), order=order(Rule((Jump(1),)), again), repeats=True)
    play = Play(graph(composite("l", inside=inside), task("z", "l")), {("l[]/b", "then"): 0})
    play.end("l[0]/a")
    play.end("l[0]/b")
    play.end("l[1]/a")
    return play


class TestInputs:
    def test_a_map_is_given_other_items(self) -> None:
        rewound = back(map_run(), FromTasks(("m",)), Changes(inputs={"m": {"items": [7, 8, 9]}}))
        assert rewound.state.answers == {("m", "given"): Answer({"items": [7, 8, 9]}, width=3)}
        on = Onwards(rewound, {})
        assert sorted(on.flying) == ["m[0]", "m[1]", "m[2]"]

    def test_a_large_input_of_a_map_is_looked_at_when_it_begins(self) -> None:
        large = BlobRef("sha256:large", 9)
        rewound = back(map_run(), FromTasks(("m",)), Changes(inputs={"m": large}))
        assert rewound.state.answers["m", "given"].value == large

    def test_a_task_is_given_an_input_as_it_is(self) -> None:
        rewound = back(map_run(), FromTasks(("after",)), Changes(inputs={"after": {"items": 3}}))
        assert rewound.state.answers == {("after", "given"): Answer({"items": 3})}

    def test_what_is_wrong_is_said(self) -> None:
        changes = Changes(inputs={"m": {"none": 1}, "nowhere": 1, "m[0]/x": 1})
        assert refused(map_run(), FromTasks(("m",)), changes) == {
            ("input-invalid", "m"),
            ("input-unused", "nowhere"),
            ("input-unused", "m[0]/x"),
        }

    def test_a_task_that_only_one_round_carries_out_again_is_named_without_it(self) -> None:
        play = rounds()
        rewound = back(play, FromTasks(("l[1]/a",)), Changes(inputs={"l/a": {"n": 1}}))
        assert list(rewound.state.answers) == [("l[1]/a", "given")]

    def test_a_task_that_does_not_run_again_takes_none(self) -> None:
        assert refused(rounds(), FromTasks(("l[1]/a",)), Changes(inputs={"l/c": 1})) == {
            ("input-unused", "l/c")
        }


class TestFromWhere:
    def test_failures_inside_of_a_group_are_begun_with_not_the_group(self) -> None:
        inside = scope(task("a"), task("b"), task("c", "a"))
        play = Play(graph(composite("g", inside=inside), task("z")))
        play.end("g/a")
        play.fail("g/b", code="first")
        play.end("g/c")
        play.fail("z", code="second")
        assert failed_points(play.state) == ("g/b", "z")
        rewound = back(play, FromTasks())
        assert set(rewound.again) == {"g/b", "z"} and "g/a" in rewound.reused

    def test_a_group_whose_own_end_failed_is_begun_with_itself(self) -> None:
        inside = scope(task("a"), output=ASKED)
        play = Play(graph(composite("g", inside=inside)), {("g", "output"): BOOM})
        play.end("g/a")
        assert failed_points(play.state) == ("g",)

    def test_what_stays_failed_is_told_in_the_order_in_which_it_failed(self) -> None:
        play = Play(graph(task("a"), task("b"), task("c")))
        play.fail("b", code="first")
        play.fail("a", code="second")
        play.end("c")
        state = back(play, AtSeq(play.state.seq - 1)).state
        assert state.failed == ("b", "a")
        assert state.error is not None and state.error.code == "first"

    def test_a_fork_waits_for_its_beginning_and_has_nothing_open_of_the_origin(self) -> None:
        play = Play(graph(task("a"), task("b", "a")))
        play.end("a")
        rewound = back(play, AtSeq(play.state.seq))
        assert rewound.state.status is ExecutionStatus.QUEUED
        assert (rewound.again, rewound.reused) == (("b",), ("a",))

    def test_what_was_carried_out_after_the_point_runs_again(self) -> None:
        play = Play(graph(task("a"), task("b", "a"), task("c", "b")))
        for path in "abc":
            play.end(path)
        started_a = play.log[1].seq
        assert back(play, AtSeq(started_a)).again == ("a", "b", "c")

    def test_of_another_version_only_its_own_tasks_run_again(self) -> None:
        play = Play(graph(task("a"), task("b", "a"), task("c", "b")))
        for path in "abc":
            play.end(path)
        other = graph(task("a"), task("d", "a"))
        assert back(play, AtSeq(play.log[1].seq), of=other).again == ("a", "d")

    def test_an_execution_that_is_open_with_nothing_failed_goes_on(self) -> None:
        play = Play(graph(task("a"), task("b", "a")))
        play.end("a")
        rewound = back(play, FromTasks())
        assert (rewound.again, rewound.reused) == (("b",), ("a",))
