"""Wherever its process dies, a definition ends as if it had not: a slice of that for every definition."""

import pytest
from sweep_case import Case, corpus
from sweep_expected import unexpected
from sweep_run import Place, calm, each_kind, sweep

pytestmark = pytest.mark.anyio
CASES = corpus()
SHARE = 4
"""One of so many of the points that stand for their kinds is tried here; the laboratory tries all points."""


def some(case: Case, chosen: list[tuple[int]]) -> list[tuple[int]]:
    """Return the share of a case: another one for each, so that together they have every kind."""
    return chosen[CASES.index(case) % SHARE :: SHARE]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_it_ends_as_if_nothing_had_happened(case: Case, memory: Place) -> None:
    base = await calm(case, memory())
    assert unexpected(case, base.outcome) + base.faults == []
    swept = await sweep(case, memory, base, some(case, each_kind(base.points)))
    assert swept.crashes and swept.wrong == {}


async def test_every_kind_of_point_is_tried(memory: Place) -> None:
    there, tried = set(), set()
    for case in CASES:
        points = (await calm(case, memory())).points
        there |= {(point.when, name) for point in points for name in point.names}
        for (number,) in some(case, each_kind(points)):
            tried |= {(points[number - 1].when, name) for name in points[number - 1].names}
    assert there - tried == set()
    assert "other" not in {name for _, name in there}
