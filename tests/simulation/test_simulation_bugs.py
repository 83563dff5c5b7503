"""The simulator finds each of the ten seeded bugs, and makes what it found small enough to be read."""

from dataclasses import replace

import pytest
from bugs import BUGS
from sim_minimise import minimised
from sim_plan import Plan, plan
from sim_report import history
from sim_world import run

FOUND = {
    "fence_removed": (range(118, 128), {"fence", "two-writers", "log-gap", "final-changed"}),
    "stored_counter": (range(100, 110), {"limit", "no-end"}),
    "non_atomic_outcome": (range(10), {"projection-differs", "no-end", "slot-left"}),
    "lost_timer": (range(40, 50), {"no-end"}),
    "terminal_overwritten": (range(10), {"outcome-twice", "transition"}),
    "frontier_not_updated": (range(10), {"no-end"}),
    "answer_evaluated_twice": (range(10), {"answer-twice"}),
    "child_started_twice": (range(5, 15), {"child-twice"}),
    "undo_order_broken": (range(248, 258), {"undo-order"}),
    "secret_recorded": (range(10), {"secret"}),
}
"""Ten seeds for each bug, of which at least one shows it, and the invariants one of which is violated."""


@pytest.mark.parametrize("name", sorted(BUGS))
def test_a_seeded_bug_is_found(name: str) -> None:
    seeds, codes = FOUND[name]
    with BUGS[name]():
        seen = {one.code for seed in seeds for one in run(plan(seed)).violations}
    assert seen & codes, f"{sorted(seen)} were violated"


def test_a_violation_is_made_small_and_told() -> None:
    seed = next(seed for seed in FOUND["frontier_not_updated"][0] if _fails(seed, "frontier_not_updated"))
    whole = plan(seed)
    with BUGS["frontier_not_updated"]():
        small = minimised(whole, "no-end")
        result = run(small)
    assert len(small.decisions) < len(whole.decisions)
    assert result.violations[0].code == "no-end"
    assert not run(small).violations, "without the bug nothing is wrong"
    lines = history(result, result.violations[0])
    assert max(map(len, lines)) <= 80
    assert lines[-1] == f"See it again: make simulate SEED={seed}"
    assert any("no-end" in line for line in lines)
    with BUGS["frontier_not_updated"]():
        for place in range(len(small.decisions)):
            left = small.decisions[:place] + small.decisions[place + 1 :]
            assert not left or not _no_end(replace(small, decisions=left)), "none of them can be missed"


def _fails(seed: int, name: str) -> bool:
    with BUGS[name]():
        return _no_end(plan(seed))


def _no_end(of: Plan) -> bool:
    return any(one.code == "no-end" for one in run(of).violations)
