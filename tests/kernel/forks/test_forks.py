"""Forks, re-runs and restored checkpoints are executions of their own: what they reuse, redo and inherit."""

from collections.abc import Iterator
from typing import Any

import pytest

from harmonia_core import TaskContext, task_type
from harmonia_core.host import Inspector, KernelSettings, KeyReused
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
        tasks[name] = {
            "type": "count",
            "depends_on": [before],
            "input": {"n": f"${{tasks.{before}.output.n}}"},
        }
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


def wide(**more: Any) -> dict[str, Any]:
    """Return a map and a large value, read again behind a task that may fail; an artifact as well."""
    each = {
        "type": "map",
        "input": {"range": {"stop": 5}},
        "task": {"type": "count", "input": {"n": "${item}"}},
    }
    last = {
        "type": "count",
        "depends_on": ["each", "large", "kept"],
        "input": {"n": "${tasks.each.output[4].n}"},
    }
    read = {
        "type": "count", "depends_on": ["last"],
        "input": {"n": "${size(tasks.large.output.text)}", "artifact": "${tasks.kept.output.artifact}"},
    }  # fmt: skip
    tasks = {
        "each": each, "large": {"type": "count", "input": {"size": 5000}}, "kept": {"type": "keep"},
        "last": last, "read": {**read, "depends_on": ["last", "large", "kept"]},
    }  # fmt: skip
    output = {"last": "${tasks.last.output.n}", "read": "${tasks.read.output.n}"}
    return {"name": "wide", "tasks": tasks, "output": output, **more}


@task_type("keep")
async def keep(ctx: TaskContext, input: dict[str, Any]) -> Any:
    """Keep an artifact."""
    with ctx.artifact("note") as note:
        note.write(b"kept")
    return {"artifact": note.reference}


async def prune(run: Harness, *executions: str) -> None:
    """Delete executions for good."""
    await run.engine.backend.prune(list(executions))


async def test_pruning_an_ancestor_leaves_its_forks_whole() -> None:
    settings = KernelSettings(inline_limit=300, quick_limit=100)
    async with Harness(count, keep, settings=settings) as run:
        FAIL.add("last")
        first = await run.run(wide())
        second = await run.engine.rerun(first["id"])
        await run.finish(second.execution_id or "")
        await prune(run, first["id"])
        FAIL.clear()
        third = await run.engine.rerun(second.execution_id or "")
        await prune(run, second.execution_id or "")
        view = await run.finish(third.execution_id or "")
        assert (view["status"], view["output"]) == ("completed", {"last": 6, "read": 5001})
        artifact = next(task for task in view["tasks"] if task["path"] == "kept")["output"]["artifact"]
        address = f"sha256:{artifact['$artifact']['sha256']}"
        assert await run.engine.backend.blob("default", address) == b"kept"
        await checked(run)
        tree = await run.engine.lineage(view["id"])
        assert tree["root"]["gone"] and tree["root"]["id"] == second.execution_id
        assert tree["root"]["descendants"][0]["id"] == view["id"]
        seqs = [event["seq"] async for event in run.engine.history(view["id"])]
        assert seqs == list(range(1, view["seq"] + 1)), "of those that are gone nothing is left to tell"


async def test_the_lineage_of_an_execution_names_all_its_relatives() -> None:
    child = {"name": "child", "tasks": {"one": {"type": "count"}}}
    asks = {"type": "subworkflow", "workflow": child}
    workflow = {"name": "family", "tasks": {"ask": asks, "then": {"type": "count", "depends_on": ["ask"]}}}
    async with Harness(count) as run:
        first = await run.run(workflow)
        second = (await run.engine.fork(first["id"], 1)).execution_id or ""
        await run.finish(second)
        third = (await run.engine.rerun(second, ["then"])).execution_id or ""
        view = await run.finish(third)
        assert view["status"] == "completed"
        tree = await run.engine.lineage(second)
        found = {}

        def walk(node: dict[str, Any], above: str | None) -> None:
            found[node["id"]] = node["relation"], above, node["path"]
            for below in node["descendants"]:
                walk(below, node["id"])

        walk(tree["root"], None)
        assert found[first["id"]] == ("start", None, None)
        assert found[second] == ("fork", first["id"], None) and found[third] == ("rerun", second, None)
        children = [above for relation, above, path in found.values() if (relation, path) == ("child", "ask")]
        assert sorted(map(str, children)) == sorted([first["id"], second])
        assert tree["count"] == 5 and tree["complete"] and tree["id"] == second
        assert not (await run.engine.lineage(second, limit=2))["complete"]
        steps = [(one["execution_id"], one["seq"]) async for one in run.engine.history(third)]
        assert steps[0] == (first["id"], 1) and steps[1] == (second, 1) and steps[-1][0] == third
        await checked(run)


async def test_a_fork_is_driven_on_by_another_engine_after_a_crash() -> None:
    async with Harness(count, url="memory://fork-crash") as run:
        FAIL.add("b")
        before = await run.run(chain(), {"n": 1})
        FAIL.clear()
        submit, left = run.engine.backend.submit, 1

        def taken(batch: Any, done: Any) -> None:
            nonlocal left
            for unit in batch:
                if left:
                    left -= 1
                    submit([unit], done)

        run.engine.backend.submit = taken  # type: ignore[method-assign]
        found = await run.engine.rerun(before["id"])
    async with Harness(count, url="memory://fork-crash") as second:
        report = await second.engine.recover()
        assert report.adopted == [found.execution_id]
        view = await second.finish(found.execution_id or "")
        assert (view["status"], view["output"]) in [("completed", {"n": 4}), ("attention", None)]
        assert view["status"] == "attention", "an attempt that is not idempotent was lost"
        await checked(second)


async def test_a_key_makes_one_fork_of_two_requests() -> None:
    async with Harness(count) as run:
        before = await run.run(chain(), {"n": 1})
        first = await run.engine.rerun(before["id"], ["b"], key="k")
        again = await run.engine.rerun(before["id"], ["b"], key="k")
        assert (first.existing, again.existing) == (False, True)
        assert again.execution_id == first.execution_id
        with pytest.raises(KeyReused):
            await run.engine.rerun(before["id"], ["c"], key="k")
        await run.finish(first.execution_id or "")
        await checked(run)
