"""Measure the branches of the pure modules, and print where any is left; ends with 1 if one is.

What carries them out are the tests of the pure part and those of the kernel, in this process. `--quick`
runs only the tests that a whole run has found to be enough.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import coverage

sys.path.insert(0, str(Path(__file__).parent))

from pure_modules import ROOT, path_of, pure_modules

RAW = ROOT / "laboratory" / "raw"
TESTS = ("tests/pure", "tests/kernel")
QUICK = RAW / "quick_tests.json"


class Coverage(NamedTuple):
    """What was carried out of a module, and what was not, in words."""

    module: str
    statements: tuple[int, int]
    branches: tuple[int, int]
    missing: str


def run(tests: list[str], data: Path) -> int:
    """Run tests under coverage; return the exit code of pytest."""
    command = [
        sys.executable,
        "-m",
        "coverage",
        "run",
        f"--data-file={data}",
        "--branch",
        "--source=harmonia_core",
    ]
    pytest = [
        "-m",
        "pytest",
        "-p",
        "coverage_contexts",
        "-q",
        "--no-header",
        "-p",
        "no:cacheprovider",
        *tests,
    ]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    return subprocess.run([*command, *pytest], cwd=ROOT, env=environment, check=False).returncode


def measured(data: Path) -> list[Coverage]:
    """Return what was carried out of the pure modules."""
    watch = coverage.Coverage(data_file=str(data), branch=True, config_file=str(ROOT / "setup.cfg"))
    watch.load()
    return [one for module in pure_modules() if (one := _of(watch, module)) is not None]


def _of(watch: coverage.Coverage, module: str) -> Coverage | None:
    path = path_of(module)
    if not path.read_text("utf-8").strip():
        return None
    found = watch._analyze(str(path))
    numbers = found.numbers
    statements = (numbers.n_statements - numbers.n_missing, numbers.n_statements)
    branches = (numbers.n_branches - numbers.n_missing_branches, numbers.n_branches)
    return Coverage(module, statements, branches, found.missing_formatted(branches=True))


def enough(data: Path, seconds: dict[str, float]) -> list[str]:
    """Return tests that together carry out all that every test does, with an eye on their time."""
    found = coverage.CoverageData(str(data))
    found.read()
    does: dict[str, set[Any]] = {}
    for module in pure_modules():
        file = str(path_of(module))
        for name in seconds:
            found.set_query_context(name)
            does.setdefault(name, set()).update((module, arc) for arc in found.arcs(file) or ())
    return cover(does, seconds)


def cover(does: dict[str, set[Any]], seconds: dict[str, float]) -> list[str]:
    """Return keys whose sets hold everything that any holds: always the one that adds most in its time."""
    left, chosen = set().union(*does.values()), list[str]()
    while left:
        best = max(does, key=lambda name: len(does[name] & left) / (seconds[name] + 0.01))
        chosen.append(best)
        left -= does[best]
        does = {name: more for name, here in does.items() if (more := here & left)}
    return chosen


def table(found: list[Coverage]) -> list[str]:
    """Return the modules with gaps, and the sum of all, as lines."""
    gaps = [one for one in found if one.missing]
    rows = [f"{one.module:44} {_share(one.statements)} {_share(one.branches)}  {one.missing}" for one in gaps]
    head = [f"{'module':44} {'statements':>15} {'branches':>15}  missing"] if gaps else []
    return [
        *head,
        *rows,
        f"{f'{len(found)} pure modules':44} {_share(total(found, 1))} {_share(total(found, 2))}",
    ]


def total(found: list[Coverage], field: int) -> tuple[int, int]:
    """Return a pair of figures of all modules."""
    pairs = [one[field] for one in found]
    return sum(pair[0] for pair in pairs), sum(pair[1] for pair in pairs)  # type: ignore[index, misc]


def _share(pair: tuple[int, int]) -> str:
    done, every = pair
    return f"{done:>6,} of {every:>5,}"


def main() -> int:
    """Run it; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="only the tests that were enough the last time")
    parser.add_argument(
        "--again", action="store_true", help="no tests: print what was measured the last time"
    )
    options = parser.parse_args()
    RAW.mkdir(parents=True, exist_ok=True)
    data = RAW / ("quick.coverage" if options.quick else "all.coverage")
    code = 0
    if options.quick and not QUICK.exists():
        parser.error("there is no last time: run it once without --quick")
    if not options.again:
        code = run(json.loads(QUICK.read_text("utf-8")) if options.quick else list(TESTS), data)
    found = measured(data)
    sums = {"modules": len(found), "statements": total(found, 1), "branches": total(found, 2)}
    gaps = [[one.module, one.missing] for one in found if one.missing]
    (RAW / "coverage.json").write_text(json.dumps({"total": sums, "gaps": gaps}, indent=1), "utf-8")
    print("\n".join(table(found)))
    if not (options.quick or options.again or code):
        seconds = json.loads((RAW / "seconds.json").read_text("utf-8"))
        QUICK.write_text(json.dumps(enough(data, seconds), indent=1), "utf-8")
    return 1 if code or gaps else 0


if __name__ == "__main__":
    sys.exit(main())
