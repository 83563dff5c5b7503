"""Measure the engine: one workload as one line of JSON, or all of them beside their floor as a table."""

import argparse
import json
import tempfile
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import places

SIZES = {"W1": 200, "floor": 1000, "W2": 1000, "W3": 500, "W4": 200, "W5": 200, "W6": 10_000, "W6j": 10_000}
STORED = 100_000
REPEATS = {"map": 10_000, "loop": 1000, "rolled": 1000}
APART = ("W7", "W8")


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--workload", choices=[*SIZES, *REPEATS, *APART], help="only this one, as one line of JSON"
    )
    parser.add_argument(
        "--n", type=int, help="its size: tasks, executions (W7: stored ones), items (W8), samples or commits"
    )
    parser.add_argument("--db", help="URL of a fresh database (default: a file in a temporary folder)")
    parser.add_argument(
        "--postgres", action="store_true", help="the table, W7 or W8, on a PostgreSQL cluster of its own"
    )
    parser.add_argument("--profile", type=Path, metavar="FILE", help="also write where time went")
    parser.add_argument("--rounds", type=int, default=5, help="of the table, W7 and W8 (default: 5)")
    parser.add_argument("--most", type=int, metavar="N", help="cap the sizes of the table, to try it out")
    options = parser.parse_args()
    if options.workload is None and (options.n or options.db or options.profile):
        parser.error("--n, --db and --profile go with --workload")
    if options.workload in APART and (options.db or options.profile):
        parser.error(f"{options.workload} makes its own databases, and cannot be profiled")
    if options.postgres and options.workload not in (None, *APART):
        parser.error("--postgres goes with the table, W7 and W8; for one workload give --db")
    if options.profile and options.workload in ("W5", "floor"):
        parser.error(f"{options.workload} cannot be profiled")
    return options


def one(workload: str, n: int, url: str | None, profile: Path | None) -> dict[str, Any]:
    """Run one workload; only what it needs is imported."""
    with tempfile.TemporaryDirectory(prefix="harmonia-bench-") as folder:
        url = url or f"sqlite:///{folder}/bench.db"
        if workload == "floor":
            import floor

            return floor.measure(url, n)
        if workload == "W5":
            import crash

            return crash.measure(url, n, Path(folder))
        import workloads

        return workloads.measure(workload, url, n, profile)


def table(options: argparse.Namespace) -> None:
    """Print the table of all workloads but W7 and W8."""
    import table
    from targets import POSTGRES_ROWS, ROWS

    sizes = {workload: min(n, options.most or n) for workload, n in SIZES.items()}
    if not options.postgres:
        print(table.render(table.rounds(sizes, options.rounds, places.files), ROWS))
        return
    with places.cluster() as databases:
        print(table.render(table.rounds(sizes, options.rounds, databases), POSTGRES_ROWS))


def apart(options: argparse.Namespace, n: int) -> dict[str, Any]:
    """Return the figures of W7 or W8, each made from runs of a workload at several sizes."""
    with places.cluster() if options.postgres else nullcontext(places.files) as make, make() as place:
        if options.workload == "W8":
            import repeats

            return repeats.measure(place, n, options.rounds)
        import growth

        return growth.measure(place, n, options.rounds, min(growth.EXECUTIONS, options.most or n))


def main() -> None:
    """Do what the command line says."""
    options = arguments()
    if options.workload is None:
        table(options)
        return
    n = options.n or (SIZES | REPEATS).get(options.workload, STORED)
    if options.workload in APART:
        figures = apart(options, n)
    else:
        figures = one(options.workload, n, options.db, options.profile)
    print(json.dumps({"workload": options.workload, "n": n, **figures}))


if __name__ == "__main__":
    main()
