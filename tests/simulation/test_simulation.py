"""Thousands of seeds, each an interleaving of engines, faults and people: no invariant is violated."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from sim_coverage import missing
from simulate import simulate, violation_text

PARTS, EACH = 8, 250
FAR = 1_000_000
"""Where the seeds of the laboratory begin; those of `make test` are run there as well."""
TELL = """
import sys
from hashlib import sha256
from sim_plan import plan
from sim_world import run
for seed in range(int(sys.argv[1]), int(sys.argv[2])):
    result = run(plan(seed))
    logs = [[tuple(row) for row in rows] for rows in result.store.events.values()]
    print(seed, sha256(repr((result.trace, logs)).encode()).hexdigest())
"""


@pytest.mark.timeout(900)
@pytest.mark.parametrize("part", range(PARTS))
def test_no_seed_violates_an_invariant(part: int) -> None:
    found = simulate(range(part * EACH, (part + 1) * EACH))
    assert not found.violations, violation_text(found.violations)
    assert found.seeds == EACH


@pytest.mark.laboratory
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("part", range(20))
def test_no_seed_of_many_violates_an_invariant(part: int) -> None:
    found = simulate(range(FAR + part * 1000, FAR + (part + 1) * 1000))
    assert not found.violations, violation_text(found.violations)


def test_a_part_of_the_seeds_sees_most_of_the_engine() -> None:
    found = simulate(range(120))
    left = {what: len(names) for what, names in missing(found.seen).items()}
    assert left["actions"] == left["faults"] == 0
    assert left["execution transitions"] <= 14
    assert left["task transitions"] <= 10
    assert found.executions > 200


def test_a_seed_is_the_same_history_in_every_process() -> None:
    first, second = (_told(hash_seed) for hash_seed in ("1", "77"))
    assert first == second
    assert len(first.splitlines()) == 25


def _told(hash_seed: str) -> str:
    """Return what another process says of some seeds."""
    path = os.pathsep.join((str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])))
    done = subprocess.run(
        [sys.executable, "-c", TELL, "40", "65"], check=True, capture_output=True, text=True, timeout=110,
        env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": path},
    )  # fmt: skip
    return done.stdout
