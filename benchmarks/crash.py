"""W5: a process that kills itself with SIGKILL halfway through a chain, and one that takes over.

Imports have ended when door, plugins and state backend are loaded, before the store is opened.
Run as a program with `begin` or `resume`; `measure` runs both and reads what the tasks noted.
"""

import json
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any


def measure(url: str, n: int, folder: Path) -> dict[str, Any]:
    """Kill a chain of n halfway, recover it in a fresh process, return when work went on."""
    log = folder / "entries.txt"
    _run("begin", url, n, log)
    before = _entries(log)
    assert len(before) == n // 2, f"{len(before)} tasks were entered before the kill, {n // 2} expected"
    start = time.time()
    told: dict[str, float] = json.loads(_run("resume", url, n, log))
    end = time.time()
    entries = _entries(log)
    seen = {path for _, path in before}
    first_new = min(at for at, path in entries if path not in seen)
    runs = Counter(path for _, path in entries)
    assert len(runs) == n, f"{len(runs)} of {n} tasks were entered"
    return {
        "tasks": n,
        "seconds": round(end - start, 4),
        "from_start_s": round(first_new - start, 4),
        "imports_s": round(told["imported"] - start, 4),
        "opened_s": round(told["opened"] - start, 4),
        "first_entry_s": round(entries[len(before)][0] - start, 4),
        "after_imports_s": round(first_new - told["imported"], 4),
        "tasks_run_twice": sum(count > 1 for count in runs.values()),
        "cpu_ms_per_task": round(1000 * told["cpu"] / (n - n // 2), 4),
        "peak_mb": told["peak_mb"],
    }


def _run(step: str, url: str, n: int, log: Path) -> str:
    command = [sys.executable, __file__, step, url, str(n), str(log)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    expected = -9 if step == "begin" else 0
    assert done.returncode == expected, f"{step} ended with {done.returncode}, not {expected}"
    return done.stdout


def _entries(log: Path) -> list[tuple[float, str]]:
    pairs = (line.split() for line in log.read_text("utf-8").splitlines())
    return [(float(at), path) for at, path in pairs]


def main(step: str, url: str, n: int, log: str) -> None:
    """Be one of the two processes."""
    import anyio
    import shapes
    import work
    from meter import peak_mb
    from workloads import check, engine_on

    async def begin() -> None:
        async with engine_on(url, [work.marker(log, die_at=n // 2)]) as engine:
            execution_id = await engine.start(shapes.chain(n, "bench.mark"), {"n": 0})
            await engine.wait(execution_id)

    async def resume() -> dict[str, float]:
        engine = engine_on(url, [work.marker(log)])
        imported, cpu = time.time(), time.process_time()
        async with engine:
            opened = time.time()
            [execution_id] = (await engine.recover()).adopted
            await engine.wait(execution_id)
            cpu, peak = time.process_time() - cpu, peak_mb()
            await check(engine, execution_id, n)
        return {"imported": imported, "opened": opened, "cpu": cpu, "peak_mb": peak}

    if step == "begin":
        anyio.run(begin)
    else:
        print(json.dumps(anyio.run(resume)))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4])
