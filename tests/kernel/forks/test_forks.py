"""Forks, re-runs and restored checkpoints are executions of their own: what they reuse, redo and inherit."""

from collections.abc import Iterator
from typing import Any

import pytest

from harmonia_core import TaskContext, task_type
from harmonia_core.host import Inspector, KernelSettings
from harmonia_core.testing.harness import Harness

pytestmark = pytest.mark.anyio
CALLS: list[str] = []
FAIL: set[str] = set()


@pytest.fixture(autouse=True)
def calls() -> Iterator[None]:
    CALLS.clear()
    FAIL.clear()
    yield


@task_type("count", idempotent=False)
async def count(ctx: TaskContext, input: dict[str, Any]) -> Any:
    """Return one more than was given; fail at the paths in FAIL."""
    CALLS.append(ctx.path)
    if ctx.path in FAIL:
        raise ValueError(ctx.path)
    return {"n": input.get("n", 0) + 1, "text": "x" * input.get("size", 0)}


def chain(**more: Any) -> dict[str, Any]:
    """Return three tasks behind each other."""
    step = {"type": "count", "input": {"n": "${input.n}"}}
    tasks: dict[str, Any] = {"a": step}
    for before, name in zip("ab", "bc", strict=True):
        tasks[name] = {"type": "count", "depends_on": [before], "input": {"n": f"${{tasks.{before}.output.n}}"}}
    output = {"n": "${tasks.c.output.n}"}
    return {"name": "chain", "version": "1.0.0", "tasks": tasks, "output": output, **more}


async def checked(run: Harness) -> None:
    """Assert that nothing in the store differs from what its logs say, and that nobody waits."""
    inspector = Inspector(run.engine.backend, run.engine.plugins, run.engine.settings)
    assert [report.problems async for report in inspector.check(deep=True) if report.problems] == []
    assert await run.engine.backend.requests(None) == []


async def test_what_failed_runs_again_and_what_succeeded_is_reused() -> None:
    async with Harness(count) as run:
        FAIL.add("b")
        before = await run.run(chain(labels={"team": "x"}, timeout=60), {"n": 1})
        assert before["status"] == "failed"
        FAIL.clear()
        CALLS.clear()
        actor = {"kind": "person", "id": "ann"}
        planned = await run.engine.rerun(before["id"], dry_run=True)
        assert planned.execution_id is None and CALLS == []
        found = await run.engine.rerun(before["id"], labels={"try": "2"}, comment="again", actor=actor)
        after = await run.finish(found.execution_id or "")
        assert (after["status"], after["output"], CALLS) == ("completed", {"n": 4}, ["b", "c"])
        assert after["origin"] == {"execution": before["id"], "seq": before["seq"], "kind": "rerun"}
        assert after["root_id"] == after["id"] != before["id"]
        assert after["labels"] == {"team": "x", "try": "2"}
        first = (await run.events(after["id"]))[0]
        assert first["type"] == "ExecutionForked" and first["actor"] == actor
        assert first["data"]["comment"] == "again" and first["data"]["deadline"] > 0
        assert {task["path"]: task["status"] for task in after["tasks"]} == dict.fromkeys("abc", "succeeded")
        await checked(run)
