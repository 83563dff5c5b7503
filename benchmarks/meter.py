"""Measure a stretch of work: wall time, CPU time of all threads, peak memory, and a profile on request."""

import cProfile
import io
import pstats
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PROFILED_LINES = 40


class Meter:
    """Hold the seconds and CPU seconds of what ran under `running`.

    profile: file for a table of the functions with the most time of their own. Only the
        thread of the event loop is profiled, and profiled work takes about twice as long.
    """

    def __init__(self, profile: Path | None = None) -> None:
        self.seconds = self.cpu = 0.0
        self._profile = profile

    @contextmanager
    def running(self) -> Iterator[None]:
        """Measure the block."""
        profiler = cProfile.Profile() if self._profile else None
        cpu, start = time.process_time(), time.perf_counter()
        if profiler is not None:
            profiler.enable()
        try:
            yield
        finally:
            if profiler is not None:
                profiler.disable()
            self.seconds = time.perf_counter() - start
            self.cpu = time.process_time() - cpu
            if profiler is not None and self._profile is not None:
                self._profile.write_text(table(profiler), "utf-8")

    def figures(self, tasks: int) -> dict[str, Any]:
        """Return what every workload reports of so many tasks."""
        return {
            "tasks": tasks,
            "seconds": round(self.seconds, 4),
            "tasks_per_s": round(tasks / self.seconds, 1),
            "cpu_ms_per_task": round(1000 * self.cpu / tasks, 4),
            "peak_mb": peak_mb(),
        }


def table(profiler: cProfile.Profile) -> str:
    """Return a profile as text, by own time and then by time with everything called."""
    out = io.StringIO()
    stats = pstats.Stats(profiler, stream=out).strip_dirs()
    stats.sort_stats("tottime").print_stats(PROFILED_LINES)
    stats.sort_stats("cumulative").print_stats(PROFILED_LINES)
    return out.getvalue()


def peak_mb() -> float:
    """Return the most memory this process has held so far, in MiB."""
    unit = 1024 * 1024 if sys.platform == "darwin" else 1024
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit, 1)


def quantile(values: list[float], share: float) -> float:
    """Return the value that `share` of the values do not exceed, by nearest rank."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, -(-len(ordered) * int(share * 1000) // 1000) - 1))]
