"""The workload and the checker find bugs that are put there: of the ten, and of what clients are promised."""

import pytest
from bugs import BUGS
from checked_flows import SECRET
from checker import check
from faulty_world import play
from more_bugs import MORE

from harmonia_core.engine import settle

ALL = {**BUGS, **MORE}
TRIES = 12
"""Seeds after which a bug counts as not found; most are found with the first."""
RULES = {
    "fence_removed": "logs are whole",
    "stored_counter": "running is within the limit",
    "non_atomic_outcome": "the store holds what its logs say",
    "lost_timer": "every accepted execution ends",
    "terminal_overwritten": "final states are final",
    "frontier_not_updated": "every accepted execution ends",
    "answer_evaluated_twice": "questions are answered once",
    "child_started_twice": "children are started once",
    "undo_order_broken": "undone in reverse order",
    "secret_recorded": "secrets are not recorded",
    "key_ignored": "one execution per key",
    "message_lost": "no accepted message is lost",
    "pause_ignored": "a pause takes effect",
    "stale_read": "reads are monotonic",
}


@pytest.mark.parametrize("name", RULES)
async def test_a_seeded_bug_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(*SECRET)
    monkeypatch.setattr(settle, "MAX_PASSES", 2000)  # some decide without end
    with ALL[name]():
        for seed in range(TRIES):
            world = await play(seed, f"memory://seeded-{name}-{seed}", limit=10, operations=25)
            found = {anomaly.rule for anomaly in check(world.note.history())}
            if RULES[name] in found:
                return
    pytest.fail(f"{name} was not found with {TRIES} seeds")
