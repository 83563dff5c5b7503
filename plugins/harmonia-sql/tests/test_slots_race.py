"""Two writers that let somebody run at the same moment: the turn of a namespace keeps them apart."""

from collections.abc import Iterator
from contextlib import suppress
from threading import Barrier, BrokenBarrierError

import anyio
import pytest

from harmonia_core import promote
from harmonia_core.testing.state_backend_rows import ENGINE
from harmonia_core.testing.state_backend_slots import GPU, held, limit, waits
from harmonia_sql import POSTGRES, slot_rows
from harmonia_sql.postgres.dialect import POSTGRES_DIALECT


@pytest.fixture
def no_turn() -> Iterator[None]:
    """Seed kestra #13211: each counts what holds without waiting for the other."""
    turn = POSTGRES_DIALECT.turn
    object.__setattr__(POSTGRES_DIALECT, "turn", "")
    yield
    object.__setattr__(POSTGRES_DIALECT, "turn", turn)


async def raced(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Let two writers stand between counting and commit at once, if they can; return what holds then."""
    backends = [POSTGRES.create(postgres_url, "never") for _ in range(2)]
    await backends[0].open(ENGINE)
    await backends[1].open(None)
    await backends[0].commit(limit(GPU, 1))
    meeting = Barrier(2, timeout=1.0)

    def promote_and_meet(table, promotions):
        promote(table, promotions)
        with suppress(BrokenBarrierError):  # the other one waits for its turn
            meeting.wait()

    monkeypatch.setattr(slot_rows, "promote", promote_and_meet)
    async with anyio.create_task_group() as group:
        for number, backend in enumerate(backends, 1):
            group.start_soon(backend.commit, waits(number))
    found = await held(backends[0])
    for backend in backends:
        await backend.close()
    return found


@pytest.mark.anyio
async def test_one_of_two_that_come_at_once_is_let_run(postgres_url, monkeypatch) -> None:
    assert len(await raced(postgres_url, monkeypatch)) == 1


@pytest.mark.anyio
async def test_kestra_13211_without_a_turn_both_are_let_run(postgres_url, monkeypatch, no_turn) -> None:
    assert await raced(postgres_url, monkeypatch) == [1, 2]
