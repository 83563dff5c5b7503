"""Wherever its process dies, a definition ends as if it had not: a slice of that for every definition."""

import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from sweep_case import Case, corpus
from sweep_expected import unexpected
from sweep_points import Point
from sweep_run import Place, calm, each_kind, sweep

pytestmark = pytest.mark.anyio
CASES = corpus()
RARE = frozenset(
    ("activity", "approval", "artifact", "attention", "cancel", "checkpoint", "continuation", "decision",
     "deferral", "empty", "fork", "heartbeat", "late-result", "limit", "memo", "message-moved",
     "message-sent", "prune", "publication", "request-registered", "roll-over", "slot-grant",
     "slot-release", "slot-wanted", "snapshot", "steering", "stop")
)  # fmt: skip
SHARE, EARLY = 6, 9
"""Points of rare kinds are tried wherever they are; of those that stand for the others, one of so many."""


def some(case: Case, points: Sequence[Point]) -> list[tuple[int]]:
    """Return the points of a case that are tried here; the laboratory tries all of them."""
    first = CASES.index(case) % SHARE
    return sorted({*each_kind(points)[first::SHARE], *each_kind(points, RARE)})


def again(case: Case, points: Sequence[Point]) -> list[tuple[int, int]]:
    """Return one pair: a process dies, and the next one at one of the first points that it passes.

    What they would have written comes after all, once another one has taken over.
    """
    number = CASES.index(case)
    chosen = each_kind(points)
    return [(*chosen[number % len(chosen)], 3 + number % EARLY)]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_it_ends_as_if_nothing_had_happened(case: Case, memory: Place) -> None:
    base = await calm(case, memory())
    assert unexpected(case, base.outcome) + base.faults == []
    swept = await sweep(case, memory, base, some(case, base.points))
    assert swept.crashes and swept.wrong == {} and swept.unreached == swept.moved == 0
    twice = await sweep(case, memory, base, again(case, base.points), zombies=True)
    assert twice.crashes and twice.wrong == {}


async def test_every_kind_of_point_is_tried(memory: Place, root: Path) -> None:
    there, tried = set(), set()
    for case in CASES:
        points = (await calm(case, memory())).points
        there |= {(point.when, name) for point in points for name in point.names}
        for (number,) in some(case, points):
            tried |= {(points[number - 1].when, name) for name in points[number - 1].names}
    assert there - tried == set()
    names = {name.partition(" ")[0] for _, name in there}
    page = (root / "docs" / "crashes.md").read_text("utf-8")
    assert names <= set(re.findall("`([a-z-]+)`", page)), "each is named in the docs"
