"""Sub-workflows by name: which version begins, what is recorded of it, and what happens if there is none."""

from typing import Any

import anyio
import pytest

from harmonia_core import task_type
from harmonia_core.host import ExecutionQuery, Inspector
from harmonia_core.testing.harness import Harness

failures: list[int] = []


@pytest.fixture(autouse=True)
def _fresh() -> None:
    failures.clear()


@task_type("named.flaky")
async def flaky(ctx: Any, input: Any) -> Any:
    """Fail as often as is left."""
    if failures:
        raise RuntimeError(f"not yet {failures.pop()}")
    return input


def outer(workflow: Any = "inner", **more: Any) -> dict[str, Any]:
    task = {"type": "subworkflow", "workflow": workflow, "input": {"n": 1}, **more}
    return {"name": "outer", "tasks": {"call": task}, "output": {"call": "${tasks.call.output}"}}


def inner(version: str, say: Any, type: str = "noop", **more: Any) -> dict[str, Any]:
    tasks = {"a": {"type": type, "input": {"say": say, "n": "${input.n}"}}}
    return {"name": "inner", "version": version, "tasks": tasks, "output": "${tasks.a.output.say}", **more}


async def child_of(harness: Harness, view: dict[str, Any]) -> dict[str, Any]:
    rows, _ = await harness.engine.find(ExecutionQuery(parent=view["id"]))
    [row] = rows
    return row


async def sound(harness: Harness) -> None:
    engine = harness.engine
    inspector = Inspector(engine.backend, engine.plugins)
    assert await inspector.verify() == []
    assert [one async for one in inspector.check(deep=True) if one.problems] == []


@pytest.mark.parametrize(
    ("workflow", "version"),
    [
        ("inner", "1.2.0"),
        ("inner@latest", "1.2.0"),
        ("inner@1.1.0", "1.1.0"),
        ({"name": "inner", "version": "1.1"}, "1.1.0"),
        ("inner@^1", "1.2.0"),
    ],
)
async def test_the_version_that_a_name_means_begins_and_is_recorded(workflow: Any, version: str) -> None:
    async with Harness() as harness:
        for number in ("1.1.0", "1.2.0"):
            await harness.engine.definitions.publish(inner(number, number))
        view = await harness.run(outer(workflow))
        child = await child_of(harness, view)
        assert view["output"] == {"call": version}
        assert child["workflow"]["version"] == version
        events = await harness.events(view["id"])
        [asked] = [event["data"] for event in events if event["type"] == "ChildRequested"]
        assert asked["definition_hash"] == child["workflow"]["hash"]
        assert asked["pinned"]
        await sound(harness)


async def test_what_is_published_later_changes_nothing_that_has_begun() -> None:
    async with Harness() as harness:
        definitions = harness.engine.definitions
        await definitions.publish(inner("1.0.0", "old"))
        waiting = {**outer(), "tasks": {**outer()["tasks"], "later": {
            "type": "subworkflow", "workflow": "inner", "input": {"n": 1}, "depends_on": ["pause"]},
            "pause": {"type": "wait", "input": {"duration": 60}}}}  # fmt: skip
        waiting["output"]["later"] = "${tasks.later.output}"
        execution_id = await harness.engine.start(waiting)
        await harness.seen(execution_id, "TaskSucceeded")
        await definitions.publish(inner("1.1.0", "new"))
        view = await harness.finish(execution_id)
        assert view["output"] == {"call": "old", "later": "new"}


@pytest.mark.parametrize(
    ("workflow", "reason"),
    [("none", "workflow-not-found"), ("inner@2", "version-not-found"), ("inner", "workflow-archived")],
)
async def test_a_name_that_means_nothing_fails_the_task_by_a_code_that_can_be_caught(
    workflow: str, reason: str
) -> None:
    async with Harness() as harness:
        await harness.engine.definitions.publish(inner("1.0.0", "x"))
        if reason == "workflow-archived":
            await harness.engine.definitions.archive("inner")
        view = await harness.run(outer(workflow, retry_policy={"max_retries": 3}))
        error = view["tasks"][0]["error"]
        assert (error["code"], error["category"], error["retryable"]) == (
            "not-published",
            "validation",
            False,
        )
        assert error["details"] == {"workflow": workflow, "reason": reason}
        caught = outer(workflow, catch=[{"errors": "not-published", "task": {"type": "noop"}}])
        assert (await harness.run(caught))["status"] == "completed"
        await sound(harness)


async def test_names_are_those_of_the_namespace() -> None:
    async with Harness() as harness:
        await harness.engine.definitions.publish(inner("1.0.0", "theirs"), namespace="team")
        theirs = await harness.finish(await harness.engine.start(outer(), namespace="team"))
        assert theirs["output"] == {"call": "theirs"}
        assert (await harness.run(outer()))["status"] == "failed"


async def test_another_attempt_begins_what_the_name_means_then() -> None:
    async with Harness(flaky) as harness:
        failures.append(1)
        await harness.engine.definitions.publish(inner("1.0.0", "old", "named.flaky"))
        retrying = outer(retry_policy={"max_retries": 2, "initial_delay": 60})
        execution_id = await harness.engine.start(retrying)
        await harness.seen(execution_id, "RetryScheduled")
        await harness.engine.definitions.publish(inner("1.1.0", "new", "named.flaky"))
        view = await harness.finish(execution_id)
        assert (view["output"], view["tasks"][0]["attempt"]) == ({"call": "new"}, 2)
        await sound(harness)


async def test_a_detached_one_is_reported_once_it_has_begun_and_items_each_have_theirs() -> None:
    async with Harness() as harness:
        await harness.engine.definitions.publish(inner("1.0.0", "x"))
        view = await harness.run(outer(detach=True))
        child = await child_of(harness, view)
        assert view["output"] == {"call": {"execution": child["id"]}}
        item = {"type": "subworkflow", "workflow": "inner", "input": {"n": "${item}"}}
        mapped = {"name": "mapped", "output": "${tasks.m.output}", "tasks": {
            "m": {"type": "map", "input": {"items": [1, 2, 3]}, "task": item}}}  # fmt: skip
        assert (await harness.run(mapped))["output"] == ["x", "x", "x"]
        await sound(harness)


async def test_a_workflow_may_name_itself_and_its_depth_has_an_end() -> None:
    async with Harness() as harness:
        endless = {"name": "endless", "tasks": {"again": {"type": "subworkflow", "workflow": "endless"}}}
        await harness.engine.definitions.publish(endless)
        view = await harness.run(endless, limit=30)
        assert (view["status"], view["error"]["code"]) == ("failed", "too-deep")


async def test_the_look_up_goes_on_with_whoever_adopts(monkeypatch: pytest.MonkeyPatch) -> None:
    url = "memory://named-child"
    async with Harness(url=url) as harness:
        await harness.engine.definitions.publish(inner("1.0.0", "x"))
        away = anyio.Event()

        async def never(*place: str) -> Any:
            away.set()
            await anyio.sleep_forever()

        monkeypatch.setattr(harness.engine.backend, "document", never)
        left = await harness.engine.start(outer())
        await away.wait()
    async with Harness(url=url) as other:
        await other.engine.recover()
        assert (await other.finish(left))["output"] == {"call": "x"}
        await sound(other)


async def test_the_parent_goes_on_when_the_version_was_archived_or_the_parent_is_pruned() -> None:
    async with Harness() as harness:
        await harness.engine.definitions.publish(inner("1.0.0", "x"))
        await harness.engine.definitions.archive("inner@1.0.0")
        view = await harness.run(outer("inner@1.0.0"))
        assert view["output"] == {"call": "x"}
        child = await child_of(harness, view)
        await harness.engine.backend.prune([view["id"]])
        assert (await harness.engine.get(child["id"]))["output"] == "x"
        await sound(harness)
