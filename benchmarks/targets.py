"""What the engine is to reach, and how each figure is taken from the runs of one round."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

Figures = Mapping[str, Any]
Round = Mapping[str, Figures]
"""The figures of one round, by workload."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table.

    value: takes the figure from a round. least, most: what it must reach or not exceed, if anything.
    on_disk: +1 for a rate, -1 for a duration that is judged relative to the floor on a slow disk;
        0 for what does not depend on the disk.
    """

    workload: str
    label: str
    value: Callable[[Round], float]
    least: float | None = None
    most: float | None = None
    on_disk: int = 0

    @property
    def target(self) -> str:
        """Return the target as text."""
        if self.least is not None:
            return f"≥ {self.least:,g}"
        return "" if self.most is None else f"≤ {self.most:,g}"

    def verdict(self, value: float, commit_ms: float) -> str:
        """Say whether a value reaches the target, given the floor's median commit in milliseconds."""
        judged = value * max(1.0, commit_ms) ** self.on_disk
        if self.least is not None:
            return "yes" if judged >= self.least else "no"
        if self.most is not None:
            return "yes" if judged <= self.most else "no"
        return ""


def _of(workload: str, figure: str) -> Callable[[Round], float]:
    return lambda figures: float(figures[workload][figure])


def _share_of_floor(figures: Round) -> float:
    return float(figures["W1"]["tasks_per_s"] / figures["floor"]["commits_per_s"])


def _over_ideal(figures: Round) -> float:
    jittered = figures["W6j"]
    return float(jittered["seconds"] / max(jittered["plain_seconds"], figures["W6"]["seconds"]))


ROWS = (
    Row("floor", "one-row commits/s", _of("floor", "commits_per_s")),
    Row("floor", "commit p50, ms", _of("floor", "p50_ms")),
    Row("floor", "plain loop, tasks/s", _of("floor", "plain_tasks_per_s")),
    Row("W1", "tasks/s ÷ commits/s", _share_of_floor, least=0.4),
    Row("W1", "tasks/s", _of("W1", "tasks_per_s")),
    Row("W1", "CPU ms a task", _of("W1", "cpu_ms_per_task"), most=0.5),
    Row("W2", "tasks/s", _of("W2", "tasks_per_s"), least=5000, on_disk=1),
    Row("W3", "executions/s", _of("W3", "executions_per_s"), least=500, on_disk=1),
    Row("W3", "CPU ms a task", _of("W3", "cpu_ms_per_task"), most=0.4),
    Row("W4", "p50, ms", _of("W4", "p50_ms"), most=4, on_disk=-1),
    Row("W4", "p99, ms", _of("W4", "p99_ms"), most=12, on_disk=-1),
    Row("W5", "s from process start", _of("W5", "from_start_s"), most=1.2, on_disk=-1),
    Row("W5", "s from end of imports", _of("W5", "after_imports_s"), most=0.2, on_disk=-1),
    Row("W5", "tasks run twice", _of("W5", "tasks_run_twice")),
    Row("W6", "seconds", _of("W6", "seconds"), most=3, on_disk=-1),
    Row("W6", "tasks/s", _of("W6", "tasks_per_s")),
    Row("W6", "peak MB", _of("W6", "peak_mb"), most=150),
    Row("W6j", "seconds ÷ ideal", _over_ideal, most=1.3),
    Row("W6j", "seconds", _of("W6j", "seconds")),
)


def _on_postgres(row: Row) -> Row:
    least = {"tasks/s": 2500.0, "executions/s": 250.0, "tasks/s ÷ commits/s": 0.4}.get(row.label)
    kept = least if row.workload in ("W1", "W2", "W3") and row.least is not None else None
    return replace(row, least=kept, most=None)


# What is to be reached on a PostgreSQL server on the same machine; the rest is measured without a target.
POSTGRES_ROWS = tuple(_on_postgres(row) for row in ROWS)
