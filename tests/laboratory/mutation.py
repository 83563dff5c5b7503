"""Mutation testing of the pure core: change it in one place after the other and see that a test fails.

Ends with 1 if a mutant survives that is not explained, or an explained one does not survive.
"""

import argparse
import json
import os
import sys
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from explanations import Judgement, explanations, judged
from line_tests import kept, measured
from mutant_making import Mutant, mutants
from mutant_running import SURVIVED, UNTESTED, Copies, Verdict
from pure_modules import ROOT, path_of, pure_modules

ENGINE = "harmonia_core.engine."
# What carries decide, evolve, retry, rewind and compile; the close siblings come with `--also`.
NAMES = ("retry", "decide", "evolve", "compile", "rewind")
TESTS = "tests/pure"
LINES = ROOT / "laboratory" / "raw" / "lines.json"


class Mutation:
    """A pytest plugin: collects as usual, and tries mutants instead of running the tests once."""

    def __init__(self, options: argparse.Namespace, modules: list[str], out: int) -> None:
        self.options, self.modules, self.out = options, modules, out
        self.verdicts: list[Verdict] = []
        self.reasons = explanations()
        self.left = left(options.out) if options.left else None

    def say(self, text: str) -> None:
        """Write to the error stream that was there before the tests."""
        os.write(self.out, f"{text}\n".encode())

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self) -> None:
        # The same examples every time, none kept, none made smaller: only that a test fails is of interest.
        # Imported here, for pytest wants to see it first.
        import hypothesis

        phases = (hypothesis.Phase.explicit, hypothesis.Phase.generate)
        profile = hypothesis.settings.get_profile("patient")
        changed = hypothesis.settings(profile, derandomize=True, database=None, phases=phases)
        hypothesis.settings.register_profile("mutation", changed)
        hypothesis.settings.load_profile("mutation")

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        self.say(f"{len(session.items)} tests, looking at which lines they carry out")
        # In a copy, so that mutants start from a process in which no test has run.
        pid = os.fork()
        if pid == 0:
            os._exit(self.measure(session.items))
        if os.waitpid(pid, 0)[1]:
            pytest.exit("the tests do not pass without mutants", 1)
        lines = kept(LINES)
        copies = Copies(session.items, lines, self.options.jobs, self.options.seconds)
        for module in self.modules:
            begun = time.monotonic()
            made = [one for one in mutants(module, path_of(module)) if self.wanted(one)]
            found = list(copies.tried(made))
            self.verdicts += found
            self.say(f"{row(module, found)}  {time.monotonic() - begun:5.0f} s")
            for verdict in judged(found, self.reasons, {module}).unexplained:
                print("\n".join(described(verdict)), flush=True)
        return True

    def measure(self, items: list[pytest.Item]) -> int:
        """Find out what the tests carry out, unless it is known; return an exit code."""
        try:
            measured(items, {*pure_modules(), *self.modules}, LINES)
        except BaseException:
            self.say(traceback.format_exc())
            return 1
        return 0

    def wanted(self, mutant: Mutant) -> bool:
        """Tell whether a mutant is among those asked for."""
        named = not self.options.function or mutant.function in self.options.function
        return named and (self.left is None or mutant.key in self.left)


def row(module: str, verdicts: list[Verdict]) -> str:
    """Return the figures of a module as a line."""
    counts = Counter(verdict.outcome for verdict in verdicts)
    names = ("killed", "timeout", "survived", "untested")
    return f"{module.removeprefix(ENGINE):24} {len(verdicts):5}" + "".join(
        f"  {counts[name]:5} {name}" for name in names
    )


def chosen(names: list[str]) -> list[str]:
    """Return the modules that names stand for: `rewind` for all that begin so."""
    there = sorted(path.stem for path in (ROOT / "harmonia_core/engine").glob("*.py"))
    return [
        ENGINE + one
        for name in names
        for one in there
        if one == name or (name == "rewind" and one.startswith("rewind_"))
    ]


def described(verdict: Verdict) -> Iterator[str]:
    """Yield a survivor as the lines of a change, with what explains it beside it."""
    mutant = verdict.mutant
    place = f"{path_of(mutant.module).relative_to(ROOT)}:{mutant.line}"
    yield f"{place} {mutant.function}: {verdict.outcome}, {verdict.tests} tests"
    yield from (f"  - {line}" for line in mutant.was.splitlines())
    yield from (f"  + {line}" for line in mutant.now.splitlines())


def left(file: Path) -> set[tuple[str, ...]]:
    """Return the mutants that were not killed the last time."""
    found = json.loads(file.read_text("utf-8"))["mutants"]
    return {tuple(key) for *key, _, outcome, _ in found if outcome in (SURVIVED, UNTESTED)}


def record(judgement: Judgement, verdicts: list[Verdict]) -> dict[str, Any]:
    """Return what a run came to, for the report."""
    modules = sorted({verdict.mutant.module for verdict in verdicts})
    counts = {name: Counter(one.outcome for one in verdicts if one.mutant.module == name) for name in modules}
    return {
        "modules": {name: {**count, "mutants": count.total()} for name, count in counts.items()},
        "explained": len(judgement.explained),
        "unexplained": ["\n".join(described(one)) for one in judgement.unexplained],
        "stale": [list(key) for key in judgement.stale],
        "mutants": [[*one.mutant.key, one.mutant.line, one.outcome, one.by] for one in verdicts],
    }


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "modules", nargs="*", default=list(NAMES), help="modules of the engine; rewind: all of them"
    )
    parser.add_argument("--function", action="append", help="only mutants of this function (may be repeated)")
    parser.add_argument("--left", action="store_true", help="only what was not killed the last time")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument(
        "--seconds", type=float, default=15.0, help="of tests for one mutant, the quickest first"
    )
    parser.add_argument("--out", type=Path, default=ROOT / "laboratory" / "raw" / "mutation.json")
    return parser.parse_args()


def main() -> int:
    """Run it; return the exit code."""
    options = arguments()
    modules = chosen(options.modules)
    plugin = Mutation(options, modules, os.dup(2))
    quiet = ["-q", "-q", "--no-header", "--no-summary", "-s", "-p", "no:cacheprovider", "-o", "timeout=0"]
    code = pytest.main([*quiet, str(ROOT / TESTS)], plugins=[plugin])
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED) or not plugin.verdicts:
        return int(code) or 2
    judgement = judged(
        plugin.verdicts, plugin.reasons, set() if options.function or options.left else set(modules)
    )
    for key in judgement.stale:
        print(f"explained, but it does not survive: {' | '.join(key)}")
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(record(judgement, plugin.verdicts), indent=1), "utf-8")
    print(row("all", plugin.verdicts), f" {len(judgement.explained)} explained")
    return 1 if judgement.unexplained or judgement.stale else 0


if __name__ == "__main__":
    sys.exit(main())
