"""Run the tests that carry out a mutant's lines against it, each mutant in a process of its own.

A process with all imports done and all tests collected is copied for every mutant; the copy changes the
code of one function where it stands, so that whoever imported it has the mutant, and runs one test after
the other until one fails.
"""

import gc
import os
import resource
import select
import signal
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import _lru_cache_wrapper
from types import FunctionType
from typing import Any, NamedTuple

from line_tests import LineTests, run
from mutant_making import Mutant, key_of

SURVIVED, KILLED, TIMEOUT, UNTESTED = "survived", "killed", "timeout", "untested"
LATE = 3
# A test may take this many times as long as without the mutant, and so many seconds more.
SLOWER, GRACE = 10.0, 2.0
ROOM = 6 << 30


class Verdict(NamedTuple):
    """What became of a mutant. by: the test that killed it."""

    mutant: Mutant
    outcome: str
    by: str
    tests: int
    seconds: float


class Copies:
    """Try mutants, several at a time. budget: CPU seconds of tests for one mutant, as they usually take."""

    def __init__(self, items: Iterable[Any], lines: LineTests, jobs: int, budget: float) -> None:
        self.items = {item.nodeid: item for item in items}
        self.lines, self.jobs, self.budget = lines, jobs, budget
        self.running: dict[int, tuple[Mutant, list[str], int, float]] = {}
        self.killers: defaultdict[str, list[str]] = defaultdict(list)
        self.functions, self.caches = found_functions()

    def tried(self, mutants: Iterable[Mutant]) -> Iterator[Verdict]:
        """Yield a verdict for every mutant, in the order in which they come."""
        for mutant in mutants:
            tests = self.chosen(mutant)
            if not tests or not self.found(mutant):
                yield Verdict(mutant, UNTESTED, "", 0, 0.0)
                continue
            while len(self.running) >= self.jobs:
                yield self.ended()
            self.begin(mutant, tests)
        while self.running:
            yield self.ended()

    def found(self, mutant: Mutant) -> list[Any]:
        """Return the functions whose code a mutant replaces."""
        return self.functions.get((mutant.code.co_filename, *key_of(mutant.code)), [])

    def chosen(self, mutant: Mutant) -> list[str]:
        """Return the tests for a mutant: what killed its neighbours first, then the quickest."""
        covering = self.lines.covering(mutant.module, mutant.line, mutant.last)
        there = set(covering)
        early = [name for name in self.killers[mutant.function] if name in there]
        chosen, spent = list[str](), 0.0
        for name in [*early, *(name for name in covering if name not in early)]:
            spent += self.lines.seconds[name]
            if chosen and spent > self.budget:
                break
            chosen.append(name)
        return chosen

    def begin(self, mutant: Mutant, tests: list[str]) -> None:
        """Start a copy of this process that tries a mutant."""
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                os.close(reader)
                place = self.attempt(mutant, tests)
                os.write(writer, str(place).encode())
            finally:
                os._exit(0)  # whatever happens, a copy never goes on as the original does
        os.close(writer)
        self.running[pid] = (mutant, tests, reader, time.monotonic())

    def attempt(self, mutant: Mutant, tests: list[str]) -> int:
        """Return the place of the first test that fails, -1 if there is none. Runs in the copy."""
        silence()
        for function in self.found(mutant):
            function.__code__ = mutant.code
        for cache in self.caches:
            cache.cache_clear()
        for place, name in enumerate(tests):
            limited(GRACE + SLOWER * self.lines.seconds[name])
            try:
                reports = run(self.items[name])
            except BaseException:
                return place
            if any(report.failed for report in reports):
                return place
        return -1

    def ended(self) -> Verdict:
        """Wait for the next copy that ends."""
        readers = {reader: pid for pid, (_, _, reader, _) in self.running.items()}
        reader = select.select(list(readers), [], [])[0][0]
        pid = readers[reader]
        said = os.read(reader, 100).decode()
        os.close(reader)
        _, status = os.waitpid(pid, 0)
        mutant, tests, _, begun = self.running.pop(pid)
        seconds = time.monotonic() - begun
        if said == "-1":
            return Verdict(mutant, SURVIVED, "", len(tests), seconds)
        if os.waitstatus_to_exitcode(status) == LATE:
            return Verdict(mutant, TIMEOUT, "", len(tests), seconds)
        by = tests[int(said)] if said else "the process died"
        if said:
            known = self.killers[mutant.function]
            known[:] = [by, *(name for name in known if name != by)][:20]
        return Verdict(mutant, KILLED, by, len(tests), seconds)


def found_functions() -> tuple[dict[tuple[str, str, int], list[Any]], list[Any]]:
    """Return all functions by file, name and line, and all caches of functions."""
    functions = defaultdict[tuple[str, str, int], list[Any]](list)
    caches = []
    for one in gc.get_objects():
        if isinstance(one, FunctionType):
            functions[one.__code__.co_filename, *key_of(one.__code__)].append(one)
        elif isinstance(one, _lru_cache_wrapper):
            caches.append(one)
    return functions, caches


def silence() -> None:
    """Let a copy say nothing."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    os.dup2(nothing, 2)


def limited(seconds: float) -> None:
    """End this process if the next test needs too long, or too much memory."""
    for number in (signal.SIGVTALRM, signal.SIGALRM):
        signal.signal(number, lambda *_: os._exit(LATE))
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    signal.setitimer(signal.ITIMER_REAL, 10 * seconds + 30)
    resource.setrlimit(resource.RLIMIT_AS, (ROOM, resource.getrlimit(resource.RLIMIT_AS)[1]))
