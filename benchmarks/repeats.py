"""W8: a map over a range, a loop, and one in ten logs, each in two sizes, every run in its own process."""

import json
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import Any

from places import Place

RUN = Path(__file__).with_name("run.py")
Figures = dict[str, Any]


def measure(place: Place, n: int, rounds: int) -> Figures:
    """Map n/10 and n numbers, loop n/100 and n/10 times in one log and in ten, in turn.

    Return the medians, how they grow, and what a round in ten logs costs over one in one.
    """
    sizes = {"map": (n // 10, n), "loop": (n // 100, n // 10), "rolled": (n // 100, n // 10)}
    wanted = [(workload, size) for workload, two in sizes.items() for size in two]
    runs: dict[str, dict[int, list[Figures]]] = {workload: {} for workload in sizes}
    for number in range(rounds):
        for workload, size in wanted:
            size = max(1, size)
            figures = _run(workload, size, place(f"{workload}-{size}-{number}"))
            runs[workload].setdefault(size, []).append(figures)
    found = {name: {size: _medians(all_) for size, all_ in sizes.items()} for name, sizes in runs.items()}
    growth = {f"{name}_growth": _growth(sizes) for name, sizes in found.items()}
    return {**found, **growth, "roll_over": _beside(found["loop"], found["rolled"])}


def _medians(runs: list[Figures]) -> Figures:
    """Return the medians of runs of one size, by item or round."""
    found = {
        "seconds": median(run["seconds"] for run in runs),
        "per_s": median(run["tasks_per_s"] for run in runs),
        "cpu_ms": median(run["cpu_ms_per_task"] for run in runs),
        "peak_mb": max(run["peak_mb"] for run in runs),
    }
    ends = ("first_cpu_ms", "last_cpu_ms")
    return found | {name: median(run[name] for run in runs) for name in ends if name in runs[0]}


def _growth(sizes: dict[int, Figures]) -> dict[str, float]:
    """Return what each costs in the large run over what each costs in the small one; 1 is linear."""
    small, large = sizes[min(sizes)], sizes[max(sizes)]
    return {
        "time": round(small["per_s"] / large["per_s"], 3),
        "cpu": round(large["cpu_ms"] / small["cpu_ms"], 3),
    }


def _beside(loop: dict[int, Figures], rolled: dict[int, Figures]) -> dict[str, float]:
    """Return what a round of the long loop costs in ten logs over what it costs in one."""
    one, ten = loop[max(loop)], rolled[max(rolled)]
    return {
        "time": round(one["per_s"] / ten["per_s"], 3),
        "cpu": round(ten["cpu_ms"] / one["cpu_ms"], 3),
    }


def _run(workload: str, n: int, url: str) -> Figures:
    command = [sys.executable, str(RUN), "--workload", workload, "--n", str(n), "--db", url]
    line = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    print(line, file=sys.stderr, flush=True)
    figures: Figures = json.loads(line)
    return figures
