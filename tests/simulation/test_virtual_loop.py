"""The loop of the simulator: time passes only when nothing can happen, and a process can stand still."""

from typing import Any

import anyio
import pytest
from virtual_loop import Process, Stuck, VirtualLoop


def test_time_jumps_to_what_is_due_next() -> None:
    loop, seen = VirtualLoop(), []

    async def main() -> None:
        async with anyio.create_task_group() as group:
            for seconds in (3600.0, 1.0, 86_400.0):
                group.start_soon(nap, seconds)

    async def nap(seconds: float) -> None:
        await anyio.sleep(seconds)
        seen.append(anyio.current_time())

    loop.run(main())
    assert seen == [1.0, 3600.0, 86_400.0]


def run_held(until: float | None) -> list[float]:
    """Return when a process ticks that is held from 2.5 s on, until a moment or for good."""
    loop, process, ticks = VirtualLoop(), Process("p"), list[float]()

    async def tick() -> None:
        for _ in range(4):
            await anyio.sleep(1.0)
            ticks.append(anyio.current_time())

    async def main() -> None:
        loop.spawn(process, tick())
        loop.call_at(2.5, loop.hold, process)
        if until is not None:
            loop.call_at(until, loop.go_on, process)
        await anyio.sleep(20.0)
        loop.go_on(process)
        await anyio.sleep(20.0)

    loop.run(main())
    return ticks


def test_what_is_held_goes_on_where_it_stood() -> None:
    assert run_held(7.0) == [1.0, 2.0, 7.0, 8.0]


def test_what_is_dead_does_nothing_more() -> None:
    assert run_held(None) == [1.0, 2.0, 20.0, 21.0]  # it was dead from 2.5 s on, until the world was over


def test_a_world_in_which_nothing_can_happen_is_stuck() -> None:
    with pytest.raises(Stuck, match="Nothing is left"):
        VirtualLoop().run(anyio.sleep_forever())


def test_a_world_without_rest_is_stuck(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("virtual_loop.MOST_STEPS", 100)

    async def main() -> Any:
        while True:
            await anyio.sleep(0)

    with pytest.raises(Stuck, match="no rest"):
        VirtualLoop().run(main())
