"""What goes on beside an undo: nobody else waits for a failure that waits for it."""

from dataclasses import replace

from building import ASKED, UNDONE, Play, composite, folded, graph, scope, task, types

from harmonia_core.engine.decide import decide
from harmonia_core.model import events as e


def test_a_failure_that_waits_for_an_undo_keeps_no_message_back() -> None:
    inside = scope(task("a", undo=UNDONE), task("b", "a"))
    block = composite("c", inside=inside, on_failure="compensate")
    waits = task("w", type="event", kernel=True, input=ASKED)
    play = Play(graph(block, waits), {("w", "input"): {"name": "go"}})
    play.end("c/a")
    play.fail("c/b")
    assert list(play.flying) == ["c/a~undo"]
    assert "MessageTaken" in types(play.request("message", id="m", name="go", data=1))


def test_an_execution_that_has_ended_asks_for_no_undo_that_it_owes() -> None:
    of = graph(task("a", undo=replace(UNDONE, input=ASKED)), task("b", "a"))
    play = Play(of, slow=[("a", "undo")])
    play.end("a")
    ended = folded(of, [e.ExecutionTerminated()], play.state)
    assert ended.undo.owed and decide(of, ended) == []
