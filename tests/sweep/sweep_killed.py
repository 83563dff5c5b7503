"""Kill processes at points of cases with SIGKILL, and let this process go on with what they left."""

import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from sweep_case import Case
from sweep_outcome import differences
from sweep_points import Fate
from sweep_run import Calm, last_life
from sweep_world import World


class Wish(NamedTuple):
    """Say where a process is to kill itself: at a point of a case, on a store, with a journal."""

    case: Case
    die_at: int
    url: str
    world: Path


def draw(seed: int, count: int, calms: Sequence[tuple[Case, Calm]]) -> list[tuple[Case, int]]:
    """Draw pairs of a case and a point, each case as likely as another, none twice."""
    draws, found = random.Random(seed), set[tuple[int, int]]()
    while len(found) < count:
        number = draws.randrange(len(calms))
        found.add((number, draws.randint(3, len(calms[number][1].points))))
    return [(calms[number][0], point) for number, point in sorted(found)]


def kill(wishes: Sequence[Wish]) -> list[int]:
    """Let processes live and die, one after the other; return the signals that ended them."""
    lines = [
        json.dumps({"case": one.case.name, "url": one.url, "world": str(one.world), "die_at": one.die_at})
        for one in wishes
    ]
    ran = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("sweep_victim.py"))],
        input="".join(f"{line}\n" for line in lines),
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent)},
    )
    assert ran.returncode == 0, ran.stderr[-4000:]
    return [int(line) for line in ran.stdout.split()]


async def gone_on(wish: Wish, base: Calm, ended: int) -> list[str]:
    """Go on where a process has died; return what is wrong with the end of it."""
    if ended != signal.SIGKILL:
        return [f"the process ended by signal {ended}, not by its own hand"]
    found, wrong = await last_life(wish.case, wish.url, World(wish.world), Fate())
    assert found is not None
    return differences(base.outcome, found) + wrong


def name_of(wish: Wish, base: Calm) -> str:
    """Say where a process has killed itself."""
    return f"{wish.case.name} at {wish.die_at} ({base.points[wish.die_at - 1]})"


def wishes(pairs: Sequence[tuple[Case, int]], folder: Path, urls: Iterator[str]) -> list[Wish]:
    """Return wishes with a journal each. urls: of new stores."""
    return [Wish(case, at, next(urls), folder / f"world-{n}") for n, (case, at) in enumerate(pairs)]
