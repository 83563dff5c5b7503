"""A store that is pruned under constant load keeps its size, and pruning keeps no commit waiting."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest


def measured(root: Path, *options: str) -> dict[str, Any]:
    command = [sys.executable, str(root / "benchmarks/retention.py"), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_an_engine_under_load_keeps_exactly_the_newest(root: Path) -> None:
    found = measured(root, "--n", "600", "--keep", "100", "--every", "100")
    assert found["pruned"]["kept"] == 100 and found["unpruned"]["kept"] == 100
    assert len(found["pruned"]["sizes"]) == 6 and found["pruned"]["slices_ms"]["count"] > 5
    # Each takes about three thousand bytes: kept would be all of them.
    assert found["pruned"]["sizes"][-1] < 600 * 2000


@pytest.mark.laboratory
@pytest.mark.parametrize("place", [[], ["--postgres"]], ids=["sqlite", "postgresql"])
def test_twenty_thousand_executions_leave_the_size_of_one_thousand(root: Path, place: list[str]) -> None:
    found = measured(root, *place)
    assert found["pruned"]["kept"] == 1000
    assert found["size_within_20_percent"], found["pruned"]["sizes"]
    assert found["no_pause_over_50_ms_by_pruning"], found["pruned"]["slices_ms"]
