"""Where an execution may go on in another log, what that begins with, and that nothing is lost."""

from typing import Any

import pytest
from building import ASKED, EXECUTION, Play, composite, graph, order, scope, task

from harmonia_core.engine.arrivals import translate
from harmonia_core.engine.evolve import evolve, fold
from harmonia_core.engine.projections import open_timers
from harmonia_core.engine.rolling import base_of, beginning, blobs_in, quiet, restored, roll_over
from harmonia_core.engine.settle import settle
from harmonia_core.errors import StateCorrupt
from harmonia_core.model.codec import decode, encode
from harmonia_core.model.commands import RollOver
from harmonia_core.model.events import ExecutionContinued, ExecutionRolledOver, Recorded
from harmonia_core.model.graph import Graph, Jump, Rule
from harmonia_core.model.refs import BlobRef, ItemsRef
from harmonia_core.model.snapshot import FORMAT
from harmonia_core.model.state import ExecutionState
from harmonia_core.model.statuses import ExecutionStatus

ROUNDS = 6
AGAIN = Rule((Jump(0),))


def rounds(*more: Any, times: int = ROUNDS, **fields: Any) -> tuple[Graph, dict[tuple[str, str], Any]]:
    """Return a counted loop of one task beside other tasks, and the answers that it needs."""
    inside = scope(task("a"), order=order(AGAIN, counted=True), repeats=True)
    of = graph(composite("loop", inside=inside, input=ASKED), *more, **fields)
    return of, {
        ("loop", "input"): {"times": times},
        ("loop[]/a", "input"): {},
        ("b", "input"): {"duration": 5},
    }


def between(*more: Any, ended: int = 1, **fields: Any) -> ExecutionState:
    """Return the state in which a round has ended and the next has not begun."""
    of, answers = rounds(*more, **fields)
    play = Play(of, answers)
    for number in range(ended - 1):
        play.end(f"loop[{number}]/a")
    outcome = play.outcome(f"loop[{ended - 1}]/a", output={"n": ended})
    (event, _, _) = next(iter(translate(play.state, outcome, 0.0)))
    return evolve(play.state, Recorded(EXECUTION, play.state.seq + 1, 0.0, None, None, event))


def continued(state: ExecutionState, id: str = "y") -> ExecutionState:
    """Return the state with which another execution begins."""
    of = state.graph
    event = ExecutionContinued(
        state.execution_id, state.seq, of.name, of.version, of.definition_hash, of.graph_hash, base_of(state)
    )
    first = Recorded(id, 1, 9.0, None, None, decode("ExecutionContinued", 1, encode(event)))
    found = evolve(beginning(of, id, first), first)
    assert found == fold(of, id, [first])
    return found


def test_it_rolls_over_between_two_rounds_once_the_log_is_longer() -> None:
    state = between(ended=2)
    assert quiet(state)
    assert roll_over(state, state.seq) is None and roll_over(state, 0) is None
    assert roll_over(state, state.seq - 1) == RollOver(EXECUTION, state.seq + 1)


def test_not_while_a_round_goes_on() -> None:
    of, answers = rounds()
    assert not quiet(Play(of, answers).state)


@pytest.mark.parametrize("beside", [task("b"), task("b", type="wait", kernel=True, input=ASKED)])
def test_not_while_anything_else_has_begun(beside: Any) -> None:
    assert not quiet(between(beside))
    assert quiet(between(task("b", "loop")))


def test_not_while_it_is_being_cancelled_or_out_of_time_or_asked() -> None:
    state = between()
    assert not quiet(state._replace(cancelling=True, status=ExecutionStatus.CANCELLING))
    assert not quiet(state._replace(timed_out=True))
    assert not quiet(state._replace(asks={"q": ("loop", "then", 0)}))  # type: ignore[dict-item]
    assert not quiet(state._replace(answers={("loop", "then"): 0}))  # type: ignore[dict-item]


def test_not_inside_a_graph_and_not_deeper_than_the_workflows_own_tasks() -> None:
    inner = scope(task("a"), order=order(AGAIN, counted=True), repeats=True)
    deep = composite("loop", inside=inner, input=ASKED)
    of = graph(composite("g", inside=scope(deep)))
    play = Play(of, {("g/loop", "input"): {"times": 3}})
    assert not any(_quiet_somewhere(play))
    play.end("g/loop[0]/a")
    assert not any(_quiet_somewhere(play))


def _quiet_somewhere(play: Play) -> list[bool]:
    found, state = [], beginning(play.graph, EXECUTION, None)
    for recorded in play.log:
        state = evolve(state, recorded)
        found.append(quiet(state))
    return found


def test_not_again_before_a_step_has_ended_in_the_new_log() -> None:
    state = continued(between())
    assert not quiet(state) and roll_over(state, 1) is None


def test_not_before_the_last_step() -> None:
    steps = scope(task("a"), task("end"), order=order(AGAIN, Rule(), last=1))
    play = Play(graph(composite("s", inside=steps)), {})
    play.fail("s/a")
    play.end("s/end")
    assert not any(_quiet_somewhere(play)[-3:])


def test_a_chain_does_what_one_execution_does() -> None:
    """With a limit that is always passed, each round is a log of its own; keys and results are the same."""
    of, answers = rounds(task("after", "loop"))
    whole = Play(of, answers)
    for number in range(ROUNDS):
        whole.end(f"loop[{number}]/a", output=number)
    whole.end("after")
    play, keys, logs = Play(of, answers), list[str](), 0
    while not play.final:
        (path,) = play.flying
        keys.append(path)
        outcome = play.outcome(path, output=len(keys) - 1)
        batch = settle(play.state, [outcome], translate, 0.0, play.evaluator, 10**6, False, 1)
        play.state = batch.state
        play.flying.update({command.path: command.attempt for command in batch.effects})
        if play.state.status is ExecutionStatus.CONTINUED:
            assert type(batch.recorded[-1].event) is ExecutionRolledOver
            begun = settle(continued(play.state), [], translate, 0.0, play.evaluator, 10**6, False, 1)
            play.state, logs = begun.state, logs + 1
            play.flying.update({command.path: command.attempt for command in begun.effects})
    assert keys == [*(f"loop[{n}]/a" for n in range(ROUNDS)), "after"] and logs == ROUNDS
    assert play.state.status is whole.state.status is ExecutionStatus.COMPLETED
    assert play.task("loop").output == whole.task("loop").output == ROUNDS - 1


def test_timers_deadline_and_the_first_start_are_inherited() -> None:
    state = between(timeout=50.0)
    after = continued(state._replace(root_id="first"))
    assert [(row.path, row.kind, row.due) for row in open_timers(after)] == [("", "deadline", 50.0)]
    assert open_timers(evolve(state, _over(state))) == []
    assert (after.started_at, after.root_id, after.execution_id) == (state.started_at, "first", "y")
    assert (after.seq, after.status, after.ended_at) == (1, ExecutionStatus.RUNNING, None)


def _over(state: ExecutionState) -> Recorded:
    return Recorded(EXECUTION, state.seq + 1, 0.0, None, None, ExecutionRolledOver("y"))


def test_what_ended_before_comes_before_what_ends_now() -> None:
    state = between()
    step, after = state.task("loop[0]/a"), continued(state).task("loop[0]/a")
    assert step is not None and step.ended_seq == state.seq
    assert after is not None and after.ended_seq == 0


def test_items_that_are_rows_elsewhere_name_their_execution_and_keep_it() -> None:
    state = between()
    step = state.scope.task(0).inside
    assert step is not None
    ended = step.graph.task(0)._replace(output=ItemsRef("loop[0]/a", 3))
    pages = ((ended,),)
    loop = state.scope.task(0)._replace(inside=step._replace(graph=step.graph._replace(pages=pages)))
    state = state._replace(scope=state.scope._replace(pages=((loop,),)))
    once = continued(state)
    again = continued(once, "z")
    for found in (once, again):
        task = found.task("loop[0]/a")
        assert task is not None and task.output == ItemsRef("loop[0]/a", 3, EXECUTION)


def test_blobs_that_the_base_refers_to_are_found_at_any_depth() -> None:
    state = between()
    inside = state.scope.task(0).inside
    assert inside is not None
    step = inside.graph.task(0)._replace(output=BlobRef("sha256:a", 1), input=BlobRef("sha256:b", 2))
    loop = state.scope.task(0)._replace(inside=inside._replace(graph=inside.graph._replace(pages=((step,),))))
    state = state._replace(scope=state.scope._replace(pages=((loop,),)), input=BlobRef("sha256:c", 3))
    assert {ref.address for ref in blobs_in(state)} == {"sha256:a", "sha256:b", "sha256:c"}
    assert set(blobs_in(continued(state))) == set(blobs_in(state))


@pytest.mark.parametrize(
    ("base", "said"),
    [
        (None, "cannot be read"),
        (BlobRef("sha256:a", 1), "cannot be read"),
        ({"format": FORMAT + 1}, "a newer Harmonia"),
        ({"format": FORMAT}, "KeyError"),
        ({"format": FORMAT, "status": "odd"}, "ValueError"),
    ],
)
def test_a_base_that_cannot_be_read_is_corrupt(base: Any, said: str) -> None:
    of, _ = rounds()
    with pytest.raises(StateCorrupt, match=said):
        restored(of, "y", base)


def test_a_base_of_the_oldest_format_is_read() -> None:
    state = between()
    base = {**base_of(state), "format": 4}
    assert restored(state.graph, "y", base).vars == state.vars
