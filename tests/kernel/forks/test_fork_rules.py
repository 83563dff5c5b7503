"""What forks must never do: run by another version than was said, reuse what was undone, steal or lose."""

from collections.abc import Iterator
from typing import Any

import anyio
import pytest
from anyio.lowlevel import checkpoint

from harmonia_core import TaskContext, task_type
from harmonia_core.engine.forking import Forking
from harmonia_core.engine.operating import ActionRefused
from harmonia_core.engine.undone_elsewhere import Elsewhere
from harmonia_core.errors import ExecutionNotFound, InputInvalid, ProblemsError
from harmonia_core.host import Inspector, NotPublished
from harmonia_core.testing.harness import Harness

pytestmark = pytest.mark.anyio
CALLS: list[str] = []
FAIL: set[str] = set()


@pytest.fixture(autouse=True)
def calls() -> Iterator[None]:
    CALLS.clear()
    FAIL.clear()
    yield


@task_type("do")
async def do(ctx: TaskContext, input: dict[str, Any]) -> Any:
    """Note the call; fail at the paths in FAIL."""
    CALLS.append(ctx.path)
    if ctx.path in FAIL:
        raise ValueError(ctx.path)
    return {"said": input.get("say")}


def says(what: str, version: str, **more: Any) -> dict[str, Any]:
    """Return a workflow that says something, which version it is."""
    tasks = {"first": {"type": "do"}, "say": {"type": "do", "depends_on": ["first"], "input": {"say": what}}}
    return {"name": "says", "version": version, "tasks": tasks, "output": "${tasks.say.output.said}", **more}


async def checked(run: Harness) -> None:
    """Assert that nothing in the store differs from what its logs say, and that nobody waits."""
    inspector = Inspector(run.engine.backend, run.engine.plugins, run.engine.settings)
    assert [report.problems async for report in inspector.check(deep=True) if report.problems] == []
    assert await run.engine.backend.requests(None) == []


async def newest(self: Forking, row: Any, version: Any) -> Any:
    """Seed airflow #50107: tasks run again by the newest version, whatever the first run went by."""
    return await TARGET(self, row, "latest" if version == "same" else version)


TARGET = Forking._target


async def test_a_rerun_goes_on_by_the_version_it_had_unless_another_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await versions_are_kept()
    CALLS.clear()
    monkeypatch.setattr(Forking, "_target", newest)
    with pytest.raises(AssertionError):
        await versions_are_kept()


async def versions_are_kept() -> None:
    async with Harness(do) as run:
        engine = run.engine
        await engine.definitions.publish(says("old", "1.0.0"))
        first = await run.finish(await engine.start("says@1.0.0"))
        await engine.definitions.publish(says("new", "1.1.0"))
        outputs = {}
        for version in ("same", "latest", "1.0", "says@^1.0", says("other", "3.0.0")):
            found = await engine.rerun(first["id"], ["say"], version=version)
            view = await run.finish(found.execution_id or "")
            outputs[str(version)[:9]] = view["output"], view["workflow"]["version"]
            said = found.as_json()["definition"]
            assert said["to"] == view["workflow"] and said["from"]["version"] == "1.0.0"
        assert list(outputs.values()) == [
            ("old", "1.0.0"), ("new", "1.1.0"), ("old", "1.0.0"), ("new", "1.1.0"), ("other", "3.0.0"),
        ]  # fmt: skip
        with pytest.raises(NotPublished):
            await engine.rerun(first["id"], ["say"], version="9")
        assert CALLS.count("first") == 1
        await checked(run)


UNDOABLE: dict[str, Any] = {
    "name": "undoable",
    "tasks": {
        "a": {"type": "do", "compensate": {"type": "do"}},
        "b": {"type": "do", "depends_on": ["a"]},
        "gate": {"type": "wait", "depends_on": ["a"], "input": {"duration": 60}},
    },
}


async def test_what_was_undone_runs_again() -> None:
    async with Harness(do) as run:
        FAIL.add("b")
        first = await run.run({**UNDOABLE, "on_failure": "compensate"})
        assert first["status"] == "compensated"
        FAIL.clear()
        CALLS.clear()
        found = await run.engine.rerun(first["id"], ["b"])
        assert found.plan.rewound.undone == ("a",)
        assert (await run.finish(found.execution_id or ""))["status"] == "completed"
        assert CALLS == ["a", "b"]
        await checked(run)


async def test_what_an_ancestor_has_undone_since_runs_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Harness(do) as run:
        gate = {"type": "event", "depends_on": ["a"], "input": {"name": "go"}}
        first = await run.engine.start({**UNDOABLE, "tasks": {**UNDOABLE["tasks"], "gate": gate}})
        await run.seen(first, "TaskSucceeded", 2)
        FAIL.add("b")
        second = (await run.engine.fork(first, 4)).execution_id or ""
        await run.seen(second, "TaskFailed")
        await run.engine.cancel(second)
        FAIL.clear()
        await run.engine.undo(first)
        assert (await run.engine.get(first))["status"] == "compensated"
        again = await run.engine.rerun(second, dry_run=True)
        assert "a" in again.plan.rewound.again and again.plan.rewound.undone == ("a",)

        async def nothing(*given: Any) -> frozenset[str]:
            return frozenset()

        monkeypatch.setattr(Elsewhere, "before", nothing)
        seeded = await run.engine.rerun(second, dry_run=True)
        assert "a" in seeded.plan.rewound.reused, "this is what the look at the ancestors is for"


async def test_what_is_refused_leaves_nothing_behind() -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}}
    async with Harness(do) as run:
        first = await run.run(says("x", "1.0.0", input_schema=schema), {"n": 1})
        with pytest.raises(InputInvalid):
            await run.engine.rerun(first["id"], ["say"], input={"n": "no"})
        with pytest.raises(ProblemsError, match="nosuch"):
            await run.engine.rerun(first["id"], ["nosuch"])
        with pytest.raises(ProblemsError):
            await run.engine.fork(first["id"], variables={"nosuch": 1})
        with pytest.raises(ExecutionNotFound):
            await run.engine.fork("nosuch")
        stricter = says("x", "2.0.0", input_schema={**schema, "required": ["m"]})
        with pytest.raises(InputInvalid):
            await run.engine.rerun(first["id"], ["say"], version=stricter)
        open_ = await run.engine.start(UNDOABLE)
        await run.seen(open_, "TimerSet")
        with pytest.raises(ActionRefused) as refused:
            await run.engine.rerun(open_)
        assert refused.value.code == "execution-open"
        rows, _ = await run.engine.find(run_query())
        assert {row["id"] for row in rows} == {first["id"], open_}
        await run.engine.cancel(open_)
        await checked(run)


def run_query() -> Any:
    """Return what finds every execution."""
    from harmonia_core.host import ExecutionQuery

    return ExecutionQuery(namespace=None)


async def test_another_engine_upgrades_what_a_living_one_has_paused() -> None:
    old = {**UNDOABLE, "version": "1.0.0"}
    new = {**UNDOABLE, "version": "1.1.0", "output": "new"}
    url = "memory://upgrade-elsewhere"
    async with Harness(do, url=url) as owner, Harness(do, url=url) as other:
        first = await owner.engine.start(old)
        await owner.seen(first, "TimerSet")
        await owner.engine.pause(first)
        with anyio.fail_after(10):
            found = await other.engine.upgrade(first, new)
        assert (await owner.engine.get(first))["upgraded_to"] == found.execution_id
        assert found.execution_id in other.engine._driver.lives
        assert found.execution_id not in owner.engine._driver.lives
        view = await other.finish(found.execution_id or "")
        assert (view["status"], view["output"], CALLS) == ("completed", "new", ["a", "b"])
        await checked(other)


async def test_a_child_is_forked_but_not_upgraded_and_a_fork_starts_its_own() -> None:
    child = {
        "name": "child",
        "tasks": {"wait": {"type": "wait", "input": {"duration": 60}}, "do": {"type": "do"}},
    }
    parent = {"name": "parent", "tasks": {"ask": {"type": "subworkflow", "workflow": child}}}
    async with Harness(do) as run:
        first = await run.engine.start(parent)
        await run.seen(first, "ChildRequested")
        while not (found := (await run.engine.lineage(first))["root"]["descendants"]):
            await checkpoint()
        (one,) = found
        await run.seen(one["id"], "TimerSet")
        await run.engine.pause(one["id"])
        with pytest.raises(ActionRefused) as refused:
            await run.engine.upgrade(one["id"], {**child, "version": "2.0.0"})
        assert refused.value.code == "carries-out-a-task"
        alone = (await run.engine.fork(one["id"])).execution_id or ""
        view = await run.finish(alone)
        assert view["status"] == "completed" and view["parent_id"] is None
        other = (await run.engine.fork(first)).execution_id or ""
        assert (await run.finish(other))["status"] == "completed"
        children = [node["id"] for node in (await run.engine.lineage(other))["root"]["descendants"]]
        assert one["id"] in children and len(children) == 2
        assert (await run.engine.get(one["id"]))["status"] == "paused"
        await run.engine.resume(one["id"])
        assert (await run.finish(first))["status"] == "completed"
        await checked(run)


async def test_an_upgrade_that_another_engine_has_begun_meanwhile_is_the_same_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    old = {**UNDOABLE, "version": "1.0.0"}
    new = {**UNDOABLE, "version": "1.1.0", "output": "new"}
    url = "memory://upgrade-twice"
    async with Harness(do, url=url) as run, Harness(do, url=url) as other:
        first = await run.engine.start(old)
        await run.seen(first, "TimerSet")
        await run.engine.pause(first)
        replaced = type(run.engine)._replaced

        async def slowly(self: Any, *given: Any) -> Any:
            request = await replaced(self, *given)
            report = await other.engine.recover()
            assert report.adopted == [request.execution_id]
            return request

        monkeypatch.setattr(type(run.engine), "_replaced", slowly)
        found = await run.engine.upgrade(first, new)
        assert found.execution_id in other.engine._driver.lives
        assert found.execution_id not in run.engine._driver.lives
        view = await other.finish(found.execution_id or "")
        assert (view["status"], view["output"], CALLS) == ("completed", "new", ["a", "b"])
        await checked(run)


async def test_a_beginning_that_is_only_recorded_is_driven_by_whoever_recovers() -> None:
    url = "memory://fork-unowned"
    async with Harness(do, url=url) as run:
        first = await run.run(says("x", "1.0.0"))
        CALLS.clear()
        found = await run.engine.rerun(first["id"], ["say"], drive=False)
        view = await run.engine.get(found.execution_id or "")
        assert (view["status"], view["owner"], CALLS) == ("running", None, [])
        assert (await run.engine.recover()).adopted == [found.execution_id]
        view = await run.finish(found.execution_id or "")
        assert (view["status"], CALLS) == ("completed", ["say"])
        await checked(run)
