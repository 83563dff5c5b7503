"""Every fold equals its projections, and a check says so beside engines at work."""

import tracemalloc
from typing import Any

import anyio
import pytest
from pydantic_core import from_json, to_json
from scenes import checked, codes, echo, event, inspector, store_of

from harmonia_core.errors import ExecutionNotFound
from harmonia_core.host import KernelSettings
from harmonia_core.testing.harness import Harness

pytestmark = pytest.mark.anyio


async def test_what_an_engine_wrote_is_sound(harness: Harness, failed: str) -> None:
    assert len(store_of(harness).snapshots[failed]) > 1 and store_of(harness).blobs
    for name, tasks in {
        "empty": {"m": {"type": "map", "input": {"items": []}, "task": {"type": "noop"}}},
        "odd": {
            "m": {
                "type": "map",
                "input": {"items": [1, 2]},
                "task": {"type": "fail", "input": {"error": "no"}},
            }
        },
        "bad": {"e": {"type": "echo", "input": {"x": "${input.none}"}}},
    }.items():
        await harness.run({"name": name, "tasks": tasks})
    reports = await checked(harness, deep=True)
    assert len(reports) == 4
    assert [(report.problems, report.notes, report.damaged) for report in reports] == [([], [], False)] * 4
    assert await inspector(harness).verify() == []


async def test_executions_that_go_on_raise_no_false_alarm(harness: Harness) -> None:
    tasks = {
        "m": {"type": "map", "input": {"items": list(range(2000))}, "task": {"type": "echo"}},
        "w": {"type": "wait", "input": {"duration": 5}},
    }
    execution = await harness.engine.start({"name": "w", "tasks": tasks})
    rounds: list[int] = []

    async def look() -> None:
        while True:
            reports = await checked(harness)
            assert [report.problems for report in reports] == [[]]
            rounds.append(reports[0].events)

    async with anyio.create_task_group() as group:
        group.start_soon(look)
        await harness.finish(execution)
        group.cancel_scope.cancel()
    assert len(set(rounds)) > 1, "it was looked at in different states"


async def test_executions_in_attention_and_cancelled_ones_are_sound(harness: Harness) -> None:
    execution = await harness.engine.start({"name": "w", "tasks": {"c": {"type": "charge"}}})
    await harness.seen(execution, "TaskScheduled")
    assert await codes(harness) == []
    await harness.engine.cancel(execution, "enough")
    assert await codes(harness) == []


async def test_task_types_that_are_missing_here_do_not_hinder() -> None:
    tasks = {"e": {"type": "echo", "input": {"x": "${env.HOME}"}}}
    async with Harness(echo, url="memory://types", settings=KernelSettings(env_allow=("HOME",))) as first:
        execution = (await first.run({"name": "w", "tasks": tasks}))["id"]
        async with Harness(url="memory://types") as second:
            assert await codes(second, execution) == []


async def test_a_definition_that_compiles_to_another_graph_is_said_to(harness: Harness, failed: str) -> None:
    data = from_json(store_of(harness).events[failed][0].data)
    event(store_of(harness), failed, 0, data=to_json({**data, "graph_hash": "sha256:0"}).decode())
    [report] = await checked(harness)
    assert report.problems == [] and "compiles to another graph" in report.notes[0]


async def test_which_executions_are_checked(harness: Harness) -> None:
    ids = [(await harness.run({"name": "n", "tasks": {"a": {"type": "noop"}}}))["id"]]
    harness.clock.advance_to(harness.clock.now() + 10)
    moment = harness.clock.now()
    for _ in range(4):
        ids.append((await harness.run({"name": "n", "tasks": {"a": {"type": "noop"}}}))["id"])
    assert {one.execution_id for one in await checked(harness)} == set(ids)
    assert {one.execution_id for one in await checked(harness, since=moment)} == set(ids[1:])
    assert [one.execution_id for one in await checked(harness, ids[2], ids[0], ids[2])] == [ids[2], ids[0]]
    drawn = [one.execution_id for one in await checked(harness, sample=3)]
    assert len(set(drawn)) == 3 and set(drawn) <= set(ids)
    assert len(await checked(harness, sample=9)) == 5
    with pytest.raises(ExecutionNotFound):
        await checked(harness, "nobody")
    with pytest.raises(ExecutionNotFound):
        assert [one async for one in inspector(harness).rebuild(["nobody"])]
    unchanged = [one async for one in inspector(harness).rebuild(ids[:2])]
    assert [one.outcome for one in unchanged] == ["unchanged"] * 2
    assert [one.outcome async for one in inspector(harness).rebuild(every=True)] == ["rebuilt"] * 5


async def test_what_is_pruned_meanwhile_is_no_fault(harness: Harness, failed: str) -> None:
    backend, store = harness.engine.backend, store_of(harness)
    events = backend.events

    async def pruned(*arguments: Any) -> Any:
        found = await events(*arguments)
        store.executions.pop(failed, None)
        store.events.pop(failed, None)
        return found

    backend.events = pruned  # type: ignore[method-assign]
    assert await checked(harness) == []


async def test_memory_stays_flat_over_a_long_log(harness: Harness) -> None:
    items = list(range(10_000))
    tasks = {"m": {"type": "map", "input": {"items": items}, "task": {"type": "noop"}}}
    view = await harness.run({"name": "w", "tasks": tasks}, limit=100)
    assert view["seq"] > 20_000
    store_of(harness).snapshots.clear()
    tracemalloc.start()
    try:
        [report] = await checked(harness)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert report.problems == [] and peak < 8_000_000


async def test_the_status_of_a_store(harness: Harness, failed: str) -> None:
    execution = await harness.engine.start({"name": "w", "tasks": {"c": {"type": "charge"}}})
    await harness.seen(execution, "TaskScheduled")
    facts = await inspector(harness).status()
    assert facts["executions"] == {"failed": 1, "running": 1} and facts["unowned"] == 0
    assert [(one["id"], one["alive"], one["executions"]) for one in facts["engines"]] == [
        (harness.engine.engine_id, True, 1)
    ]
    assert facts["health"]["ok"] is True
