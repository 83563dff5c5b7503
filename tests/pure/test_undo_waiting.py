"""What goes on beside an undo: nobody else waits for a failure that waits for it."""

from building import ASKED, UNDONE, Play, composite, graph, scope, task, types


def test_a_failure_that_waits_for_an_undo_keeps_no_message_back() -> None:
    inside = scope(task("a", undo=UNDONE), task("b", "a"))
    block = composite("c", inside=inside, on_failure="compensate")
    waits = task("w", type="event", kernel=True, input=ASKED)
    play = Play(graph(block, waits), {("w", "input"): {"name": "go"}})
    play.end("c/a")
    play.fail("c/b")
    assert list(play.flying) == ["c/a~undo"]
    assert "MessageTaken" in types(play.request("message", id="m", name="go", data=1))
