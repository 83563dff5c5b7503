"""Run everything that is too long for every day, and write a dated report.

A part that fails stops no other; the exit code is 1 if any did. What a part says is kept beside the report.
"""

import argparse
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parent))

from laboratory_report import Outcome, report

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "laboratory"
HERE = Path(__file__).parent
NOTHING_TO_RUN = 5


class Part(NamedTuple):
    """A part of the laboratory. command: made from the options and the folder of its results."""

    name: str
    what: str
    command: Callable[[argparse.Namespace, Path], list[str]]


def long_tests(options: argparse.Namespace, raw: Path) -> list[str]:
    """Return the command that runs all tests marked `laboratory`."""
    chosen = ["-k", options.select] if options.select else []
    results = f"--junitxml={raw / 'tests.xml'}"
    return ["-m", "pytest", "-m", "laboratory", "-n", options.jobs, "--dist", "worksteal", results, *chosen]


def coverage(options: argparse.Namespace, raw: Path) -> list[str]:
    """Return the command that measures the pure modules."""
    return [str(HERE / "coverage_check.py")]


def mutation(options: argparse.Namespace, raw: Path) -> list[str]:
    """Return the command that tries mutants."""
    jobs = str(os.cpu_count() or 1) if options.jobs == "auto" else options.jobs
    command = [str(HERE / "mutation.py"), "--jobs", jobs, "--seconds", str(options.seconds)]
    return [*command, "--out", str(raw / "mutation.json"), *options.modules]


def bench(options: argparse.Namespace, raw: Path) -> list[str]:
    """Return the command that prints the table of the benchmarks, small."""
    return ["benchmarks/run.py", "--rounds", "1", "--most", str(options.most)]


PARTS = (
    Part("tests", "tests marked laboratory", long_tests),
    Part("coverage", "branches of the pure modules", coverage),
    Part("mutation", "mutants of the pure core", mutation),
    Part("bench", "benchmarks", bench),
)


def arguments(given: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    names = [part.name for part in PARTS]
    parser = argparse.ArgumentParser(prog="make laboratory", description=__doc__)
    parser.add_argument(
        "--parts", default=",".join(names), help=f"some of {', '.join(names)}, with commas between"
    )
    parser.add_argument("--jobs", default="auto", help="processes at a time (default: one a core)")
    parser.add_argument("--select", help="of the long tests only those that match, as pytest's -k")
    parser.add_argument("--modules", nargs="+", default=[], help="of the mutants only those of these modules")
    parser.add_argument("--seconds", type=float, default=15.0, help="of tests for one mutant (default: 15)")
    parser.add_argument("--most", type=int, default=500, help="cap of the benchmarks' sizes (default: 500)")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the report goes")
    options = parser.parse_args(given)
    options.parts = options.parts.replace(",", " ").split()
    unknown = [name for name in options.parts if name not in names]
    if unknown:
        parser.error(f"no part {', '.join(unknown)}; there are {', '.join(names)}")
    return options


def carried_out(part: Part, options: argparse.Namespace, raw: Path) -> Outcome:
    """Run a part; what it says goes into a file."""
    command = [sys.executable, *part.command(options, raw)]
    file, begun = raw / f"{part.name}.log", time.monotonic()
    print(f"{part.name:10} {part.what} …", flush=True)
    with file.open("w", encoding="utf-8") as out:
        environment = {**os.environ, "NO_COLOR": "1", "COLUMNS": "110"}
        done = subprocess.run(
            command, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT, env=environment, check=False
        )
    took = time.monotonic() - begun
    good = done.returncode == 0 or (part.name == "tests" and done.returncode == NOTHING_TO_RUN)
    print(f"{'':10} {'passed' if good else 'FAILED'} in {took:,.0f} s, said in {shown(file)}", flush=True)
    return Outcome(part.name, part.what, good, took, file, shlex.join(["python", *command[1:]]))


def shown(path: Path) -> str:
    """Return a path as a person would write it here."""
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)


def main(given: list[str] | None = None) -> int:
    """Run the parts asked for; return the exit code."""
    options = arguments(given)
    raw = options.folder / "raw"
    raw.mkdir(parents=True, exist_ok=True)
    begun = datetime.now(UTC)
    for old in raw.glob("*.xml"):
        old.unlink()
    done = [carried_out(part, options, raw) for part in PARTS if part.name in options.parts]
    file = options.folder / f"REPORT-{begun:%Y-%m-%d}.md"
    file.write_text(report(begun, done, raw), "utf-8")
    bad = [outcome.name for outcome in done if not outcome.good]
    print(f"report: {shown(file)}" + (f"; failed: {', '.join(bad)}" if bad else "; everything passed"))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
