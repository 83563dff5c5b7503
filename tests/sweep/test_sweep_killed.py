"""Real processes kill themselves at named points (SIGKILL), and another process goes on."""

from collections.abc import Iterator
from itertools import repeat
from pathlib import Path

import pytest
from sweep_case import CORPUS, read
from sweep_killed import gone_on, kill, name_of, wishes
from sweep_run import Place, calm

pytestmark = pytest.mark.anyio
PLACES = {
    "chain": "after intent",
    "undo-chain": "before undo",
    "children": "after child-request",
    "limited": "before slot-grant",
}
"""At which point, the second of its kind, a process dies that is at work on a definition."""


async def test_killed_processes_leave_what_another_one_ends(
    tmp_path: Path, memory: Place, sqlite: Place
) -> None:
    pairs, calms = [], []
    for name, place in PLACES.items():
        case = read(CORPUS / f"{name}.yaml")
        base = await calm(case, memory())
        when, _, kind = place.partition(" ")
        there = [n for n, point in enumerate(base.points, 1) if point.when == when and kind in point.names]
        pairs.append((case, there[1]))
        calms.append(base)
    urls: Iterator[str] = (sqlite() for _ in repeat(None))
    asked = wishes(pairs, tmp_path, urls)
    ends = kill(asked)
    wrong = {
        name_of(wish, base): await gone_on(wish, base, end)
        for wish, base, end in zip(asked, calms, ends, strict=True)
    }
    assert {name: faults for name, faults in wrong.items() if faults} == {}
