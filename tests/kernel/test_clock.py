"""A clock that jumps: nothing is early, nothing waits longer than until the next look, and it is said."""

import logging

import anyio
import pytest

from harmonia_core.clock import LONGEST_SLEEP, SystemClock
from harmonia_core.contracts.rows import TimerRow
from harmonia_core.engine.timers import Timers


class Machine:
    """A wall clock that can be set, beside one that cannot; sleeping takes no time."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.set, self.steady, self.slept = 1_000_000.0, 0.0, list[float]()
        self.jumps: list[float] = []
        self.real_sleep = anyio.sleep
        monkeypatch.setattr(anyio, "sleep", self.sleep)
        self.clock = SystemClock(lambda: self.set + self.steady, lambda: self.steady)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.steady += seconds
        if self.jumps:
            self.set += self.jumps.pop(0)
        await self.real_sleep(0)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(monkeypatch)


async def fired(machine: Machine, *after: float) -> list[float]:
    """Return at which wall times timers fire that are due so many seconds from now."""
    start, seen = machine.clock.now(), list[float]()
    done = anyio.Event()

    def tell(execution_id: str, path: str, kind: str) -> None:
        seen.append(machine.clock.now() - start)
        if len(seen) == len(after):
            done.set()

    timers = Timers(machine.clock, tell)
    timers.add(TimerRow("e", str(number), "wait", start + due) for number, due in enumerate(after))
    with anyio.fail_after(10):
        async with anyio.create_task_group() as group:
            group.start_soon(timers.run)
            await done.wait()
            group.cancel_scope.cancel()
    return seen


async def test_without_a_jump_timers_fire_when_they_are_due(
    machine: Machine, caplog: pytest.LogCaptureFixture
) -> None:
    assert await fired(machine, 10.0, 100.0) == [10.0, 100.0]
    assert max(machine.slept) == LONGEST_SLEEP and not caplog.records


async def test_set_forward_what_is_due_is_done_at_the_next_look(
    machine: Machine, caplog: pytest.LogCaptureFixture
) -> None:
    machine.jumps = [3600.0]
    with caplog.at_level(logging.WARNING):
        seen = await fired(machine, 600.0, 1200.0)
    assert seen == [3630.0, 3630.0] and machine.steady == LONGEST_SLEEP
    assert [record.getMessage() for record in caplog.records] == [
        "The clock was set 3600 s forward; what has become due is done now."
    ]


async def test_set_back_nothing_is_early(machine: Machine, caplog: pytest.LogCaptureFixture) -> None:
    machine.jumps = [0.0, -3600.0]
    with caplog.at_level(logging.WARNING):
        seen = await fired(machine, 100.0)
    assert seen == [100.0] and machine.steady == pytest.approx(3700.0)
    assert [record.getMessage() for record in caplog.records] == [
        "The clock was set 3600 s back; timers wait for it."
    ]


async def test_small_corrections_are_not_worth_a_word(
    machine: Machine, caplog: pytest.LogCaptureFixture
) -> None:
    machine.jumps = [0.2, -0.4, 0.3]
    await fired(machine, 100.0)
    assert not caplog.records
