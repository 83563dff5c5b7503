"""Measure the engine: one workload as one line of JSON, or all of them beside their floor as a table."""

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

SIZES = {"W1": 200, "floor": 1000, "W2": 1000, "W3": 500, "W4": 200, "W5": 200, "W6": 10_000, "W6j": 10_000}


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workload", choices=SIZES, help="measure only this one and print one line of JSON")
    parser.add_argument("--n", type=int, help="its size: tasks, executions, samples or commits")
    parser.add_argument("--db", help="URL of a fresh database (default: a file in a temporary folder)")
    parser.add_argument("--profile", type=Path, metavar="FILE", help="also write where time went")
    parser.add_argument("--rounds", type=int, default=5, help="of the table (default: 5)")
    parser.add_argument("--most", type=int, metavar="N", help="cap the sizes of the table, to try it out")
    options = parser.parse_args()
    if options.workload is None and (options.n or options.db or options.profile):
        parser.error("--n, --db and --profile go with --workload")
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


def main() -> None:
    """Do what the command line says."""
    options = arguments()
    if options.workload is None:
        import table

        sizes = {workload: min(n, options.most or n) for workload, n in SIZES.items()}
        print(table.render(table.rounds(sizes, options.rounds)))
    else:
        n = options.n or SIZES[options.workload]
        figures = one(options.workload, n, options.db, options.profile)
        print(json.dumps({"workload": options.workload, "n": n, **figures}))


if __name__ == "__main__":
    main()
