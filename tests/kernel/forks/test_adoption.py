"""A paused execution is upgraded, and the new one undoes what the old one has done: once, in any case."""

from contextlib import AsyncExitStack
from typing import Any

import anyio
import pytest

from harmonia_core import TaskContext, task_type
from harmonia_core.contracts.state_backend import StateBackend
from harmonia_core.engine.undone_elsewhere import Elsewhere
from harmonia_core.errors import ProblemsError
from harmonia_core.host import Inspector
from harmonia_core.settings import KernelSettings
from harmonia_core.testing.harness import Harness

pytestmark = pytest.mark.anyio
CALLS: list[tuple[str, Any, str]] = []
FAIL: set[str] = set()


@pytest.fixture(autouse=True)
def calls() -> None:
    CALLS.clear()
    FAIL.clear()


@task_type("do")
async def do(ctx: TaskContext, input: dict[str, Any]) -> Any:
    """Note the call; fail at the paths in FAIL."""
    CALLS.append((ctx.path, input.get("n"), ctx.execution))
    if ctx.path in FAIL:
        raise ValueError(ctx.path)
    return {"at": ctx.path}


def saga(*names: str, version: str = "1.0.0", large: str = "", **more: Any) -> dict[str, Any]:
    """Return a workflow of tasks behind each other that can be undone; `gate` waits for a minute."""
    tasks: dict[str, Any] = {}
    for before, name in zip((None, *names), names, strict=False):
        undo = {"type": "do", "input": {"n": f"${{output.at}} back{large}"}}
        kind: dict[str, Any] = {"type": "do", "compensate": undo}
        if name == "gate":
            kind = {"type": "wait", "input": {"duration": 60}}
        tasks[name] = {**kind, **({"depends_on": [before]} if before else {})}
    return {"name": "saga", "version": version, "tasks": tasks, "on_failure": "compensate", **more}


OLD = saga("pay", "room", "gate", "tell")
NEW = saga("pay", "room", "gate", "check", "tell", version="2.0.0")
BACK = [("room~undo", "room back"), ("pay~undo", "pay back")]


async def paused(run: Harness, definition: dict[str, Any] = OLD) -> str:
    """Start a workflow and pause it at its gate."""
    execution = await run.engine.start(definition)
    await run.seen(execution, "TimerSet")
    await run.engine.pause(execution)
    return execution


def undos() -> list[tuple[str, Any]]:
    """Return what was undone, in order, with its input."""
    return [(path, given) for path, given, _ in CALLS if path.endswith("~undo")]


async def checked(run: Harness) -> None:
    """Assert that nothing in the store differs from what its logs say, and that nobody waits."""
    inspector = Inspector(run.engine.backend, run.engine.plugins, run.engine.settings)
    assert [report.problems async for report in inspector.check(deep=True) if report.problems] == []
    assert await run.engine.backend.requests(None) == []


async def prune(backend: StateBackend, execution: str) -> None:
    """Let the store forget an execution."""
    assert await backend.prune([execution])


async def test_the_new_one_undoes_what_the_old_one_has_done() -> None:
    async with Harness(do) as run:
        old = await paused(run)
        FAIL.add("check")
        planned = (await run.engine.upgrade(old, NEW, adopt_compensation=True, dry_run=True)).as_json()
        assert (planned["adopted"], planned["abandoned"]) == (["pay", "room"], [])
        assert (await run.engine.get(old))["status"] == "paused"
        found = await run.engine.upgrade(old, NEW, adopt_compensation=True)
        after = await run.finish(found.execution_id or "")
        assert after["status"] == "compensated" and undos() == BACK
        assert {where for path, _, where in CALLS if path.endswith("~undo")} == {found.execution_id}
        assert (await run.events(after["id"]))[0]["data"]["adopted"] == 2
        last = (await run.events(old))[-1]["data"]
        assert last["upgrade"]["adopt_compensation"] is True
        view = await run.engine.get(old)
        assert view["undo"] == {
            "recorded": 2, "ended": 0, "open": 2, "attention": 0, "adopted_by": found.execution_id,
        }  # fmt: skip
        assert after["origin"]["adopted"] == 2
        tree = (await run.engine.lineage(old))["root"]
        assert [tree["adopted"], *(one["adopted"] for one in tree["descendants"])] == [0, 2]
        await checked(run)


async def test_without_it_nobody_undoes_and_the_plan_says_so() -> None:
    async with Harness(do) as run:
        old = await paused(run)
        FAIL.add("check")
        found = await run.engine.upgrade(old, NEW)
        assert found.as_json()["abandoned"] == ["pay", "room"] and not found.as_json()["adopted"]
        after = await run.finish(found.execution_id or "")
        assert after["status"] == "failed" and undos() == []
        assert "adopt_compensation" not in (await run.events(old))[-1]["data"]["upgrade"]


async def test_a_fork_leaves_the_entries_where_they_are() -> None:
    async with Harness(do) as run:
        old = await paused(run)
        planned = await run.engine.fork(old, dry_run=True)
        assert not planned.as_json()["adopted"] and not planned.as_json()["abandoned"]


async def test_what_cannot_be_undone_in_that_version_is_refused() -> None:
    async with Harness(do) as run:
        old = await paused(run)
        new = saga("pay", "gate", "tell", version="2.0.0")
        new["tasks"]["pay"]["compensate"] = {"type": "noop"}
        with pytest.raises(ProblemsError) as refused:
            await run.engine.upgrade(old, new, adopt_compensation=True)
        problems = [(one.code, one.path) for one in refused.value.problems]
        assert problems == [("undo-changed", "pay"), ("undo-removed", "room")]
        assert (await run.engine.get(old))["status"] == "paused"


async def test_pruning_the_old_one_changes_nothing() -> None:
    long = " " * 300
    async with Harness(do, settings=KernelSettings(inline_limit=200, quick_limit=100)) as run:
        old = await paused(run, saga("pay", "room", "gate", "tell", large=long))
        new = saga("pay", "room", "gate", "check", "tell", version="2.0.0")
        found = await run.engine.upgrade(old, new, adopt_compensation=True)
        await prune(run.engine.backend, old)
        FAIL.add("check")
        after = await run.finish(found.execution_id or "")
        assert after["status"] == "compensated"
        assert undos() == [(path, given + long) for path, given in BACK]
        await checked(run)


async def test_secrets_of_what_is_taken_over_stay_holes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARMONIA_SECRET_KEY", "correct-horse")
    both = before, new = saga("pay", "gate"), saga("pay", "gate", "check", version="2.0.0")
    for definition in both:
        definition["tasks"]["pay"]["compensate"]["input"] = {"n": "${secrets.KEY}"}
    async with Harness(do) as run:
        old = await paused(run, before)
        found = await run.engine.upgrade(old, new, adopt_compensation=True)
        FAIL.add("check")
        after = await run.finish(found.execution_id or "")
        assert undos() == [("pay~undo", "correct-horse")]
        assert "correct-horse" not in str(await run.events(after["id"])) + str(after)


@pytest.mark.parametrize("units", range(0, 5))
async def test_a_crash_between_the_two_forgets_nothing(units: int) -> None:
    """The store takes so many units of an upgrade and no more; another engine goes on."""
    store = f"adoption-{units}"
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(Harness(do, url=f"memory://{store}"))
        old = await paused(first)
        left, submit = units, first.engine.backend.submit

        def taken(batch: Any, done: Any) -> None:
            nonlocal left
            for unit in batch:
                if left:
                    left -= 1
                    submit([unit], done)

        first.engine.backend.submit = taken  # type: ignore[method-assign]
        with anyio.move_on_after(0.3):
            await first.engine.upgrade(old, NEW, adopt_compensation=True)
    FAIL.add("check")
    async with Harness(do, url=f"memory://{store}") as second:
        await second.engine.recover()
        view = await second.engine.get(old)
        if view["status"] == "paused":
            await second.engine.upgrade(old, NEW, adopt_compensation=True)
            view = await second.engine.get(old)
        after = await second.finish(view["upgraded_to"])
        assert after["status"] == "compensated" and undos() == BACK
        assert (await second.events(after["id"]))[0]["data"]["adopted"] == 2
        await checked(second)


async def nothing(*given: Any) -> frozenset[str]:
    """Seed the bug: look at nobody who went on with the entries."""
    return frozenset()


async def undone_by_an_adopter(run: Harness) -> tuple[str, str]:
    """Return an execution whose work the adopter of its adopter has undone, and a fork of it from before."""
    old = await paused(run)
    fork = (await run.engine.fork(old)).execution_id or ""
    await run.engine.pause(fork)
    first = (await run.engine.upgrade(old, NEW, adopt_compensation=True, drive=True)).execution_id or ""
    await run.engine.pause(first)
    FAIL.add("check")
    third = {**NEW, "version": "3.0.0"}
    second = (await run.engine.upgrade(first, third, adopt_compensation=True)).execution_id or ""
    assert (await run.finish(second))["status"] == "compensated" and undos() == BACK
    return old, fork


async def test_what_an_adopter_has_undone_is_never_reused(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Harness(do) as run:
        old, fork = await undone_by_an_adopter(run)
        await run.engine.terminate(fork)

        async def plans() -> list[tuple[str, ...]]:
            asked = [await run.engine.fork(old, dry_run=True), await run.engine.rerun(old, dry_run=True)]
            asked.append(await run.engine.rerun(fork, dry_run=True))
            return [one.plan.rewound.undone for one in asked]

        assert await plans() == [("pay", "room")] * 3
        monkeypatch.setattr(Elsewhere, "_after", nothing)
        assert await plans() == [()] * 3, "this is what the look at the adopters is for"


async def test_what_an_adopter_has_not_undone_is_reused() -> None:
    async with Harness(do) as run:
        old = await paused(run)
        found = await run.engine.upgrade(old, NEW, adopt_compensation=True)
        assert (await run.finish(found.execution_id or ""))["status"] == "completed"
        assert "pay" in (await run.engine.fork(old, dry_run=True)).plan.rewound.reused


async def test_what_a_pruned_adopter_may_have_undone_is_not_reused() -> None:
    async with Harness(do) as run:
        old = await paused(run)
        found = await run.engine.upgrade(old, NEW, adopt_compensation=True)
        await run.finish(found.execution_id or "")
        await prune(run.engine.backend, found.execution_id or "")
        assert (await run.engine.fork(old, dry_run=True)).plan.rewound.undone == ("pay", "room")


ROLLING = {
    "name": "rolling",
    "on_failure": "compensate",
    "tasks": {
        "s": {
            "type": "sequence",
            "steps": [
                {"id": name, "type": "do", "compensate": {"type": "do", "input": {"n": f"{name} back"}}}
                for name in ("pay", "room", "car")
            ]
            + [{"id": "gate", "type": "wait", "input": {"duration": 60}}, {"id": "check", "type": "do"}],
        }
    },
}


async def never(*given: Any, **more: Any) -> Any:
    """Die before the new one begins."""
    raise RuntimeError


async def test_a_chain_hands_over_what_all_of_it_has_done() -> None:
    """Whoever begins the new one from what is recorded looks at no adopter but earlier ones."""
    store, settings = "memory://adoption-chain", KernelSettings(roll_over_after=4)
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(Harness(do, url=store, settings=settings))
        begun = await first.engine.start(ROLLING)
        await first.seen(begun, "TimerSet")
        await first.engine.pause(begun)
        old = (await first.engine.get(begun))["id"]
        assert old != begun, "it has rolled over"
        first.engine._forks.begin = never  # type: ignore[method-assign]
        with pytest.raises(RuntimeError):
            await first.engine.upgrade(begun, {**ROLLING, "version": "2.0.0"}, adopt_compensation=True)
    FAIL.add("s/check")
    async with Harness(do, url=store, settings=settings) as second:
        await second.engine.recover()
        after = await second.finish((await second.engine.get(old))["upgraded_to"])
        assert after["status"] == "compensated"
        assert undos() == [(f"s/{name}~undo", f"{name} back") for name in ("car", "room", "pay")]
        ended = [event["type"] for event in await second.events(begun)].index("TaskSucceeded") + 1
        forked = await second.engine.fork(begun, ended, dry_run=True)
        assert forked.as_json()["undone"] == ["s/pay"]
        with pytest.raises(ProblemsError, match="goes on from"):
            await second.engine.rerun(old, dry_run=True)
