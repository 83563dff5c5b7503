"""Limits as causes: the state knows which and since when, the store who holds them."""

from building import Play, graph, task

from harmonia_core.engine.explain import explain_state
from harmonia_core.engine.gating import Gate

GATE = Gate(frozenset({"type:work"}))


def test_a_task_that_waits_under_a_limit_names_it() -> None:
    play = Play(graph(task("t"), task("u", "t")), gate=GATE)
    found = explain_state(play.state, "u")
    assert [(one.code, one.path) for one in found] == [("limit-reached", "t"), ("dependency-open", "u")]
    assert (found[0].since, found[0].blocking["keys"]) == (0.0, ["type:work"])
    assert found[0].help == ("harmonia limits show type work",)
    assert [step.path for step in found[0].chain] == ["u", "t"]


def test_an_execution_that_waits_for_its_turn_has_begun_nothing() -> None:
    play = Play(graph(task("t"), task("u", "t")), gate=Gate(frozenset({"workflow:w"})))
    for path in (None, "t"):
        first = explain_state(play.state, path)[0]
        assert (first.code, first.blocking["keys"], first.since) == ("execution-queued", ["workflow:w"], 0.0)
    assert explain_state(play.state)[0].paths == ("t",)
