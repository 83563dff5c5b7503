"""The whole sweep: every point of every definition, on every kind of store; pairs; killed processes.

`pytest -m laboratory tests/sweep` (with `-n auto` in an hour's quarter) prints a table of it at the end.
"""

import random
from collections.abc import Callable, Iterator
from itertools import repeat
from pathlib import Path

import pytest
from sweep_case import Case, corpus
from sweep_expected import unexpected
from sweep_killed import draw, gone_on, kill, name_of, wishes
from sweep_points import Point
from sweep_run import Place, Swept, calm, each_kind, every, sweep, twice
from sweep_table import row_of

pytestmark = [pytest.mark.anyio, pytest.mark.laboratory, pytest.mark.timeout(3600)]
CASES = corpus()
SEED, KILLED, PAIRS, EARLY = 6, 50, 40, 12
"""Of what is drawn; processes killed on a kind of store; pairs of deaths of a definition, the second of
which is one of the first points that a process passes which takes over."""
each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
Record = Callable[[str, object], None]


async def swept(case: Case, place: Place, choose: Callable[[list[Point]], list[tuple[int, ...]]]) -> Swept:
    base = await calm(case, place())
    assert unexpected(case, base.outcome) + base.faults == []
    return await sweep(case, place, base, choose(base.points))


def judged(found: Swept, store: str, record: Record) -> None:
    record("swept", row_of(store, found))
    assert found.crashes and found.wrong == {}


@each_case
@pytest.mark.parametrize("store", ["memory", "sqlite"])
async def test_every_point(
    case: Case, store: str, request: pytest.FixtureRequest, record_property: Record
) -> None:
    found = await swept(case, request.getfixturevalue(store), every)
    judged(found, store, record_property)


@each_case
async def test_it_dies_again_while_it_recovers(case: Case, memory: Place, record_property: Record) -> None:
    def drawn(points: list[Point]) -> list[tuple[int, int]]:
        pairs = list(twice(points, EARLY))
        return random.Random(f"{SEED} {case.name}").sample(pairs, min(PAIRS, len(pairs)))

    judged(await swept(case, memory, drawn), "memory, twice", record_property)


@each_case
async def test_what_was_only_asleep_is_fenced_out(case: Case, memory: Place, record_property: Record) -> None:
    base = await calm(case, memory())
    found = await sweep(case, memory, base, every(base.points), zombies=True)
    judged(found, "memory, asleep", record_property)


@each_case
async def test_a_part_on_postgresql(case: Case, postgres: Place, record_property: Record) -> None:
    found = await swept(case, postgres, lambda points: each_kind(points)[CASES.index(case) % 3 :: 3])
    judged(found, "postgresql", record_property)


@pytest.mark.parametrize("store", ["sqlite", "postgres"])
async def test_processes_that_are_killed(
    store: str, tmp_path: Path, memory: Place, request: pytest.FixtureRequest, record_property: Record
) -> None:
    place: Place = request.getfixturevalue(store)
    calms = [(case, await calm(case, memory())) for case in CASES if case.name != "timeouts"]
    bases = {case.name: base for case, base in calms}
    urls: Iterator[str] = (place() for _ in repeat(None))
    asked = wishes(draw(SEED, KILLED, calms), tmp_path, urls)
    found = Swept(f"{KILLED} drawn, seed {SEED}", sum(len(base.points) for _, base in calms))
    for wish, end in zip(asked, kill(asked), strict=True):
        base = bases[wish.case.name]
        found.runs, found.crashes = found.runs + 1, found.crashes + 1
        if faults := await gone_on(wish, base, end):
            found.wrong[name_of(wish, base)] = faults
    judged(found, f"{store}, SIGKILL", record_property)
