"""Rare ways through undoing, limits, clearing, definitions and explaining."""

from typing import Any

import pytest
from building import (
    ASKED,
    BOOM,
    ONCE_MORE,
    UNDONE,
    Play,
    composite,
    each,
    folded,
    graph,
    mapped,
    scope,
    task,
    types,
)
from pydantic_core import PydanticCustomError
from test_derived import HEAD

from harmonia_core import TaskType
from harmonia_core.builtin.control import TASK_TYPES
from harmonia_core.builtin.map_pages import MAP_OF_PAGES
from harmonia_core.definitions.load import compile_loaded, load_data
from harmonia_core.engine.arrivals import Fact
from harmonia_core.engine.clearing import cleared_inside
from harmonia_core.engine.explain import explain_state
from harmonia_core.engine.explain_owner import Drive, abandoned
from harmonia_core.engine.gating import Gate, asked_again, given_back
from harmonia_core.engine.messages import hand_out
from harmonia_core.engine.recovery import lost
from harmonia_core.engine.timeline import scope_of, timeline
from harmonia_core.engine.undo_folds import is_open
from harmonia_core.errors import DefinitionInvalid
from harmonia_core.model import events as e
from harmonia_core.model.child import Child
from harmonia_core.model.child_spec import read_workflow
from harmonia_core.model.events import Recorded
from harmonia_core.model.slots import GRANTED
from harmonia_core.model.statuses import TaskStatus

ITEMS: dict[str, Any] = {"items": [1, 2, 3]}


def child(id: str, *after: str, **more: Any) -> Any:
    """Return the sketch of a task that is an execution of its own."""
    return task(id, *after, type="subworkflow", kernel=True, child=Child("sha256:c", **more))


def test_two_undos_of_one_item_are_carried_out_one_after_the_other() -> None:
    inside = scope(task("a", undo=UNDONE), task("b", "a", undo=UNDONE))
    item = each("composite", kernel=True, scope=inside)
    play = Play(
        graph(mapped("m", item=item), task("bad", "m"), on_failure="compensate"), {("m", "input"): ITEMS}
    )
    for step in "ab":
        for index in range(3):
            play.end(f"m[{index}]/{step}")
    play.fail("bad")
    assert sorted(play.flying) == [f"m[{index}]/b~undo" for index in range(3)]
    play.end("m[2]/b~undo")
    assert sorted(play.flying) == ["m[0]/b~undo", "m[1]/b~undo", "m[2]/a~undo"]


def test_what_is_undone_earlier_waits_for_what_was_done_later() -> None:
    inside = scope(mapped("m", item=each(undo=UNDONE)), task("b", "m"))
    play = Play(graph(composite("c", inside=inside, on_failure="compensate")), {("c/m", "input"): ITEMS})
    for index in range(3):
        play.end(f"c/m[{index}]")
    play.fail("c/b")
    play.request("pause")
    for fact in lost(play.state):
        if getattr(fact, "path", "") == "c/m[0]~undo":
            play.arrive(Fact(fact))
    found = [one for one in explain_state(play.state) if one.code == "dependency-open"]
    assert [one.path for one in found] == ["c/m[0]~undo"]


def test_in_a_composite_that_has_not_begun_what_is_undone_can_be_known() -> None:
    of = graph(task("a"), composite("c", "a", inside=scope(task("b"))))
    play = Play(of)
    assert is_open(play.state, "c/b") and is_open(play.state, "a")
    play.end("a")
    assert is_open(play.state, "c/b") and not is_open(play.state, "c[3]/b")


def test_what_lies_in_a_map_that_has_ended_is_not_open() -> None:
    play = Play(graph(mapped("m"), task("z", "m")), {("m", "input"): ITEMS})
    assert is_open(play.state, "m[0]")
    for index in range(3):
        play.end(f"m[{index}]")
    assert not is_open(play.state, "m[0]")


class TestSlots:
    GATE = Gate(frozenset({"type:work"}))

    def test_slots_of_what_is_ready_are_given_back_while_nothing_begins(self) -> None:
        play = Play(graph(task("a")), gate=self.GATE)
        state = folded(
            play.graph, [e.SlotsGranted("a", 0), e.ExecutionPaused("run", None, "request")], play.state
        )
        found = state.task("a")
        assert found is not None and (found.status, found.reason) == (TaskStatus.READY, GRANTED)
        assert types(given_back(state)) == ["SlotsRequested"]

    def test_what_has_been_tried_asks_again_without_its_input(self) -> None:
        play = Play(graph(task("a", retry=ONCE_MORE)), gate=self.GATE)
        claim = play.state.slots.claims["a"]
        tried = play.task("a")._replace(attempt=1, input={"n": 1})
        assert asked_again("a", claim, tried).input is None
        assert asked_again("a", claim, None).input is None
        assert asked_again("a", claim, tried._replace(attempt=0)).input == {"n": 1}


class TestChildren:
    def test_those_inside_what_a_person_ends_end_with_it_or_go_on(self) -> None:
        inside = scope(
            child("free", abandon=True), child("bound"), child("late"), child("apart", detach=True)
        )
        play = Play(graph(composite("c", inside=inside)))
        state = play.state
        late = folded(play.graph, [e.RetryScheduled("c/late", 1, BOOM, 9.0, 1.0, 0.0)], state)
        paused = folded(play.graph, [e.ExecutionPaused("run", None, "request")], late)
        found = paused.task("c")
        assert found is not None
        events = list(cleared_inside(paused, "c", found))
        asked = {(type(one).__name__, one.path) for one in events if not isinstance(one, e.TaskCancelled)}  # type: ignore[attr-defined]
        assert asked == {("ChildControlRequested", "c/free"), ("ChildCancelRequested", "c/bound")}

    def test_a_child_that_took_too_long_is_what_its_task_waits_for(self) -> None:
        play = Play(graph(child("s")))
        late = play.task("s")._replace(status=TaskStatus.READY, reason="total-timeout")
        left = play.state.scope._replace(pages=((late,),))
        found = explain_state(play.state._replace(scope=left), "s")
        assert [one.code for one in found] == ["child-open"]


class TestDefinitions:
    def test_a_map_over_a_file_reads_it_page_by_page(self) -> None:
        types = {
            one.name: one for one in (*TASK_TYPES, MAP_OF_PAGES, TaskType("read", lambda ctx, input: None))
        }
        tasks = {"m": {"type": "map", "input": {"file": "rows.csv"}, "task": {"type": "noop"}}}
        found = compile_loaded(load_data({"name": "w", "tasks": tasks}), types)
        node = found.root.tasks[0]
        assert (node.type, node.item) == ("pages", None)
        assert node.scope is not None and "read" in [one.type for one in node.scope.tasks]

    def test_only_some_shapes_can_be_a_workflow(self) -> None:
        with pytest.raises(PydanticCustomError, match="'workflow' is a definition"):
            read_workflow(7)

    @pytest.mark.parametrize(
        ("value", "read"),
        [({"name": "ship"}, "ship"), ({"name": "ship", "version": 2}, "ship@2"), ("ship@^1.4", "ship@^1.4")],
    )
    def test_a_published_workflow_is_named_by_text_or_by_parts(self, value: Any, read: str) -> None:
        assert read_workflow(value) == read

    @pytest.mark.parametrize(
        ("value", "code"),
        [
            ({"file": "a.yaml"}, "file-not-read"),
            ({"hash": "x"}, "value-wrong"),
            ("no name!", "reference-invalid"),
        ],
    )
    def test_what_names_a_workflow_wrongly_is_refused(self, value: Any, code: str) -> None:
        with pytest.raises(PydanticCustomError) as refused:
            read_workflow(value)
        assert refused.value.type == code

    def test_what_reduces_is_one_expression(self) -> None:
        types = {one.name: one for one in TASK_TYPES}
        reduce = {"initial": 0, "value": "${a} and ${b}"}
        tasks = {"m": {"type": "map", "input": ITEMS, "task": {"type": "noop"}, "reduce": reduce}}
        with pytest.raises(DefinitionInvalid) as refused:
            compile_loaded(load_data({"name": "w", "tasks": tasks}), types)
        assert [one.code for one in refused.value.problems] == ["expression-invalid"]


def test_a_message_is_kept_while_who_waits_for_it_does_something_else() -> None:
    waits = task("w", type="event", kernel=True, input=ASKED)
    play = Play(graph(waits, task("b", "w")), {("w", "input"): {"name": "a"}})
    came = folded(play.graph, [e.MessageReceived("m", "a", None, 1)], play.state)
    assert types(hand_out(came)) == ["TakeMessages", "SucceedTask"]
    busy = play.task("w")._replace(status=TaskStatus.READY)
    rest = came.scope.pages[0][1:]
    assert hand_out(came._replace(scope=came.scope._replace(pages=((busy, *rest),)))) == []


def test_a_result_for_brackets_without_a_number_is_a_result_for_nothing() -> None:
    assert Play(graph(task("a"))).request("complete", path="a[]", attempt=1, output=1) == []


@pytest.mark.parametrize(
    ("others", "said"), [(0, "No other engine is"), (1, "1 other engine is"), (2, "2 other engines are")]
)
def test_who_could_take_over_is_counted(others: int, said: str) -> None:
    drive = Drive(HEAD, None, False, False, None, others, None, False)
    assert said in abandoned(drive, 1.0)[0].message


class TestTimes:
    def test_a_wait_for_turn_and_a_timer_that_is_due(self) -> None:
        of = graph(task("a"))
        facts = [
            e.ExecutionStarted("w", "1", "d", "g", None, {}, {}, "x"),
            e.SlotsRequested("", 0, [{"key": "workflow:w", "units": 1}]),
            e.SlotsGranted("", 0),
            e.TaskScheduled("a", 1, True, {}),
            e.RetryScheduled("a", 1, BOOM, 9.0, 1.0, 0.0),
            e.TimerFired("a", "retry"),
        ]
        log = [Recorded("x", n, float(n), None, None, one) for n, one in enumerate(facts, 1)]
        line = timeline(of, log, 9.0)
        assert line.tracks["a"].status == "backoff"
        ended = Recorded("x", 7, 8.0, None, None, e.TaskSkipped("a", "resolved"))
        again = Recorded("x", 8, 8.5, None, None, e.TaskScheduled("a", 2, False))
        begun = timeline(of, [*log, ended, again], 9.0).tracks["a"]
        assert (begun.status, begun.ended) == ("running", None)

    def test_a_task_of_another_version_stands_in_no_scope(self) -> None:
        log = [Recorded("x", 1, 1.0, None, None, e.TaskScheduled("gone/a", 1, True, {}))]
        line = timeline(graph(task("b")), log, 9.0)
        assert scope_of(graph(task("b")), line.tracks, line.tracks["gone/a"]) is None
