"""The benchmarks run and are right at any size; how quick they are is measured elsewhere, never asserted."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SIZE = 6
TASKS = {
    "W1": SIZE,
    "W2": SIZE + 2,
    "W3": 5 * SIZE,
    "W4": 2 * SIZE,
    "W5": SIZE,
    "W6": SIZE + 2,
    "W6j": SIZE + 2,
    "floor": SIZE,
}


def bench(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(root / "benchmarks/run.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True)


@pytest.fixture(scope="module")
def table(root: Path) -> subprocess.CompletedProcess[str]:
    """Return one round of everything, so small that no size exceeds six."""
    return bench(root, "--rounds", "1", "--most", str(SIZE))


def test_each_workload_prints_one_line_of_json(table: subprocess.CompletedProcess[str]) -> None:
    runs: dict[str, dict[str, Any]] = {}
    for line in table.stderr.splitlines():
        figures = json.loads(line)
        runs[figures["workload"]] = figures
    assert {workload: figures["tasks"] for workload, figures in runs.items()} == TASKS
    for figures in runs.values():
        assert figures["seconds"] > 0 and figures["cpu_ms_per_task"] > 0 and figures["peak_mb"] > 1


def test_the_killed_chain_runs_only_its_task_in_flight_again(table: subprocess.CompletedProcess[str]) -> None:
    [figures] = [run for line in table.stderr.splitlines() if (run := json.loads(line))["workload"] == "W5"]
    assert figures["tasks_run_twice"] == 1
    assert 0 < figures["after_imports_s"] < figures["from_start_s"]


def test_the_table_has_a_target_beside_each_judged_figure(table: subprocess.CompletedProcess[str]) -> None:
    lines = [line for line in table.stdout.splitlines() if line.startswith("|")]
    heads, _, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert heads[:2] == ["workload", "figure"] and {len(row) for row in rows} == {len(heads)}
    judged = [row for row in rows if row[heads.index("target")]]
    assert {row[0] for row in judged} == {"W1", "W2", "W3", "W4", "W5", "W6", "W6j"}
    assert {row[heads.index("reached")] for row in judged} <= {"yes", "no"} and len(judged) == 12


def test_a_profile_names_functions(root: Path, tmp_path: Path) -> None:
    file = tmp_path / "profile.txt"
    done = bench(root, "--workload", "W1", "--n", "3", "--db", "memory://", "--profile", str(file))
    assert json.loads(done.stdout)["events"] == 8
    assert "tottime" in file.read_text("utf-8") and "settle.py" in file.read_text("utf-8")


def test_growth_compares_stores_of_three_sizes(root: Path) -> None:
    done = bench(root, "--workload", "W7", "--n", "20", "--rounds", "1", "--most", "4")
    figures = json.loads(done.stdout)
    assert [set(figures[name]) for name in ("cpu_ms_per_task", "executions_per_s")] == [{"0", "2", "20"}] * 2
    assert figures["cpu_over_empty"]["0"] == 1.0
    runs = [json.loads(line) for line in done.stderr.splitlines()]
    assert [(run["workload"], run["executions"]) for run in runs] == [("W3", 4)] * 3


def test_repeats_compare_maps_and_loops_of_two_sizes(root: Path) -> None:
    done = bench(root, "--workload", "W8", "--n", "200", "--rounds", "1")
    figures = json.loads(done.stdout)
    assert [set(figures[name]) for name in ("map", "loop")] == [{"20", "200"}, {"2", "20"}]
    assert all(run["seconds"] > 0 and run["cpu_ms"] > 0 for run in figures["map"].values())
    assert all(run["first_cpu_ms"] > 0 and run["last_cpu_ms"] > 0 for run in figures["loop"].values())
    assert figures["roll_over"].keys() == {"time", "cpu"} and set(figures["rolled"]) == {"2", "20"}
    assert figures["map_growth"].keys() == figures["loop_growth"].keys() == {"time", "cpu"}
    runs = [json.loads(line) for line in done.stderr.splitlines()]
    sizes = [("map", 20), ("map", 200), ("loop", 2), ("loop", 20), ("rolled", 2), ("rolled", 20)]
    assert [(run["workload"], run["tasks"]) for run in runs] == sizes
