"""States in plain shapes: everything that a state says is in them, and can be JSON."""

from random import Random

import jsonpatch
from building import BOOM, ONCE_MORE, Play, composite, each, graph, mapped, order, scope, task
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic_core import from_json, to_json
from test_laws import FREE
from test_undo_laws import UndoLife

from harmonia_core.engine.critical_path import critical_path
from harmonia_core.engine.diff import patch
from harmonia_core.engine.evolve import fold
from harmonia_core.engine.state_shapes import canonical_shape, messages, scopes, task_shape, timers, variables
from harmonia_core.engine.timeline import timeline
from harmonia_core.model import events as e
from harmonia_core.model.graph import Catch, Jump, Rule
from harmonia_core.model.inbox import Inbox, Message, Waiter, Want
from harmonia_core.model.state import TaskState
from harmonia_core.model.statuses import TaskStatus
from harmonia_core.model.values import Hole


@settings(max_examples=12, **FREE)
@given(st.randoms(use_true_random=False), st.integers(0, 25))
def test_lives_in_which_things_are_undone_have_shapes_and_timelines(random: Random, steps: int) -> None:
    life = UndoLife(random)
    life.live(steps)
    life.finish()
    before = fold(life.graph, "x", life.log[: random.randint(1, len(life.log))])
    old, new = (from_json(to_json(canonical_shape(state))) for state in (before, life.state))
    assert jsonpatch.apply_patch(old, from_json(to_json(patch(before, life.state)))) == new
    undone = {path for path in new["tasks"] if path.endswith("~undo")}
    assert len(undone) <= life.state.undo.length
    line = timeline(life.graph, life.log, life.now)
    ran = {path for path in line.tracks if path.endswith("~undo")}
    assert ran <= undone and all(link.path not in ran for link in critical_path(line))


def test_a_task_with_all_that_it_can_be() -> None:
    shape = task_shape(
        TaskState(
            TaskStatus.BLOCKED, 2, "child", 1, holes=(Hole((), ("key",)),), total_deadline=9.0, child="c",
            started_at=1.0, begun_at=2.0, error=BOOM,
        )
    )  # fmt: skip
    assert (shape["losses"], shape["child"], shape["error"]["code"]) == (1, "c", "boom")
    assert shape["begun_at"] != shape["started_at"] and shape["total_deadline"] and shape["holes"]


def test_a_map_says_how_its_items_ended_in_runs() -> None:
    play = Play(graph(mapped("m", window=3, tolerate=5)), {("m", "input"): {"items": [0] * 300}})
    for index in range(4):
        play.end(f"m[{index}]", "failed" if index == 2 else "succeeded")
    items = canonical_shape(play.state)["tasks"]["m"]["items"]
    assert items == {"count": 300, "begun": 7, "succeeded": 3, "failed": 1, "marks": "2s 1f 1s 296."}
    play.arrive(play.requested("cancel"))
    stopped = play.task("m").items
    assert stopped is not None
    assert task_shape(TaskState(items=stopped._replace(stopped=True)))["items"]["stopped"] is True


def test_a_sequence_says_where_it_stands_and_what_it_handles() -> None:
    caught = Rule((Jump(None),), (Catch(1, name="error"),))
    inside = scope(task("try"), task("mend"), order=order(caught, Rule((Jump(None),))))
    play = Play(graph(composite("c", inside=inside)), {("c/try", "caught"): 0})
    play.end("c/try", "failed")
    (shape,) = scopes(play.state).values()
    assert shape["kind"] == "sequence" and shape["step"] == "mend" and shape["handling"]["code"] == "boom"
    assert variables(play.state)["c"]["error"]["code"] == "boom"


def test_timers_and_messages_are_listed() -> None:
    play = Play(graph(task("a", retry=ONCE_MORE), mapped("m", item=each("event")), timeout=90.0))
    play.end("a", "failed")
    assert [(one["path"], one["kind"]) for one in timers(play.state)] == [("a", "retry"), ("", "deadline")]
    message = Message("m1", "paid", {"n": 1}, 250, 5.0, None)
    waiter = Waiter((Want("paid", None),), "any", 3.0)
    shape = messages(play.state._replace(inbox=Inbox((message,), waiting={"e": waiter})))
    assert shape["kept"]["m1"]["name"] == "paid" and shape["kept"]["m1"]["expires"] is None
    assert shape["waiting"]["e"] == {"messages": [{"name": "paid"}], "mode": "any"}


def test_what_was_stopped_and_what_raises_is_said() -> None:
    play = Play(graph(composite("c", inside=scope(task("a"), task("b"), enough=1))))
    play.arrive(play.requested("cancel"))
    assert canonical_shape(play.state)["execution"]["cancelling"] is True
    one = Play(graph(composite("c", inside=scope(task("a"), task("b"), enough=1))))
    one.end("c/a")
    assert any(type(record.event) is e.ScopeStopped for record in one.log)
    assert scopes(one.state)["c"]["stopped"] == "won"
