"""Pruning beside the work: woken by ends and by the clock, careful with families, patient with stores."""

import anyio
import pytest
from anyio.lowlevel import checkpoint

from harmonia_core.builtin.memory import MemoryBackend
from harmonia_core.contracts.state_backend import ExecutionQuery
from harmonia_core.engine.pruner import ENOUGH, PAGE, Pruner
from harmonia_core.errors import StateUnavailable
from harmonia_core.model.retention import RetentionRule
from harmonia_core.settings import KernelSettings
from harmonia_core.testing.clock import FakeClock
from harmonia_core.testing.harness import Harness
from harmonia_core.testing.state_backend_log import submit
from harmonia_core.testing.state_backend_rows import ENGINE, execution_id, start, step
from harmonia_core.testing.state_backend_upkeep import ended

NOOP = {"name": "nothing", "tasks": {"a": {"type": "noop"}}}


@pytest.fixture
async def backend():
    backend = MemoryBackend("memory://")
    await backend.open(ENGINE)
    yield backend
    await backend.close()


async def until(condition):
    """Let others run until something has become true; without it the test ends by its time limit."""
    with anyio.fail_after(20):
        while not await condition():
            await checkpoint()


async def numbers(backend):
    rows, _ = await backend.find(ExecutionQuery(namespace=None, limit=1000))
    return sorted(int(row.execution_id[-12:]) for row in rows)


async def look(pruner):
    """Prune once what is due; return the numbers of what went."""
    found = []
    async for doomed in pruner.due():
        await pruner.prune(doomed)
        found += [int(one.execution_id[-12:]) for one in doomed]
    return found


async def test_an_engine_with_rules_keeps_only_so_many():
    settings = KernelSettings(retention=[{"keep_last": 7}], prune_interval=60)
    async with Harness(settings=settings) as harness:
        ids = [await harness.engine.start(NOOP) for _ in range(ENOUGH + 5)]

        async def kept():
            rows, _ = await harness.engine.find(ExecutionQuery(limit=1000))
            return [row["id"] for row in rows]

        async def few():
            return not harness.engine._driver.lives and len(await kept()) <= 7 + 5

        await until(few)  # nobody moved the clock: it was the count that woke the pruner

        async def fewest():
            harness.clock.advance(60)
            return len(await kept()) == 7

        await until(fewest)
        # Their definition is still there for those that are left.
        views = [await harness.engine.get(key) for key in await kept()]
        assert {view["status"] for view in views} == {"completed"}
        assert {view["id"] for view in views} < set(ids)


async def test_an_engine_without_rules_prunes_nothing():
    async with Harness() as harness:
        ids = [await harness.engine.start(NOOP) for _ in range(ENOUGH + 5)]
        for key in ids:
            await harness.engine.wait(key)
        harness.clock.advance(86_400)
        await checkpoint()
        assert len((await harness.engine.find(ExecutionQuery(limit=1000)))[0]) == len(ids)
        assert harness.engine._driver.ended is None


async def test_the_last_execution_takes_the_definition_along():
    settings = KernelSettings(retention=[{"keep_for": 100}], prune_interval=60)
    async with Harness(settings=settings) as harness:
        await harness.run(NOOP)
        backend = harness.engine.backend
        assert len(backend._store.blobs) == 1

        async def empty():
            return not backend._store.blobs

        harness.clock.advance(101)
        await until(empty)
        await harness.run(NOOP)
        assert len(backend._store.blobs) == 1


async def test_age_is_counted_from_the_end(backend):
    clock = FakeClock(start=1000.0)
    await submit(backend, [ended(1, 100.0), ended(2, 900.0), ended(3, 990.0), start(4)])
    pruner = Pruner(backend, [RetentionRule(keep_for=50)], clock)
    assert await look(pruner) == [1, 2]
    clock.advance(41)
    assert await look(pruner) == [3]
    assert (await numbers(backend), pruner.total.executions) == ([4], 3)


async def test_many_pages_are_walked(backend):
    total = 2 * PAGE + 3
    await submit(backend, [ended(number, float(number)) for number in range(1, total + 1)])
    pruner = Pruner(backend, [RetentionRule(workflow="other"), RetentionRule(keep_last=3)], FakeClock())
    assert len(await look(pruner)) == total - 3
    assert await numbers(backend) == [total - 2, total - 1, total]


async def test_children_and_links_of_a_chain_stay_while_the_other_end_lives(backend):
    root = execution_id(1)
    await submit(
        backend,
        [
            start(1),
            ended(2, 2.0, parent_id=root),
            ended(3, 3.0, root_id=root),
            ended(4, 4.0),
            ended(5, 5.0, parent_id=execution_id(99), root_id=execution_id(98)),
        ],
    )
    pruner = Pruner(backend, [RetentionRule(keep_last=0)], FakeClock())
    assert await look(pruner) == [4, 5]
    await backend.commit(step(1, 1, status="completed", ended_at=6.0, owner=None))
    assert await look(pruner) == [1]  # the walk has passed the others
    pruner.rewind()
    assert await look(pruner) == [2, 3]
    assert await numbers(backend) == []


async def test_what_ends_behind_the_walk_goes_when_it_begins_anew(backend):
    clock = FakeClock(start=10_000.0)
    await submit(backend, [ended(1, 50.0), ended(2, 60.0)])
    pruner = Pruner(backend, [RetentionRule(keep_last=0)], clock)
    async with anyio.create_task_group() as group:
        group.start_soon(pruner.run, 60.0)
        await until(lambda: is_empty(backend))
        await backend.commit(ended(3, 55.0))

        async def passes():
            clock.advance(61)
            return await is_empty(backend)

        await until(passes)
        group.cancel_scope.cancel()


async def is_empty(backend):
    return await numbers(backend) == []


async def test_a_store_that_fails_is_tried_again(backend, caplog):
    clock = FakeClock()
    await backend.commit(ended(1))
    finished, failures = backend.finished, [StateUnavailable("the store is away")]

    async def failing(query):
        if failures:
            raise failures.pop()
        return await finished(query)

    backend.finished = failing
    pruner = Pruner(backend, [RetentionRule(keep_last=0)], clock)
    async with anyio.create_task_group() as group:
        group.start_soon(pruner.run, 60.0)

        async def warned():
            return "the store is away" in caplog.text

        await until(warned)
        assert await numbers(backend) == [1]
        clock.advance(61)
        await until(lambda: is_empty(backend))
        group.cancel_scope.cancel()
