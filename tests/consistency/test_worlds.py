"""Clients of engines that die and are taken over: what they were told holds.

A seed that fails is run again by its number: `pytest tests/consistency/test_worlds.py -k memory-7`.
"""

from pathlib import Path

import pytest
from anomalies import report
from checked_flows import SECRET
from checker import check
from faulty_world import World, play
from recorded_history import History

SEEDS, SEEDS_OF_FILES = 8, 1


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(*SECRET)


def sound(world: World, history: History, least: int = 200) -> None:
    """Assert that nothing is wrong, and that enough has happened for that to mean something."""
    assert world.whole, f"no end after {len(history.operations)} operations"
    found = check(history)
    assert not found, "\n" + report(history, found)
    assert len(history.operations) >= least
    assert len(history.executions) > least // 10 and len(history.effects) > least // 10


@pytest.mark.parametrize("seed", range(SEEDS), ids=lambda seed: f"memory-{seed}")
async def test_what_clients_were_told_holds(seed: int) -> None:
    world = await play(seed, f"memory://consistency-{seed}")
    sound(world, world.note.history())


@pytest.mark.parametrize("seed", range(SEEDS_OF_FILES), ids=lambda seed: f"sqlite-{seed}")
async def test_what_clients_were_told_holds_in_a_file(seed: int, tmp_path: Path) -> None:
    world = await play(seed, f"sqlite:///{tmp_path / 'store.db'}", limit=110, clients=3, operations=15)
    sound(world, world.note.history(), 40)


@pytest.mark.laboratory
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("hundred", range(1, 11))
async def test_what_clients_were_told_holds_a_thousand_times(hundred: int) -> None:
    operations = unknown = deaths = 0
    for seed in range(100 * hundred, 100 * hundred + 100):
        world = await play(seed, f"memory://consistency-{seed}")
        history = world.note.history()
        sound(world, history)
        operations += len(history.operations)
        unknown += sum(one.outcome == "unknown" for one in history.operations)
        deaths += world.deaths
    print(
        f"\nseeds {100 * hundred}..: {operations} operations, {unknown} unknown, {deaths} deaths, 0 anomalies"
    )
