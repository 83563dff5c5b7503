"""Why something does not go on that is not there: what was undone, other rounds, items, what has ended."""

from typing import Any

from building import UNDONE, Play, composite, graph, mapped, order, scope, task

from harmonia_core.engine.explain import explain_state
from harmonia_core.engine.explain_causes import Cause, gathered, ordered
from harmonia_core.model.graph import Jump, Rule

ITEMS = {"items": [1, 2, 3]}
AGAIN = Rule((Jump(0), Jump(None)))


def why(play: Play, path: str | None = None) -> list[Cause]:
    """Return the causes as they are told."""
    return ordered(gathered(explain_state(play.state, path)))


def told(play: Play, path: str | None = None) -> list[tuple[str, str, str]]:
    """Return code, path and message of each cause."""
    return [(one.code, one.path, one.message) for one in why(play, path)]


def undone(*names: str) -> Play:
    """Return an execution of a chain whose last task has failed, so that the others are undone."""
    sketches = [task(name, *names[:place][-1:], undo=UNDONE) for place, name in enumerate(names)]
    play = Play(graph(*sketches, task("bad", names[-1]), on_failure="compensate"))
    for name in names:
        play.end(name)
    return play


def loop(times: int = 3, **more: Any) -> Play:
    """Return an execution that counts rounds of one task."""
    inside = scope(task("a"), order=order(AGAIN), repeats=True)
    return Play(graph(composite("l", inside=inside, **more), task("z", "l")), {("l[]/a", "then"): 0})


class TestUndos:
    def test_a_task_that_has_done_nothing_has_nothing_to_be_undone(self) -> None:
        play = Play(graph(task("a", undo=UNDONE)))
        assert told(play, "a~undo") == [("not-begun", "a~undo", "a has nothing to be undone so far.")]

    def test_what_is_done_is_not_undone_while_nothing_fails(self) -> None:
        text = "Nothing is being undone; it would be if a had to be."
        assert told(undone("a"), "a~undo") == [("not-begun", "a~undo", text)]

    def test_undos_wait_for_what_was_done_later_and_say_how_they_ended(self) -> None:
        play = undone("a", "b")
        play.fail("bad")
        found = why(play, "a~undo")
        assert [one.code for one in found] == ["attempt-running", "compensating", "dependency-open"]
        assert [step.path for step in found[0].chain] == ["a~undo", "b~undo"]
        assert [one.path for one in why(play, "b~undo")] == ["b~undo"]
        play.end("b~undo")
        assert [one.code for one in why(play, "b~undo")] == ["ended"]


class TestMaps:
    def test_an_item_of_a_map_that_has_not_begun(self) -> None:
        play = Play(graph(task("a"), mapped("m", "a")), {("m", "input"): ITEMS})
        assert [one.code for one in why(play, "m[1]")] == ["attempt-running", "dependency-open", "not-begun"]

    def test_a_number_past_the_last_item_and_an_item_outside_of_the_window(self) -> None:
        play = Play(graph(mapped("m", window=1)), {("m", "input"): ITEMS})
        assert told(play, "m[7]") == [("ended", "m[7]", "m has 3 items, numbered from 0.")]
        assert [one.code for one in why(play, "m[2]")] == ["attempt-running", "window-full"]
        play.end("m[0]")
        assert [one.code for one in why(play, "m[0]")] == ["ended"]

    def test_an_item_that_a_failed_map_did_not_begin(self) -> None:
        play = Play(graph(mapped("m", window=1), task("other")), {("m", "input"): ITEMS})
        play.fail("m[0]")
        (found,) = why(play, "m[2]")
        assert (found.code, found.path, found.blocking["path"]) == ("ended", "m[2]", "m")


class TestRounds:
    def test_rounds_that_are_over_and_those_to_come(self) -> None:
        play = loop()
        play.end("l[0]/a")
        assert told(play, "l[0]/a") == [("ended", "l[0]/a", "l is in round 1 now.")]
        assert told(play, "l[5]/a") == [("not-begun", "l[5]/a", "l is in round 1 now.")]
        assert [one.code for one in why(play, "l[1]/a")] == ["attempt-running"]

    def test_what_lies_in_something_that_has_ended(self) -> None:
        play = Play(graph(composite("block", inside=scope(task("a"))), task("z", "block")))
        play.end("block/a")
        found = why(play, "block/a")
        assert [(one.code, one.path) for one in found] == [("ended", "block/a")]


def test_a_final_execution_says_for_any_task_how_it_ended() -> None:
    play = Play(graph(task("a")))
    play.end("a")
    assert [(one.code, one.path) for one in why(play, "a")] == [("ended", "a")]
