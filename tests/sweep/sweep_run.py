"""Run a case: once undisturbed, then once for each point, dying there; compare what came of it."""

import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from sweep_case import Case
from sweep_life import Life
from sweep_outcome import differences, outcome
from sweep_points import Fate, Point
from sweep_rules import faults
from sweep_world import World

Place = Callable[[], str]
"""Gives the URL of a new, empty store with each call."""


@dataclass
class Calm:
    """Hold what an undisturbed run came to, and the points that it passed."""

    outcome: dict[str, Any]
    points: list[Point]
    world: World
    faults: list[str]


@dataclass
class Swept:
    """Count what came of a case: points, runs, crashes in them; say of those that ended otherwise how.

    unreached, moved: runs that ended before their point, or died at another one than the undisturbed run has
    there; none in memory, where nothing depends on threads.
    """

    name: str
    points: int
    runs: int = 0
    crashes: int = 0
    unreached: int = 0
    moved: int = 0
    wrong: dict[str, list[str]] = field(default_factory=dict)


async def calm(case: Case, url: str) -> Calm:
    """Run a case undisturbed."""
    world, fate = World(), Fate()
    found, wrong = await last_life(case, url, world, fate)
    assert found is not None
    return Calm(found, fate.passed, world, wrong)


async def last_life(
    case: Case, url: str, world: World, fate: Fate
) -> tuple[dict[str, Any] | None, list[str]]:
    """Live once; return the outcome and what is wrong, None if the process died."""
    life = Life(case, url, world, fate)
    result: list[tuple[dict[str, Any], list[str]]] = []

    async def look() -> None:
        result.append((await outcome(life), await faults(life)))

    life.at_end = look
    if not await life.live():
        return None, []
    return result[0]


async def crashed(
    case: Case, url: str, deaths: Sequence[int], zombies: bool = False
) -> tuple[dict[str, Any], list[str], list[Point]]:
    """Let the first lives of a case die at these points, one each; return what the last one came to.

    The points at which they died come with it; a life that comes to its end before is the last one.
    """
    world, died = World(zombies=zombies), list[Point]()
    for number in count():
        fate = Fate(deaths[number] if number < len(deaths) else None)
        found, wrong = await last_life(case, url, world, fate)
        if found is not None:
            return found, wrong, died
        died.append(fate.passed[-1])
    raise AssertionError("never")


async def sweep(
    case: Case, place: Place, base: Calm, chosen: Sequence[Sequence[int]], zombies: bool = False
) -> Swept:
    """Run a case for each of these sequences of deaths; tell how those differ that end otherwise.

    zombies: what a dead process would have written comes after all, once another one has taken over.
    """
    swept = Swept(case.name, len(base.points))
    for deaths in chosen:
        name = " then ".join(str(number) for number in deaths)
        swept.runs += 1
        try:
            found, wrong, died = await crashed(case, place(), deaths, zombies)
        except Exception as error:  # one that stops the sweep would hide all others
            swept.crashes += 1
            swept.wrong[name] = [f"at {base.points[deaths[0] - 1]}", *_said(error)]
            continue
        if len(died) < len(deaths):
            swept.unreached += 1
        swept.crashes += len(died)
        faults = differences(base.outcome, found) + wrong
        if died and died[0] != base.points[deaths[0] - 1]:
            swept.moved += 1
        if faults:
            swept.wrong[name] = [f"at {', then '.join(map(str, died))}", *faults]
    return swept


def _said(error: BaseException) -> list[str]:
    if isinstance(error, BaseExceptionGroup):
        return [line for one in error.exceptions for line in _said(one)]
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return [f"{type(error).__name__}: {error} ({Path(frame.filename).name}:{frame.lineno})"]


def every(points: Sequence[Point]) -> list[tuple[int]]:
    """Return each point once."""
    return [(number,) for number in range(1, len(points) + 1)]


def names_at(points: Iterable[Point]) -> set[tuple[str, str]]:
    """Return (moment, name) of everything that happens at points."""
    return {(point.when, name) for point in points for name in point.names}


def each_kind(points: Sequence[Point], wanted: Iterable[tuple[str, str]] | None = None) -> list[tuple[int]]:
    """Return the fewest first points, by greed, that together have every name at every moment.

    wanted: only these count; all of them without.
    """
    left = names_at(points) if wanted is None else set(wanted)
    chosen: list[tuple[int]] = []
    while left:
        best = max(range(len(points)), key=lambda n: (len(names_at([points[n]]) & left), -n))
        left -= names_at([points[best]])
        chosen.append((best + 1,))
    return sorted(chosen)


def twice(points: Sequence[Point], early: int) -> Iterator[tuple[int, int]]:
    """Return pairs: each kind of point, and then each of the first ones that the next process passes."""
    for (first,) in each_kind(points):
        for second in range(1, early + 1):
            yield first, second
