"""`finally` when something is ended early: it is carried out all the same, and nothing interrupts it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from gate import GATE, SEEN, afresh, hang, until

from harmonia_core import RetryableError, task_type
from harmonia_core.host import Inspector
from harmonia_core.testing.harness import Harness


@task_type("note")
async def note(ctx: Any, input: Any) -> Any:
    """Note where it ran, and with what."""
    SEEN.append(f"{ctx.path} {input['text']}" if "text" in input else ctx.path)
    return input


@task_type("shaky")
async def shaky(ctx: Any, input: Any) -> None:
    """Fail once."""
    SEEN.append(f"{ctx.path} {ctx.attempt}")
    if ctx.attempt == 1:
        raise RetryableError("not yet", "busy")


@pytest.fixture(autouse=True)
def _fresh() -> None:
    afresh()


@asynccontextmanager
async def harness(url: str = "memory://") -> AsyncIterator[Harness]:
    async with Harness(note, hang, shaky, url=url) as one:
        yield one
        inspector = Inspector(one.engine.backend, one.engine.plugins, one.engine.settings)
        async for report in inspector.check(deep=True):
            assert not report.problems


HANGS = {"type": "hang"}
TELL = {"task": {"type": "note", "input": {"text": "${error.code}"}}}


def guarded(**more: Any) -> dict[str, Any]:
    return {"type": "try", "task": HANGS, "finally": TELL, **more}


def one(task: Any, **more: Any) -> dict[str, Any]:
    return {"name": "w", "tasks": {"t": task, "after": {"type": "note", "depends_on": "t"}}, **more}


async def cancelled(h: Harness, definition: Any, begun: int = 1) -> dict[str, Any]:
    execution_id = await h.engine.start(definition)
    await until(lambda: len(SEEN) == begun)
    async with anyio.create_task_group() as group:
        group.start_soon(h.engine.cancel, execution_id)
        view = await h.finish(execution_id)
    return view


async def test_a_cancel_interrupts_the_body_and_carries_out_finally() -> None:
    async with harness() as h:
        view = await cancelled(h, one(guarded(catch=[{"task": {"type": "note"}}])))
    assert view["status"] == "cancelled"
    assert SEEN == ["t/body", "t/body interrupted", "t/finally interrupted"]
    statuses = {task["path"]: task["status"] for task in view["tasks"]}
    assert statuses["t"] == statuses["t/body"] == "cancelled" and statuses["t/finally"] == "succeeded"


async def test_every_finally_on_the_way_out_is_carried_out_innermost_first() -> None:
    outer = {"type": "try", "steps": {"in": guarded()}, "finally": TELL}
    async with harness() as h:
        view = await cancelled(h, {"name": "w", "tasks": {"t": outer}, "finally": TELL})
    assert view["status"] == "cancelled"
    assert [line for line in SEEN if line.endswith("finally interrupted")] == [
        "main/body/t/body/in/finally interrupted",
        "main/body/t/finally interrupted",
        "main/finally interrupted",
    ]


async def test_finally_that_runs_already_goes_on_to_its_end_and_may_be_tried_again() -> None:
    last = {"steps": {"a": HANGS, "b": {"type": "shaky", "retry_policy": {"max_retries": 1}}}}
    async with harness() as h:
        execution_id = await h.engine.start(one({"type": "try", "task": {"type": "note"}, "finally": last}))
        await until(lambda: len(SEEN) == 2)
        await h.engine.cancel(execution_id, wait=False)
        await h.seen(execution_id, "CancelRequested")
        GATE[0].set()
        view = await h.finish(execution_id)
    assert view["status"] == "cancelled"
    assert SEEN == ["t/body", "t/finally/a", "t/finally/b 1", "t/finally/b 2"]


@pytest.mark.parametrize("way", ["total_timeout", "timeout"])
async def test_out_of_time_it_is_carried_out_too(way: str) -> None:
    definition = one(guarded(**({"total_timeout": 5} if way == "total_timeout" else {})))
    if way == "timeout":
        definition["timeout"] = 5
    async with harness() as h:
        execution_id = await h.engine.start(definition)
        await until(lambda: len(SEEN) == 1)
        h.clock.advance_to(h.clock.next_due or 0.0)
        view = await h.finish(execution_id)
    assert SEEN == ["t/body", "t/body interrupted", "t/finally interrupted"]
    assert view["status"] == "failed"
    assert view["error"]["code"] == {"total_timeout": "total-timeout", "timeout": "execution-timeout"}[way]


async def test_the_loser_of_a_race_puts_its_things_in_order() -> None:
    race = {
        "type": "race",
        "branches": {
            "slow": {"task": guarded()},
            "quick": {"task": {"type": "wait", "input": {"duration": 3}}},
        },
    }
    async with harness() as h:
        execution_id = await h.engine.start(one(race))
        await until(lambda: len(SEEN) == 1)
        h.clock.advance_to(h.clock.next_due or 0.0)
        view = await h.finish(execution_id)
    assert view["status"] == "completed"
    assert SEEN == ["t/slow/body", "t/slow/body interrupted", "t/slow/finally interrupted", "after"]


async def test_items_of_a_map_have_theirs() -> None:
    task = {"type": "map", "input": {"items": [1, 2, 3]}, "max_concurrency": 2, "task": guarded()}
    async with harness() as h:
        view = await cancelled(h, one(task), begun=2)
    assert view["status"] == "cancelled"
    assert sorted(SEEN[-2:]) == ["t[0]/finally interrupted", "t[1]/finally interrupted"]


async def test_what_never_began_has_nothing_to_put_in_order() -> None:
    definition = {"name": "w", "tasks": {"first": HANGS, "t": guarded(depends_on="first")}}
    async with harness() as h:
        view = await cancelled(h, definition)
    assert view["status"] == "cancelled" and SEEN == ["first", "first interrupted"]


async def test_finally_that_fails_does_not_keep_the_cancel_from_its_end() -> None:
    fails = {"task": {"type": "fail", "input": {"error": "no-use"}}}
    async with harness() as h:
        view = await cancelled(h, one({"type": "try", "task": HANGS, "finally": fails}))
    assert view["status"] == "cancelled"


async def test_another_engine_carries_it_out_if_the_first_is_gone() -> None:
    async with Harness(note, hang, shaky, url="memory://gone") as first:
        execution_id = await first.engine.start(one(guarded()))
        await until(lambda: len(SEEN) == 1)
    SEEN.clear()
    async with harness("memory://gone") as second:
        await second.engine.cancel(execution_id)
        view = await second.engine.get(execution_id)
    assert view["status"] == "cancelled" and SEEN == ["t/finally interrupted"]


async def test_a_cancel_left_behind_is_only_recorded_if_there_is_work_to_do() -> None:
    async with Harness(note, hang, shaky, url="memory://left") as first:
        execution_id = await first.engine.start(one(guarded()))
        await until(lambda: len(SEEN) == 1)
    SEEN.clear()
    async with harness("memory://left") as second:
        await second.engine.cancel(execution_id, wait=False)
        assert (await second.engine.get(execution_id))["status"] == "cancelling" and SEEN == []
        assert (await second.engine.recover()).adopted == [execution_id]
        view = await second.finish(execution_id)
    assert view["status"] == "cancelled" and SEEN == ["t/finally interrupted"]


async def test_a_finally_that_needs_a_person_is_waited_for() -> None:
    last = {"task": {"type": "hang", "idempotent": False}}
    definition = one({"type": "try", "task": {"type": "note"}, "finally": last})
    async with Harness(note, hang, shaky, url="memory://held") as first:
        execution_id = await first.engine.start(definition)
        await until(lambda: len(SEEN) == 2)
        await first.engine.cancel(execution_id, wait=False)
        await first.seen(execution_id, "CancelRequested")
    async with harness("memory://held") as second:
        assert (await second.engine.recover()).adopted == [execution_id]
        with anyio.fail_after(10):
            assert await second.engine.wait(execution_id) == "cancelling"
        GATE[0].set()
        await second.engine.request(execution_id, "retry", {"path": "t/finally"})
        assert (await second.finish(execution_id))["status"] == "cancelled"
