"""All workloads in rounds, each run in a process of its own, and the medians as one Markdown table."""

import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from statistics import median
from typing import Any

from places import Place
from targets import Round, Row

RUN = Path(__file__).with_name("run.py")
HEADER = ("workload", "figure", "median", "least", "most", "target", "reached", "CPU ms/task", "peak MB")
BESIDE = ("cpu_ms_per_task", "peak_mb")
NOTE = "The floor's median commit takes {:.2f} ms, over 1 ms: rates are judged × it, times ÷ it."


def rounds(
    sizes: Mapping[str, int], count: int, places: Callable[[], AbstractContextManager[Place]]
) -> list[Round]:
    """Run every workload `count` times, in turn; each run is one line of JSON on stderr as it ends.

    places: gives the databases of one round. The floor follows W1 and writes to the same one.
    """
    found: list[Round] = []
    for _ in range(count):
        with places() as place:
            figures = {}
            for workload, n in sizes.items():
                figures[workload] = _run(workload, n, place("W1" if workload == "floor" else workload))
            found.append(figures)
    return found


def _run(workload: str, n: int, url: str) -> dict[str, Any]:
    command = [sys.executable, str(RUN), "--workload", workload, "--n", str(n), "--db", url]
    line = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    print(line, file=sys.stderr, flush=True)
    figures: dict[str, Any] = json.loads(line)
    return figures


def render(found: Sequence[Round], rows: Sequence[Row]) -> str:
    """Return the table of the medians, and what was done about a slow disk."""
    commit_ms = median(figures["floor"]["p50_ms"] for figures in found)
    lines: list[tuple[str, ...]] = [HEADER]
    for row in rows:
        first = lines[-1][0] != row.workload
        lines.append(_line(row, found, commit_ms, first))
    text = _markdown(lines)
    return f"{text}\n\n{NOTE.format(commit_ms)}" if commit_ms > 1 else text


def _line(row: Row, found: Sequence[Round], commit_ms: float, first: bool) -> tuple[str, ...]:
    values = [row.value(figures) for figures in found]
    beside = [median(figures[row.workload][name] for figures in found) for name in BESIDE]
    middle = median(values)
    return (
        row.workload,
        row.label,
        *(_number(value) for value in (middle, min(values), max(values))),
        row.target,
        row.verdict(middle, commit_ms),
        *(_number(value) if first else "" for value in beside),
    )


def _number(value: float) -> str:
    if value >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.2f}" if value >= 1 else f"{value:.3f}"


def _markdown(lines: Sequence[tuple[str, ...]]) -> str:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    texts = [[cell.ljust(width) for cell, width in zip(line, widths, strict=True)] for line in lines]
    texts.insert(1, ["-" * width for width in widths])
    return "\n".join(f"| {' | '.join(cells)} |" for cells in texts)
