"""Whatever a finished execution is carried out again from, or forked at, the same comes out."""

from collections.abc import Iterable
from random import Random
from typing import Any

import pytest
from building import Play
from checking import agree
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from lives import Again, Drawn, Life, Store
from pydantic_core import from_json
from test_undo_laws import UndoLife

from harmonia_core.engine import rewind_scopes
from harmonia_core.engine.rewind import (
    AtSeq,
    FromTasks,
    Origin,
    Point,
    RewindRefused,
    Rewound,
    failed_points,
    placed,
    rewind,
)
from harmonia_core.engine.rewind_frontier import regrown
from harmonia_core.engine.rewind_past import lies_below
from harmonia_core.engine.rolling import blobs_in, restored
from harmonia_core.model.events import Event
from harmonia_core.model.graph import Scope
from harmonia_core.model.refs import BlobRef
from harmonia_core.model.snapshot import dump
from harmonia_core.model.state import ExecutionState, GraphState, begin
from harmonia_core.model.statuses import ExecutionStatus

FREE: Any = {"deadline": None, "suppress_health_check": list(HealthCheck)}
SEEDS = st.integers(0, 2**32)


def lived(seed: int) -> tuple[Drawn, Store, Life]:
    """Return a drawn workflow, and an execution of it that has ended."""
    drawn, store = Drawn(Random(seed)), Store()
    return drawn, store, drawn.life(Random(seed), store).finish()


def touched(life: Life) -> list[str]:
    """Return every task, item and round that anything happened to."""
    return sorted({path for record in life.log if (path := getattr(record.event, "path", ""))})


def same_again(drawn: Drawn, store: Store, life: Life, point: Point) -> tuple[Rewound, Again]:
    """Go on from a point and assert that it comes to the same, by what it said it would do."""
    rewound = rewind(life.origin, point)
    assert rewound == rewind(life.origin, point)
    agree(rewound.state)
    again = drawn.again(rewound, store, Random(1)).finish()
    assert again.outcomes() == life.outcomes(), point
    assert all(lies_below(rewound.again, path) for path in again.ran()), point
    assert not set(rewound.reused) & again.ran()
    return rewound, again


@settings(max_examples=30, **FREE)
@given(SEEDS)
def test_a_fork_at_any_seq_comes_to_the_same(seed: int) -> None:
    drawn, store, life = lived(seed)
    for seq in Random(seed).sample(range(1, len(life.log) + 1), min(6, len(life.log))):
        same_again(drawn, store, life, AtSeq(seq))


@settings(max_examples=30, **FREE)
@given(SEEDS)
def test_a_re_run_from_any_task_comes_to_the_same(seed: int) -> None:
    drawn, store, life = lived(seed)
    paths = touched(life)
    for path in Random(seed).sample(paths, min(6, len(paths))):
        rewound, again = same_again(drawn, store, life, FromTasks((path,)))
        assert any(lies_below({path}, one) or lies_below({one}, path) for one in rewound.again), path
        begun = {one.path for one in rewound.repeats}
        assert {one for one in again.ran() if one in life.attempted()} - again.kernel() == begun, path


@settings(max_examples=20, **FREE)
@given(SEEDS)
@example(5372)
@example(100252)
@example(100928)
def test_what_went_on_from_a_past_has_a_past_itself(seed: int) -> None:
    drawn, store, life = lived(seed)
    random, paths = Random(seed), touched(life)
    first = rewind(life.origin, FromTasks((random.choice(paths),)))
    child = drawn.again(first, store, random).finish()
    expected = life.outcomes()
    assert child.outcomes() == expected
    store.forget(life.id)
    for point in (AtSeq(random.randint(1, len(child.log))), FromTasks((random.choice(paths),)), FromTasks()):
        try:
            second = rewind(child.origin, point)
        except RewindRefused as refused:
            # What the first one had done before is in the log of the first one.
            assert {one.code for one in refused.problems} <= {"not-in-this-log"}
            continue
        again = drawn.again(second, store, random, "z").finish()
        assert again.outcomes() == expected, point


@settings(max_examples=25, **FREE)
@given(SEEDS)
def test_any_life_can_be_gone_on_from_or_it_is_said_why_not(seed: int) -> None:
    random = Random(seed)
    life = Lively(random)
    life.live(random.randint(0, 40))
    paths = [path for record in life.log if (path := getattr(record.event, "path", ""))]
    paths += ["zz", "t0[99]", "t0/x", "a[b", "t1[2]/s0"]
    for _ in range(4):
        seq = AtSeq(random.randint(0, len(life.log) + 1))
        point = random.choice([seq, FromTasks(tuple(random.sample(paths, random.randint(0, 2))))])
        try:
            rewound = rewind(Origin(life.graph, begin(life.graph, "x"), tuple(life.log)), point)
        except RewindRefused as refused:
            assert all(one.code and one.message for one in refused.problems)
            continue
        agree(rewound.state)
        assert all(lies_below(rewound.again, path) for path in rewound.undone)
        Continued(life, rewound).finish()


class Lively(UndoLife):
    """A drawn life in which only the frontier is looked at."""

    def check(self) -> None:
        """Assert that the frontier is maintained."""
        agree(self.state)


class Continued(Lively):
    """A drawn life that goes on from the past of another one."""

    def __init__(self, life: Lively, rewound: Rewound) -> None:
        blobs = {need.path: BlobRef(f"sha256:{need.path}", 1) for need in rewound.needs}
        state = placed(rewound, blobs).state
        # The messages that this test sends have the same ids in every execution.
        state = state._replace(inbox=state.inbox._replace(seen=()))
        assert {ref.address for ref in blobs_in(state)} >= {ref.address for ref in blobs.values()}
        self._base, self.random = restored(life.graph, "y", from_json(dump(state))), life.random
        Play.__init__(self, life.graph, life.evaluator.answers, slow=life.evaluator.slow)

    def arrive(self, *arrivals: Any, only_record: bool = False) -> list[Event]:
        if not self.log and self.state.seq == 0:
            self.state, arrivals = self._base._replace(status=ExecutionStatus.RUNNING), ()
        return super().arrive(*arrivals, only_record=only_record)


@settings(max_examples=25, **FREE)
@given(SEEDS)
def test_the_frontier_found_anew_is_the_one_that_is_maintained(seed: int) -> None:
    random = Random(seed)
    life = Lively(random)
    life.live(random.randint(0, 30))
    assert anew(life.state.graph.root, life.state.scope) == life.state.scope


def anew(nodes: Scope, scope: GraphState) -> GraphState:
    """Return a scope whose frontier is found anew, at every depth of its composites."""
    tasks = []
    for node in nodes.tasks:
        task = scope.task(node.index)
        if task.inside is not None and node.scope is not None:
            task = task._replace(inside=task.inside._replace(graph=anew(node.scope, task.inside.graph)))
        tasks.append(task)
    return regrown(nodes, tasks)


def dependants_forgotten(nodes: Scope, positions: Iterable[int]) -> set[int]:
    return set()


def everything_later(nodes: Scope, positions: Iterable[int]) -> set[int]:
    return set(range(min(positions, default=len(nodes.tasks)), len(nodes.tasks))) - set(positions)


@pytest.mark.parametrize("bug", [dependants_forgotten, everything_later])
def test_a_re_run_across_parallel_branches_is_by_reachability(
    bug: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other engines' bug (conductor-oss #310, argo #10425): joins keep old results, or siblings are lost."""
    from branches import re_run_of_one_branch

    re_run_of_one_branch()
    monkeypatch.setattr(rewind_scopes, "closure", bug)
    with pytest.raises(AssertionError):
        re_run_of_one_branch()


def test_failed_points_lead_into_composites() -> None:
    for seed in range(40):
        _, _, life = lived(seed)
        state: ExecutionState = life.state
        assert bool(failed_points(state)) is (state.status is ExecutionStatus.FAILED)
        assert all(state.task(path) is not None for path in failed_points(state))
