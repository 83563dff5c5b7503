"""Wherever its process dies, a definition ends as if it had not: a slice of that for every definition."""

import re
from collections.abc import Mapping
from pathlib import Path
from zlib import crc32

import pytest
from sweep_case import Case, corpus
from sweep_expected import unexpected
from sweep_run import Calm, Place, calm, each_kind, names_at, sweep
from sweep_secret import NAME, SECRET

pytestmark = pytest.mark.anyio
CASES = corpus()
OFTEN, EARLY = 3, 9
"""Definitions in which each name is tried at each moment, if so many have it (the laboratory: all points);
first points of a process that takes over, at one of which it dies as well."""
Calms = Mapping[str, Calm]


@pytest.fixture(scope="module")
async def calms() -> Calms:
    """Return the undisturbed run of every definition."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(NAME, SECRET)
        return {case.name: await calm(case, f"memory://calm-{case.name}") for case in CASES}


def some(case: Case, calms: Calms) -> list[tuple[int]]:
    """Return the points of a case that are tried here: those that it tries for all the others, too."""
    mine = set()
    for when, name in names_at(calms[case.name].points):
        having = [one.name for one in CASES if (when, name) in names_at(calms[one.name].points)]
        first = crc32(f"{when} {name}".encode()) % len(having)
        if case.name in (having + having)[first : first + OFTEN]:
            mine.add((when, name))
    return each_kind(calms[case.name].points, mine)


def again(case: Case, base: Calm) -> list[tuple[int, int]]:
    """Return one pair: a process dies, and the next one at one of the first points that it passes.

    What they would have written comes after all, once another one has taken over.
    """
    number = CASES.index(case)
    chosen = each_kind(base.points)
    return [(*chosen[number % len(chosen)], 3 + number % EARLY)]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_it_ends_as_if_nothing_had_happened(case: Case, calms: Calms, memory: Place) -> None:
    base = calms[case.name]
    assert unexpected(case, base.outcome) + base.faults == []
    swept = await sweep(case, memory, base, some(case, calms))
    assert swept.wrong == {} and swept.unreached == swept.moved == 0
    twice = await sweep(case, memory, base, again(case, base), zombies=True)
    assert twice.crashes and twice.wrong == {}


async def test_every_kind_of_point_is_tried(calms: Calms, root: Path) -> None:
    there, tried = set(), set()
    for case in CASES:
        points = calms[case.name].points
        there |= names_at(points)
        tried |= names_at([points[number - 1] for (number,) in some(case, calms)])
    assert there - tried == set()
    names = {name.partition(" ")[0] for _, name in there}
    page = (root / "docs" / "crashes.md").read_text("utf-8")
    assert names <= set(re.findall("`([a-z-]+)`", page)), "each is named in the docs"
