"""What the sweep finds: with one thing of the product broken, it says that something ends otherwise."""

import pytest
from bugs import BUGS
from sweep_case import CORPUS, Case, read
from sweep_expected import unexpected
from sweep_life import Stuck
from sweep_outcome import differences
from sweep_run import Calm, Place, calm, each_kind, sweep

pytestmark = pytest.mark.anyio
FOUND = {
    "non_atomic_outcome": "chain",
    "lost_timer": "chain",
    "frontier_not_updated": "diamond",
    "answer_evaluated_twice": "large-values",
    "child_started_twice": "children",
    "undo_order_broken": "undo-chain",
    "secret_recorded": "secrets",
    "stored_counter": "limited",
    "fence_removed": "diamond",
}
"""Bugs that the sweep finds, and a definition on which it does.

One is not among them, `terminal_overwritten`: no attempt here ends well when it is interrupted.
"""


async def told(case: Case, base: Calm, memory: Place, zombies: bool) -> list[str]:
    """Return what the sweep says of a case: about its undisturbed run first, and only then about crashes.

    That it says nothing about the product as it is, the other tests show.
    """
    try:
        now = await calm(case, memory())
    except ExceptionGroup as stuck:
        if stuck.split(Stuck)[1] is not None:
            raise
        return [str(stuck.exceptions)]
    wrong = unexpected(case, now.outcome) + now.faults + differences(base.outcome, now.outcome)
    if wrong:
        return wrong
    for point in each_kind(now.points):
        swept = await sweep(case, memory, now, [point], zombies)
        if swept.wrong:
            return swept.wrong[str(point[0])]
    return []


@pytest.mark.parametrize(("bug", "name"), FOUND.items())
async def test_a_seeded_bug_is_found(bug: str, name: str, memory: Place) -> None:
    case = read(CORPUS / f"{name}.yaml")
    base = await calm(case, memory())
    with BUGS[bug]():
        found = await told(case, base, memory, bug == "fence_removed")
    assert found, "the sweep says that all outcomes are equal"
