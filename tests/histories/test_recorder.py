"""The recorder of this version: what it writes is what the engine stored, and it never writes twice."""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from checks import catalog, check_end, check_fold, check_graph
from history import FOLDER, History, from_text, to_text
from record import record, write
from scenarios import ENDED, OPEN, SCENARIOS, Scenario

from harmonia_core.engine.catalog import Catalog
from harmonia_core.engine.loading import to_recorded
from harmonia_core.model.codec import EVENT_TYPES
from harmonia_core.model.events import ExecutionAdopted
from harmonia_core.model.statuses import FINAL_EXECUTION

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
async def recorded() -> dict[str, History]:
    """Record every scenario with today's engine."""
    return {scenario.name: await record(scenario, "now") for scenario in SCENARIOS}


@pytest.fixture(scope="module")
def known() -> Catalog:
    return catalog()


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
async def test_what_it_writes_holds(scenario: Scenario, recorded: dict[str, History], known: Catalog) -> None:
    history = from_text(to_text(recorded[scenario.name]))
    assert history == recorded[scenario.name]
    check_graph(history, known)
    check_fold(history, known)
    await check_end(history, known, "memory://")


def test_it_writes_every_event_of_this_version(recorded: dict[str, History]) -> None:
    found = {(row.type, row.v) for history in recorded.values() for row in history.events}
    assert found == {(name, kind.V) for name, kind in EVENT_TYPES.items()}


def test_scenarios_are_what_they_are_listed_as(recorded: dict[str, History]) -> None:
    assert {s.name for s in ENDED} == {
        name for name, h in recorded.items() if h.head.status in FINAL_EXECUTION
    }
    assert all(scenario.steps for scenario in OPEN) and not any(scenario.steps for scenario in ENDED)
    assert len({scenario.about for scenario in SCENARIOS}) == len(SCENARIOS)


async def test_recording_twice_gives_the_same(recorded: dict[str, History]) -> None:
    scenario = next(scenario for scenario in SCENARIOS if scenario.name == "retries")
    assert to_text(await record(scenario, "now")) == to_text(recorded["retries"])


def written(*arguments: Any) -> list[Path]:
    """Write histories in a thread: the command runs a loop of its own, and this thread may have one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(write, *arguments).result()


def test_files_are_written_once(tmp_path: Path) -> None:
    (file,) = written("9.9.9", ["chain"], tmp_path)
    before = file.read_bytes()
    assert json.loads(before.partition(b"\n")[0])["written_by"] == "9.9.9"
    with pytest.raises(FileExistsError, match=r"9\.9\.9 has been recorded"):
        written("9.9.9", ["retries"], tmp_path)
    with pytest.raises(LookupError, match="chian"):
        written("9.9.8", ["chain", "chian"], tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["9.9.9"] and file.read_bytes() == before


def test_the_command_refuses_a_version_that_is_there() -> None:
    there = next(path.name for path in FOLDER.iterdir() if path.is_dir() and list(path.glob("*.jsonl")))
    command = [sys.executable, str(FOLDER / "record.py"), there]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and "never rewritten" in done.stderr


@pytest.mark.parametrize(
    ("name", "causes"),
    [
        ("in-flight", []),
        ("adopted-twice", ["orphaned", "orphaned"]),
        ("taken-over", ["forced"]),
        ("completed-unowned", ["delivery"]),
    ],
)
def test_an_adoption_says_whom_it_replaces_and_why(
    name: str, causes: list[str], recorded: dict[str, History]
) -> None:
    events = [to_recorded(row).event for row in recorded[name].events]
    adoptions = [event for event in events if isinstance(event, ExecutionAdopted)]
    assert [event.cause for event in adoptions] == causes
    owners = [event.engine for event in adoptions]
    assert [event.previous for event in adoptions][1:] == owners[:-1]
    assert all(event.previous not in (None, event.engine) for event in adoptions)
