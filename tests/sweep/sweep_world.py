"""What lies outside of the engine and outlives it: the effects of tasks, and what a client remembers.

A journal of lines; in a file if the process is to die for good, for a line is written before it counts.
"""

import json
from collections import Counter
from pathlib import Path
from typing import Any

from sweep_points import Fate


class World:
    """Hold the journal of one sweep's step. file: where it lies, None for this process alone.

    hanging: paths of attempts of this life that never end by themselves. peaks: the most that held a resource
    at once in any life. zombies: whether what a dead process would have written comes after all, once another
    one has taken over; late: those units.
    """

    def __init__(self, file: Path | None = None, *, zombies: bool = False) -> None:
        self._file = file
        self.lines: list[dict[str, Any]] = []
        if file is not None and file.exists():
            self.lines = [json.loads(line) for line in file.read_text().splitlines()]
        self.peaks: Counter[str] = Counter()
        self.fate, self.zombies = Fate(), zombies
        self.begin(Fate())

    def begin(self, fate: Fate) -> None:
        """Let a new process act in the world; nothing of the old one goes on."""
        self.late = self.fate.late if self.zombies else []
        self.fate = fate
        self.hanging: set[tuple[str, str]] = set()
        self.holding: Counter[str] = Counter()

    def note(self, what: str, **more: Any) -> None:
        """Write a line, for good."""
        line = {"what": what, **more}
        self.lines.append(line)
        if self._file is not None:
            with self._file.open("ab", buffering=0) as file:
                file.write(json.dumps(line).encode() + b"\n")

    def of(self, what: str) -> list[dict[str, Any]]:
        """Return the lines of a kind."""
        return [line for line in self.lines if line["what"] == what]

    def hold(self, name: str) -> None:
        """Note that an attempt needs a resource from here on."""
        self.holding[name] += 1
        self.peaks[name] = max(self.peaks[name], self.holding[name])

    def release(self, name: str) -> None:
        """Note that it needs it no more."""
        self.holding[name] -= 1

    def hang(self, execution: str, path: str) -> None:
        """Note that an attempt waits until it is interrupted."""
        self.hanging.add((execution, path))


CURRENT = [World()]
"""The world in which the tasks of this process act."""


def world() -> World:
    """Return it."""
    return CURRENT[0]
