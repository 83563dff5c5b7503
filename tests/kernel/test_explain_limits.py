"""Limits as causes: who holds them, the place in the queue, and the places of an engine."""

from typing import Any

import anyio
import pytest
from anyio.lowlevel import checkpoint
from test_explain import GATE, codes, flow, make

from harmonia_core.host import Engine


@pytest.fixture(autouse=True)
def gate() -> None:
    GATE[:] = [anyio.Event()]


async def until(engine: Engine, execution_id: str, code: str) -> dict[str, Any]:
    """Return what is told of an execution, once it has a cause."""
    with anyio.fail_after(10):
        while code not in codes(found := await engine.explain(execution_id)):
            await checkpoint()
    return found


async def test_a_task_names_who_holds_what_it_waits_for_and_its_place() -> None:
    async with make("limit") as engine:
        await engine.set_limit("resource", "gpu", most=1)
        work = {"type": "held", "limits": "gpu"}
        first = await engine.start(flow(work=work))
        await until(engine, first, "attempt-running")
        second = await engine.start(flow(work=work))
        await until(engine, second, "limit-reached")
        engine._clock.advance(1)  # type: ignore[attr-defined]
        third = await engine.start(flow(work=work, next={"type": "held", "depends_on": ["work"]}))
        await until(engine, third, "limit-reached")
        found = await engine.explain(third, "next")
    cause = found["causes"][0]
    assert (cause["code"], cause["path"], cause["since"]) == (
        "limit-reached",
        "work",
        "2026-01-01T00:00:01.000000Z",
    )
    blocking = cause["blocking"]
    assert (blocking["key"], blocking["max"], blocking["held"], blocking["place"]) == (
        "resource:gpu",
        1,
        1,
        2,
    )
    assert [(one["execution"], one["path"]) for one in blocking["holders"]] == [(first, "work")]
    assert cause["help"] == ["harmonia limits show resource gpu", f"harmonia executions explain {first}"]
    assert not found["progressing"]


async def test_an_execution_at_the_limit_of_its_workflow_is_queued() -> None:
    limited = {**flow(work={"type": "held"}), "concurrency": {"max": 1}}
    async with make("queued") as engine:
        first = await engine.start(limited)
        await until(engine, first, "attempt-running")
        second = await engine.start(limited)
        found = await until(engine, second, "execution-queued")
    assert (found["status"], found["causes"][0]["blocking"]["place"]) == ("queued", 1)
    assert [one["execution"] for one in found["causes"][0]["blocking"]["holders"]] == [first]


async def test_an_attempt_waits_for_one_of_the_places_of_its_engine() -> None:
    async with make("places", max_running=1) as engine:
        execution_id = await engine.start(flow(a={"type": "held"}, b={"type": "held"}))
        found = await until(engine, execution_id, "engine-full")
    assert codes(found) == ["engine-full", "attempt-running"] and found["progressing"]
    assert (found["causes"][0]["path"], found["causes"][0]["blocking"]["place"]) == ("b", 1)
