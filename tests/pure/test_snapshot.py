"""Snapshots: the whole state comes back, of this format only."""

from building import ASKED, BOOM, ONCE_MORE, Play, each, graph, mapped, task
from pydantic_core import from_json, to_json

from harmonia_core.engine.arrivals import Fact
from harmonia_core.model import events as e
from harmonia_core.model.commands import Answer
from harmonia_core.model.outcomes import ErrorInfo
from harmonia_core.model.refs import BlobRef, ItemsRef
from harmonia_core.model.snapshot import dump, load, weight
from harmonia_core.model.values import Hole, SecretRef

HOLES = (Hole(("auth", 0), ("Bearer ", SecretRef("token"))),)


def full() -> Play:
    """Return an execution whose state has something in every field."""
    of = graph(
        task("a", retry=ONCE_MORE), task("b", input=ASKED), task("c", "a", "b"), task("d", total_timeout=9.0),
        mapped("m", item=each(retry=ONCE_MORE), window=3), task("e", input=ASKED), timeout=99.0,
    )  # fmt: skip
    slow = [("b", "input"), ("e", "input")]
    play = Play(of, {("m", "input"): {"items": list(range(300))}}, slow=slow, input={"$blob": "x", "size": 1})
    play.fail("a")
    play.fail("m[1]")
    play.fail("m[0]", retryable=False)
    play.end("m[2]", output=1)
    question = next(id for id, ask in play.slow.items() if ask.path == "b")
    play.arrive(Fact(e.LateResultRefused("d", 7, "succeeded")))
    ref = BlobRef("sha256:1", 70_000)
    answered = {
        ("b", "input"): Answer(ref, HOLES),
        ("z", "when"): Answer(error=BOOM),
        ("m", "input"): Answer(width=3),
    }
    state = play.state._replace(answers=answered, vars={"v": [1]}, labels={"l": "x"}, reason="why")
    d = state.scope.task(3)._replace(input=ItemsRef("m", 3), holes=HOLES, output=ref, losses=2)
    pages = ((*state.scope.pages[0][:3], d, *state.scope.pages[0][4:]),)
    play.state = state._replace(scope=state.scope._replace(pages=pages))
    assert question in play.state.asks
    return play


def test_everything_comes_back() -> None:
    play = full()
    assert load(play.graph, dump(play.state)) == play.state
    assert load(play.graph, dump(load(play.graph, dump(play.state)))) == play.state  # type: ignore[arg-type]


def test_the_text_holds_no_graph_and_no_defaults() -> None:
    play = Play(graph(*(task(f"t{n}", "first") for n in range(500)), task("first")))
    text = dump(play.state)
    assert len(text) < 500 * 4 + 1000
    assert load(play.graph, text) == play.state


def test_another_format_is_ignored() -> None:
    play = Play(graph(task("t")))
    shape = from_json(dump(play.state))
    assert load(play.graph, to_json(shape | {"format": 0})) is None
    del shape["format"]
    assert load(play.graph, to_json(shape)) is None


def test_a_final_state_comes_back() -> None:
    play = Play(graph(task("t")))
    play.fail("t", details={"deep": [1, None]}, traceback="…", cause="c", retry_after=1.5)
    assert load(play.graph, dump(play.state)) == play.state
    assert isinstance(play.state.error, ErrorInfo)


def test_items_in_flight_weigh_like_tasks_and_ended_ones_next_to_nothing() -> None:
    of = graph(mapped("m", item=each(), window=3), task("t"))
    assert weight(Play(of, {("m", "input"): {"items": []}}).state.scope) == 2
    running = Play(of, {("m", "input"): {"items": list(range(640))}}).state.scope
    assert weight(running) == 2 + 3 + 10
