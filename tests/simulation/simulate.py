"""Simulate seeds from the command line: `make simulate SEEDS=2000`, `make simulate SEED=123`."""

import argparse
import gc
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field

from sim_compare import compared
from sim_coverage import Seen, of_run
from sim_ledger import Violated
from sim_minimise import minimised
from sim_plan import plan
from sim_report import history, summary
from sim_world import run

CHUNK = 50


@dataclass
class Found:
    """What some seeds have shown. violations: by seed, the first of each."""

    seconds: float = 0.0
    virtual: float = 0.0
    seeds: int = 0
    executions: int = 0
    events: int = 0
    compared: int = 0
    seen: Seen = field(default_factory=Counter)
    violations: list[tuple[int, str, str]] = field(default_factory=list)

    def add(self, other: "Found") -> None:
        """Take what other seeds have shown."""
        for name in ("seconds", "virtual", "seeds", "executions", "events", "compared"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.seen += other.seen
        self.violations += other.violations


def simulate(seeds: Sequence[int]) -> Found:
    """Run seeds one after the other."""
    found, begun = Found(), time.process_time()
    collecting = gc.isenabled()
    gc.disable()  # every world is thrown away whole
    gc.freeze()  # what was there before stays, and need not be looked at again and again
    try:
        for number, seed in enumerate(seeds):
            _one(seed, found)
            if number % 100 == 99:
                gc.collect()
    finally:
        gc.unfreeze()
        if collecting:
            gc.enable()
    found.seconds = time.process_time() - begun
    return found


def _one(seed: int, found: Found) -> None:
    result = run(plan(seed))
    found.compared += compared(result)
    found.seeds += 1
    found.virtual += result.seconds
    found.executions += len(result.store.executions)
    found.events += sum(map(len, result.store.events.values()))
    found.seen += of_run(result.kinds, result.transitions)
    if result.violations:
        first = result.violations[0]
        found.violations.append((seed, first.code, str(first)))


def _totals(found: Found) -> Iterator[tuple[str, str]]:
    hours, rest = divmod(int(found.virtual), 3600)
    yield "virtual time", f"{hours} h {rest // 60} min"
    yield "executions", f"{found.executions:,}, {found.events:,} events"
    yield "compared", f"{found.compared:,} with the same without crashes"
    codes = Counter(code for _, code, _ in found.violations)
    said = ", ".join(f"{code} {count}" for code, count in codes.most_common()) or "none"
    yield "violations", said


def _show(seed: int) -> int:
    """Run one seed; print its violation, made small, or what it has seen."""
    whole = run(plan(seed))
    compared(whole)
    if not whole.violations:
        print("\n".join(history(whole, None)))
        return 0
    code = whole.violations[0].code
    small = whole if code == "differs" else run(minimised(whole.plan, code))
    violation = next((one for one in small.violations if one.code == code), whole.violations[0])
    print("\n".join(history(small, violation)))
    return 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Simulate what the command line says; return 1 if an invariant was violated."""
    parser = argparse.ArgumentParser(prog="make simulate", description=__doc__)
    parser.add_argument("--seeds", type=int, default=500, help="how many seeds (SEEDS=)")
    parser.add_argument("--from", dest="first", type=int, default=0, help="the first of them (FROM=)")
    parser.add_argument("--seed", type=int, help="one seed, with its history (SEED=)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    given = parser.parse_args(arguments)
    if given.seed is not None:
        return _show(given.seed)
    stop = given.first + given.seeds
    chunks = [range(at, min(at + CHUNK, stop)) for at in range(given.first, stop, CHUNK)]
    found = Found()
    with ProcessPoolExecutor(given.jobs) as pool:
        for part in pool.map(simulate, chunks):
            found.add(part)
            if sys.stderr.isatty():
                print(f"\r{found.seeds:,} of {given.seeds:,} seeds", end="", file=sys.stderr, flush=True)
    if sys.stderr.isatty():
        print("\r" + " " * 40 + "\r", end="", file=sys.stderr)
    print("\n".join(summary(given.seeds, given.first, found.seconds, found.seen, list(_totals(found)))))
    if found.violations:
        _tell(found.violations)
    return bool(found.violations)


def _tell(violations: list[tuple[int, str, str]]) -> None:
    """Print the first violation of each kind, made small."""
    first: dict[str, int] = {}
    for seed, code, said in violations:
        print(f"  seed {seed}: {said}"[:80])
        first.setdefault(code, seed)
    for seed in list(dict.fromkeys(first.values()))[:3]:
        print()
        _show(seed)


def violation_text(violations: list[tuple[int, str, str]]) -> str:
    """Return what a failing test says: the seeds, and the command that repeats the first."""
    lines = [f"seed {seed}: {said}" for seed, _, said in violations[:10]]
    return "\n".join([*lines, f"See it: make simulate SEED={violations[0][0]}"])


__all__ = ("Found", "Violated", "main", "simulate", "violation_text")

if __name__ == "__main__":
    sys.exit(main())
