"""What expressions read out of a state, what a state looks like from outside."""

from typing import Any

import pytest
from building import BOOM, EXECUTION, Play, graph, mapped, task

from harmonia_core.contracts.rows import ExecutionRow
from harmonia_core.engine.evaluate import ValueCache
from harmonia_core.engine.live import Live
from harmonia_core.engine.reading import NotAtHand, Ref, StateReader
from harmonia_core.engine.views import event_view, execution_view, status_of
from harmonia_core.errors import ExpressionError
from harmonia_core.model.paths import read_path
from harmonia_core.model.refs import BlobRef, ItemsRef
from harmonia_core.model.statuses import TaskStatus
from harmonia_core.model.values import Hole, SecretRef


def life() -> Play:
    of = graph(task("good"), task("bad"), task("open"), mapped("m"), task("after", "bad"))
    play = Play(of, {("m", "input"): {"items": ["x", {"k": 2}]}}, input={"n": 1})
    play.end("good", output={"list": [1, {"deep": True}]})
    play.fail("bad")
    return play


def read(play: Play, path: str, *, at: str = "after", item: int | None = None, held: Any = None) -> Any:
    def at_hand(ref: Ref, in_part: bool) -> Any:
        if held is None:
            raise NotAtHand(ref)
        return held

    parsed = read_path(path)
    assert parsed is not None
    return StateReader(play.state, at, item, 0.0, {"HOME": "/"}, at_hand)(parsed)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("input.n", 1),
        ("vars", {}),
        ("env.HOME", "/"),
        ("context.execution", EXECUTION),
        ("context.workflow.name", "w"),
        ("context.now", "1970-01-01T00:00:00.000000Z"),
        ("tasks.good.list[1].deep", True),
        ("tasks.good.status", "succeeded"),
        ("tasks.good.error", None),
        ("tasks.good.attempts", 1),
        ("tasks.bad.output", None),
        ("tasks.bad.error.code", "boom"),
        ("tasks.open", {"output": None, "status": "running", "error": None, "attempts": 1}),
        ("tasks.after.status", "unreachable"),
    ],
)
def test_a_path_reads_what_stands_there(path: str, value: Any) -> None:
    assert read(life(), path) == value


@pytest.mark.parametrize(
    "path",
    ["tasks.bad.output.x", "tasks.nobody.output", "input.m", "env.PATH", "context.owner", "tasks.bad.x"],
)
def test_what_is_not_there_is_an_error(path: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        read(life(), path)
    assert caught.value.error_code == "path-missing"


def test_all_tasks_at_once() -> None:
    assert list(read(life(), "tasks")) == ["good", "bad", "open", "m", "after"]


def test_items_know_their_value_and_index() -> None:
    assert read(life(), "item.k", at="m[1]", item=1) == 2
    assert read(life(), "index", at="m[1]", item=1) == 1


def test_a_reference_that_is_not_at_hand_makes_the_question_slow() -> None:
    play = life()
    ref = BlobRef("sha256:1", 9)
    play.state = play.state._replace(input=ref)
    with pytest.raises(NotAtHand) as caught:
        read(play, "input.n")
    assert caught.value.ref == ref
    assert read(play, "input.n", held={"n": 5}) == 5
    play.end("open", output=ItemsRef("m", 2))
    with pytest.raises(NotAtHand):
        read(play, "tasks.open.output")


ROW = ExecutionRow(
    EXECUTION, "default", "w", "1", "sha256:d", "running", None, 1, 1, "engine", 0.0, 0.0, None, EXECUTION,
    None, None, '{"l":"x"}', None, None,
)  # fmt: skip


def test_an_execution_as_people_see_it() -> None:
    play = life()
    view = execution_view(ROW, play.state, True)
    assert view["owner"] == {"engine": "engine", "epoch": 1, "alive": True} and view["labels"] == {"l": "x"}
    assert view["counts"] == {"succeeded": 1, "failed": 1, "running": 2, "unreachable": 1}
    assert [t["path"] for t in view["tasks"]] == ["good", "bad", "open", "m", "m[0]", "m[1]", "after"]
    assert view["error"] is None and view["failed_tasks"] == ["bad"]
    bad = view["tasks"][1]
    assert (
        bad["error"] == BOOM.as_json()
        and bad["started_at"] == bad["ended_at"] == "1970-01-01T00:00:00.000000Z"
    )
    items = {"count": 2, "begun": 2, "in_flight": 2, "succeeded": 0, "failed": 0, "cancelled": 0}
    assert view["tasks"][3]["items"] == items


def test_what_never_began_in_an_execution_that_has_ended_counts_as_cancelled() -> None:
    play = Play(graph(task("a"), task("b", "a")))
    assert status_of(play.task("b"), None) is TaskStatus.WAITING
    play.request("cancel")
    play.end("a")
    view = execution_view(
        ROW._replace(error='{"code":"x"}', origin='{"id":"y"}', owner=None), play.state, None
    )
    assert view["counts"] == {"succeeded": 1, "cancelled": 1} and view["owner"] is None
    assert view["origin"] == {"id": "y"}


def test_holes_stand_beside_the_input() -> None:
    play = life()
    holed = play.task("open")._replace(input={"a": None}, holes=(Hole(("a",), (SecretRef("s"),)),))
    page = play.state.scope.pages[0]
    pages = ((*page[:2], holed, *page[3:]),)
    play.state = play.state._replace(scope=play.state.scope._replace(pages=pages))
    shown = execution_view(ROW, play.state, None)["tasks"][2]
    assert shown["input"] == {"a": None}
    assert shown["holes"] == [{"pointer": ["a"], "parts": [{"secret": "s"}]}]


def test_an_event_as_people_see_it() -> None:
    play = Play(graph(task("t")), inline_limit=60)
    play.end("t", output="y" * 100)
    shown = event_view(play.log[2])
    assert (shown["type"], shown["seq"], shown["v"], shown["at"]) == (
        "TaskSucceeded", 3, 1, "1970-01-01T00:00:00.000000Z",
    )  # fmt: skip
    assert shown["data"]["output"]["$blob"].startswith("sha256:")


def test_the_cache_forgets_the_least_used_value() -> None:
    cache = ValueCache(10)
    cache.put("a", 1, 4)
    cache.put("b", 2, 4)
    assert cache.get("a") == 1
    cache.put("c", 3, 4)
    with pytest.raises(KeyError):
        cache.get("b")
    cache.put("huge", 4, 99)
    assert cache.get("huge") == 4
    cache.put("huge", 5, 2)
    cache.put("d", 6, 8)
    assert cache.get("d") == 6 and cache.get("huge") == 5


def test_an_execution_rests_when_only_a_person_can_go_on() -> None:
    play = Play(graph(task("a", idempotent=False), task("b")))
    play.end("a", "cancelled")
    assert not Live(play.state, "default", 1, True).resting
    play.end("b")
    live = Live(play.state, "default", 1, True)
    assert live.resting
    live.arrivals.append(play.requested("retry", path="a"))
    assert not live.resting
    live.trouble = ValueError()
    assert live.resting
