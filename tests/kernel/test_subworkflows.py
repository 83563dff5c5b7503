"""Tasks that are executions of their own: what a real engine makes of them, alone and beside another."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest

from harmonia_core import task_type
from harmonia_core.engine.adoption import Adopter
from harmonia_core.engine.runner import Engine
from harmonia_core.host import ExecutionQuery, Inspector, KernelSettings
from harmonia_core.testing.harness import Harness

LIMIT = 10.0
STATE: dict[str, Any] = {}


@pytest.fixture(autouse=True)
def fresh() -> None:
    STATE.clear()
    STATE.update(begun=[], ended=[], gate=anyio.Event(), failures=0)


@task_type("held")
async def held(ctx: Any, input: Any) -> Any:
    """Wait at the gate; note how that ends."""
    STATE["begun"].append(ctx.execution)
    try:
        await STATE["gate"].wait()
    except BaseException:
        STATE["ended"].append(ctx.execution)
        raise
    return input


@task_type("flaky")
async def flaky(ctx: Any, input: Any) -> Any:
    """Fail as often as is left."""
    if STATE["failures"]:
        STATE["failures"] -= 1
        raise RuntimeError("not this time")
    return "done"


@task_type("precious", idempotent=False)
async def precious(ctx: Any, input: Any) -> Any:
    """Wait at the gate; once is enough."""
    STATE["begun"].append(ctx.execution)
    await STATE["gate"].wait()
    return "precious"


PASS = {"type": "noop", "input": "${input}"}
TYPES = (held, flaky, precious)
HELD = {
    "name": "inner",
    "tasks": {"hold": {"type": "held", "input": {"x": 1}}},
    "output": "${tasks.hold.output}",
}
FLAKY = {"name": "inner", "tasks": {"try": {"type": "flaky"}}, "output": "${tasks.try.output}"}


def sub(workflow: Any, **more: Any) -> dict[str, Any]:
    return {"type": "subworkflow", "workflow": workflow, **more}


def flow(**tasks: Any) -> dict[str, Any]:
    return {"name": "outer", "tasks": tasks}


def harness(url: str = "memory://", **settings: Any) -> Harness:
    return Harness(*TYPES, settings=KernelSettings(**settings), url=url)


async def children(engine: Engine, parent_id: str) -> list[dict[str, Any]]:
    """Return the executions that tasks of one have started, oldest first."""
    rows, _ = await engine.find(ExecutionQuery(None))
    found = [row for row in rows if row["parent_id"] == parent_id]
    return sorted(found, key=lambda row: row["id"])


async def sound(engine: Engine) -> None:
    """Check everything that the store holds."""
    inspector = Inspector(engine.backend, engine.plugins)
    assert await inspector.verify() == []
    async for report in inspector.check(deep=True):
        assert report.problems == [], report


async def begun(count: int = 1) -> None:
    with anyio.fail_after(LIMIT):
        while len(STATE["begun"]) < count:
            await anyio.sleep(0.001)


def task(view: dict[str, Any], path: str) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in view["tasks"] if one["path"] == path)
    return found


async def later(world: Harness, definition: dict[str, Any], seconds: float) -> dict[str, Any]:
    """Start a workflow, let time pass once something is held, and return its execution in the end."""
    parent = await world.engine.start(definition)
    await begun()
    world.clock.advance_to(world.clock.now() + seconds)
    return await world.finish(parent, limit=LIMIT)


async def ended(engine: Engine, execution_id: str) -> str:
    with anyio.fail_after(LIMIT):
        return await engine.wait(execution_id)


@asynccontextmanager
async def dead(url: str) -> AsyncIterator[Engine]:
    """Give an engine that seems to have died as soon as the block is left."""
    async with harness(url) as found:
        yield found.engine
        found.engine.backend._store.alive.discard(found.engine.engine_id)  # type: ignore[attr-defined]


def deaf(engine: Engine) -> None:
    """Let an engine record what is asked for, and die before it begins it."""
    engine._driver.after.clear()


async def test_a_child_is_an_execution_whose_output_is_the_tasks() -> None:
    async with harness() as world:
        inner = {"name": "twice", "labels": {"kind": "sum"}, "tasks": {"n": PASS},
                 "output": "${tasks.n.output.n * 2}"}  # fmt: skip
        view = await world.run(flow(a=sub(inner, input={"n": 21})))
        assert view["status"] == "completed" and task(view, "a")["output"] == 42
        [child] = await children(world.engine, view["id"])
        assert (child["status"], child["labels"], child["root_id"]) == (
            "completed",
            {"kind": "sum"},
            child["id"],
        )
        whole = await world.engine.get(child["id"])
        assert whole["input"] == {"n": 21} and whole["parent_id"] == view["id"]
        assert await world.engine.backend.requests() == []
        await sound(world.engine)


async def test_a_failed_child_fails_its_task_with_its_own_error() -> None:
    inner = {
        "name": "inner",
        "tasks": {"f": {"type": "fail", "input": {"error": "sold-out", "message": "None left."}}},
    }
    caught = {"errors": "sold-out", "task": {"type": "noop", "input": {"said": "${error.message}"}}}
    async with harness() as world:
        view = await world.run(flow(a=sub(inner), b=sub(inner, catch=[caught])))
        error = view["error"]
        assert (error["code"], error["message"]) == ("sold-out", "None left.")
        first, second = await children(world.engine, view["id"])
        assert error["details"]["execution"] in (first["id"], second["id"])
        assert error["details"]["error"]["code"] == "sold-out"
        assert task(view, "b")["output"] == {"said": "None left."}


async def test_each_attempt_is_another_child() -> None:
    STATE["failures"] = 2
    policy = {"max_retries": 2, "initial_delay": 5, "jitter": 0}
    async with harness() as world:
        view = await world.run(flow(a=sub(FLAKY, retry_policy=policy)))
        assert view["status"] == "completed" and task(view, "a")["attempt"] == 3
        found = await children(world.engine, view["id"])
        assert [row["status"] for row in found] == ["failed", "failed", "completed"]
        await sound(world.engine)


async def test_a_large_output_and_a_large_input_are_handed_on_and_outlive_the_child() -> None:
    inner = {"name": "echo", "input_schema": {"type": "object", "required": ["text"]},
             "tasks": {"n": PASS}, "output": "${tasks.n.output.text}"}  # fmt: skip
    text = "x" * 300_000
    async with harness() as world:
        outer = flow(a=sub(inner, input="${input}"), b={"type": "noop", "depends_on": "a",
                     "input": {"size": "${size(tasks.a.output)}"}})  # fmt: skip
        view = await world.run(outer, {"text": text})
        assert view["status"] == "completed", view["error"]
        assert task(view, "b")["output"] == {"size": 300_000}
        [child] = await children(world.engine, view["id"])
        await sound(world.engine)
        await world.engine.backend.prune([child["id"]])
        await world.engine.backend.sweep(1e12)
        await sound(world.engine)
        address = task(await world.engine.get(view["id"]), "a")["output"]["$blob"]
        assert len(await world.engine.backend.blob("default", address) or b"") == 300_002


async def test_an_input_that_does_not_fit_fails_the_child_at_once() -> None:
    inner = {**HELD, "input_schema": {"type": "object", "required": ["n"]}}
    async with harness() as world:
        view = await world.run(flow(a=sub(inner, input={"m": "${input.m}"})), {"m": 1})
        assert view["error"]["code"] == "input-invalid" and not STATE["begun"]
        [child] = await children(world.engine, view["id"])
        assert child["status"] == "failed"


async def test_cancel_ends_the_child_first() -> None:
    async with harness() as world:
        parent = await world.engine.start(flow(a=sub(HELD)))
        await begun()
        with anyio.fail_after(1.0):
            await world.engine.cancel(parent)
        view = await world.engine.get(parent)
        [child] = await children(world.engine, parent)
        assert (view["status"], child["status"], task(view, "a")["status"]) == ("cancelled",) * 3
        assert parent in child["reason"] and STATE["ended"] == [child["id"]]
        types = [event["type"] for event in await world.events(parent)]
        assert types[-3:] == ["ChildCancelRequested", "TaskCancelled", "ExecutionCancelled"]
        await sound(world.engine)


async def test_a_child_that_a_person_cancels_fails_its_task() -> None:
    async with harness() as world:
        parent = await world.engine.start(flow(a=sub(HELD, retry_policy={})))
        await begun()
        [child] = await children(world.engine, parent)
        await world.engine.cancel(child["id"], "not needed")
        assert await ended(world.engine, parent) == "failed"
        error = (await world.engine.get(parent))["error"]
        assert (error["category"], error["code"]) == ("cancelled", "child-cancelled")
        assert "not needed" in error["message"] and error["details"] == {"execution": child["id"]}


async def test_a_race_that_is_won_ends_the_children_of_the_others() -> None:
    branches = {"slow": {"task": sub(HELD)}, "quick": {"task": {"type": "wait", "input": {"duration": 5}}}}
    async with harness() as world:
        view = await later(world, flow(r={"type": "race", "branches": branches}), 5)
        assert view["status"] == "completed"
        [child] = await children(world.engine, view["id"])
        assert child["status"] == "cancelled" and STATE["ended"] == [child["id"]]
        await sound(world.engine)


@pytest.mark.parametrize("around", [False, True], ids=["own", "of-the-group"])
async def test_a_total_timeout_ends_the_child_and_then_the_task(around: bool) -> None:
    async with harness() as world:
        a = sub(HELD) if around else sub(HELD, total_timeout=5)
        outer = flow(g={"type": "group", "total_timeout": 5, "tasks": {"a": a}}) if around else flow(a=a)
        view = await later(world, outer, 5)
        assert view["error"]["code"] == "total-timeout"
        [child] = await children(world.engine, view["id"])
        assert child["status"] == "cancelled"
        await sound(world.engine)


async def test_the_deadline_of_the_parent_ends_the_child() -> None:
    async with harness() as world:
        view = await later(world, {**flow(a=sub(HELD)), "timeout": 7}, 7)
        assert view["error"]["code"] == "execution-timeout"
        [child] = await children(world.engine, view["id"])
        assert child["status"] == "cancelled"


async def test_a_child_that_is_abandoned_goes_on_and_its_late_end_is_refused() -> None:
    async with harness() as world:
        tasks = flow(a=sub(HELD, total_timeout=5, on_cancel="abandon"), b={"type": "deferring"})
        tasks["tasks"]["b"] = {"type": "wait", "input": {"duration": 60}}
        parent = await world.engine.start(tasks)
        await begun()
        world.clock.advance_to(world.clock.now() + 6)
        await world.seen(parent, "TaskFailed")
        [child] = await children(world.engine, parent)
        assert child["status"] == "running"
        STATE["gate"].set()
        assert await ended(world.engine, child["id"]) == "completed"
        refused = await world.seen(parent, "LateResultRefused")
        assert refused["data"] == {"path": "a", "attempt": 1, "outcome": "completed"}
        assert (await world.finish(parent))["error"]["code"] == "total-timeout"
        await sound(world.engine)


async def test_an_abandoned_child_survives_the_cancel_of_its_parent() -> None:
    async with harness() as world:
        parent = await world.engine.start(flow(a=sub(HELD, on_cancel="abandon")))
        await begun()
        await world.engine.cancel(parent)
        [child] = await children(world.engine, parent)
        assert child["status"] == "running"
        STATE["gate"].set()
        assert await ended(world.engine, child["id"]) == "completed"


async def test_a_detached_child_is_not_waited_for() -> None:
    async with harness() as world:
        view = await world.run(flow(a=sub(HELD, detach=True)))
        assert view["status"] == "completed"
        [child] = await children(world.engine, view["id"])
        assert task(view, "a")["output"] == {"execution": child["id"]} and child["status"] == "running"
        STATE["gate"].set()
        assert await ended(world.engine, child["id"]) == "completed"
        assert await world.engine.backend.requests() == []
        await sound(world.engine)


@pytest.mark.parametrize("detach", [False, True])
async def test_a_definition_that_is_pinned_by_its_hash(detach: bool) -> None:
    async with harness() as world:
        known = await world.run(
            {"name": "known", "tasks": {"n": {"type": "noop", "input": {"v": 1}}}, "output": 7}
        )
        pin = {"hash": known["workflow"]["hash"]}
        view = await world.run(flow(a=sub(pin, detach=detach)))
        [child] = await children(world.engine, view["id"])
        assert task(view, "a")["output"] == ({"execution": child["id"]} if detach else 7)
        assert child["workflow"]["name"] == "known"
        await sound(world.engine)


@pytest.mark.parametrize("detach", [False, True])
async def test_a_definition_that_is_not_there_fails_the_task(detach: bool) -> None:
    async with harness() as world:
        view = await world.run(flow(a=sub({"hash": f"sha256:{0:064}"}, detach=detach)))
        assert view["error"]["code"] == "definition-missing"
        assert await children(world.engine, view["id"]) == []
        assert await world.engine.backend.requests() == []
        await sound(world.engine)


async def test_a_hash_that_is_no_definitions() -> None:
    async with harness() as world:
        text = {"text": "x" * 100_000}
        other = await world.run(
            {"name": "other", "tasks": {"n": {"type": "noop", "input": "${input}"}}}, text
        )
        view = await world.run(flow(a=sub({"hash": task(other, "n")["output"]["$blob"]})))
        assert view["error"]["code"] == "definition-invalid"


async def test_items_and_rounds_have_children_of_their_own() -> None:
    one = {"i": "${item}"}
    inner = {
        "name": "inner",
        "tasks": {"n": {"type": "noop", "input": "${input}"}},
        "output": "${tasks.n.output.i}",
    }
    tasks = flow(
        m={
            "type": "map",
            "input": {"range": {"stop": 30}},
            "max_concurrency": 4,
            "task": sub(inner, input=one),
        },
        d={"type": "map", "input": {"items": [1, 2]}, "task": sub(inner, input=one, detach=True)},
        l={"type": "loop", "times": 3, "task": sub(inner, input={"i": "${index}"})},
    )
    async with harness() as world:
        view = await world.run({**tasks, "output": {"m": "${tasks.m.output}", "l": "${tasks.l.output}"}})
        assert view["output"] == {"m": list(range(30)), "l": 2}
        with anyio.fail_after(LIMIT):
            while world.engine._driver.lives:
                await anyio.sleep(0.001)
        found = await children(world.engine, view["id"])
        assert len(found) == 35 and {row["status"] for row in found} == {"completed"}
        await sound(world.engine)


async def test_a_recursion_without_an_end_meets_the_limit() -> None:
    async with harness() as world:
        view = await world.run(flow(a=sub("self")))
        assert view["error"]["code"] == "too-deep"
        rows, _ = await world.engine.find(ExecutionQuery(None))
        assert len(rows) == 20
        await sound(world.engine)


async def test_what_an_engine_asked_for_and_did_not_begin_is_begun_by_the_next() -> None:
    url = "memory://left-lying"
    async with dead(url) as first:
        deaf(first)
        waiting = await first.start(flow(a=sub(HELD)))
        detached = await first.start(flow(a=sub(HELD, detach=True)))
        assert await ended(first, detached) == "completed"
        assert len(await first.backend.requests()) == 2 and not STATE["begun"]
        await first.backend.sweep(1e12)
    STATE["gate"].set()
    async with harness(url) as world:
        report = await world.engine.recover()
        [child] = await children(world.engine, detached)
        assert set(report.adopted) == {waiting, child["id"]} and not report.refused
        assert await ended(world.engine, waiting) == "completed"
        assert await ended(world.engine, child["id"]) == "completed"
        assert await world.engine.backend.requests() == []
        assert (await world.engine.recover()).adopted == []
        await sound(world.engine)


async def test_a_detached_child_begins_after_its_parent_was_pruned() -> None:
    url = "memory://pruned-parent"
    text = "x" * 100_000
    inner = {
        "name": "echo",
        "tasks": {"n": {"type": "noop", "input": "${input}"}},
        "output": "${size(tasks.n.output.t)}",
    }
    async with dead(url) as first:
        deaf(first)
        parent = await first.start(flow(a=sub(inner, input="${input}", detach=True)), {"t": text})
        assert await ended(first, parent) == "completed"
        await first.backend.prune([parent])
        await first.backend.sweep(1e12)
    async with harness(url) as world:
        [child] = (await world.engine.recover()).adopted
        assert await ended(world.engine, child) == "completed"
        assert await world.engine.output(child) == 100_000
        await sound(world.engine)


async def test_an_engine_that_serves_begins_what_was_left_after_two_looks() -> None:
    url = "memory://looking"
    async with harness(url) as world:
        engine = world.engine
        looking = Adopter(engine.backend, engine.engine_id, engine._driver, engine._owner, 1.0)
        async with dead(url) as first:
            deaf(first)
            parent = await first.start(flow(a=sub(HELD, detach=True)))
            await ended(first, parent)
            await looking.look()
        assert await children(engine, parent) == []
        await looking.look()
        assert len(await children(engine, parent)) == 1


async def test_two_engines_that_begin_the_same_child_do_no_harm() -> None:
    url = "memory://the-same"
    async with harness(url) as one, harness(url) as two:
        deaf(one.engine)
        parent = await one.engine.start(flow(a=sub(HELD)))
        [row] = await one.engine.backend.requests()
        async with anyio.create_task_group() as group:
            group.start_soon(one.engine._starts.begin, row)
            group.start_soon(two.engine._starts.begin, row)
        await begun()
        STATE["gate"].set()
        assert await ended(one.engine, parent) == "completed"
        assert (
            len(STATE["begun"]) == 1 and not one.engine._driver.troubles and not two.engine._driver.troubles
        )
        await sound(one.engine)


async def test_parent_and_child_in_two_engines() -> None:
    url = "memory://two-of-a-family"
    async with harness(url) as one, harness(url) as two:
        parent = await one.engine.start(flow(a=sub(HELD)))
        await begun()
        [child] = await children(one.engine, parent)
        await two.engine.adopt(child["id"], force=True)
        await begun(2)
        STATE["gate"].set()
        assert await ended(one.engine, parent) == "completed"
        assert task(await one.engine.get(parent), "a")["output"] == {"x": 1}


async def test_a_cancel_reaches_a_child_in_another_engine_within_a_second() -> None:
    url = "memory://far-cancel"
    async with harness(url) as one, harness(url) as two:
        parent = await one.engine.start(flow(a=sub(HELD)))
        await begun()
        [child] = await children(one.engine, parent)
        await two.engine.adopt(child["id"], force=True)
        await begun(2)
        with anyio.fail_after(1.0):
            await one.engine.cancel(parent)
        assert (await one.engine.get(child["id"]))["status"] == "cancelled"
        await sound(one.engine)


async def test_a_family_that_nobody_drives_is_cancelled_by_the_caller() -> None:
    url = "memory://orphans"
    async with dead(url) as first:
        parent = await first.start(flow(a=sub(flow(b=sub(HELD)))))
        await begun()
    async with harness(url) as world:
        with anyio.fail_after(LIMIT):
            await world.engine.cancel(parent)
        rows, _ = await world.engine.find(ExecutionQuery(None))
        assert [row["status"] for row in rows] == ["cancelled"] * 3
        await sound(world.engine)


async def test_a_child_that_never_began_is_cancelled_with_its_parent() -> None:
    url = "memory://unborn"
    async with dead(url) as first:
        deaf(first)
        parent = await first.start(flow(a=sub(HELD)))
    async with harness(url) as world:
        with anyio.fail_after(LIMIT):
            await world.engine.cancel(parent)
        rows, _ = await world.engine.find(ExecutionQuery(None))
        assert [row["status"] for row in rows] == ["cancelled"] * 2 and not STATE["begun"]
        await sound(world.engine)


async def test_a_family_is_adopted_whole_and_goes_on() -> None:
    url = "memory://whole-family"
    async with dead(url) as first:
        parent = await first.start(flow(a=sub(flow(b=sub(HELD), c={"type": "noop"}))))
        await begun()
    STATE["gate"].set()
    async with harness(url) as world:
        assert len((await world.engine.recover()).adopted) == 3
        assert await ended(world.engine, parent) == "completed"
        await sound(world.engine)


async def test_a_child_that_ended_while_nobody_drove_its_parent_is_not_begun_again() -> None:
    url = "memory://told-later"
    async with harness(url) as survivor:
        async with dead(url) as first:
            parent = await first.start(flow(a=sub(HELD)))
            await begun()
            [child] = await children(first, parent)
            await survivor.engine.adopt(child["id"], force=True)
            await begun(2)
        STATE["gate"].set()
        assert await ended(survivor.engine, child["id"]) == "completed"
        await survivor.engine.recover()
        assert await ended(survivor.engine, parent) == "completed"
        assert len(await children(survivor.engine, parent)) == 1


async def test_a_parent_rests_when_only_a_person_can_help_its_child_on() -> None:
    url = "memory://needs-a-person"
    async with dead(url) as first:
        parent = await first.start(flow(a=sub({"name": "inner", "tasks": {"p": {"type": "precious"}}})))
        await begun()
    async with harness(url) as world:
        await world.engine.recover()
        assert await ended(world.engine, parent) == "attention"
        [child] = await children(world.engine, parent)
        assert child["status"] == "attention"
        STATE["gate"].set()
        await world.engine.request(child["id"], "retry", {"path": "p"})
        assert await ended(world.engine, parent) == "completed"


async def test_a_parent_is_found_at_rest_while_its_child_waits_for_a_person() -> None:
    url = "memory://still-needs-a-person"
    async with dead(url) as first:
        parent = await first.start(flow(a=sub({"name": "inner", "tasks": {"p": {"type": "precious"}}})))
        await begun()
    async with dead(url) as second:
        await second.recover()
        assert await ended(second, parent) == "attention"
    STATE["gate"].set()
    async with harness(url) as world:
        report = await world.engine.recover()
        assert report.adopted == [parent] and await ended(world.engine, parent) == "attention"
        assert len((await world.engine.recover(retry_lost=True)).adopted) == 1
        with anyio.fail_after(LIMIT):
            while (await world.engine.get(parent))["status"] != "completed":
                await anyio.sleep(0.001)


async def test_what_lies_inside_may_be_looked_at_where_its_types_are_not_installed() -> None:
    url = "memory://strangers"
    STATE["gate"].set()
    inside = {"type": "group", "tasks": {"deep": {"type": "held", "input": {}}}}
    async with harness(url) as world:
        parent = (await world.run(flow(a=sub(HELD), g=inside)))["id"]
    async with Harness(url=url) as bare:
        assert (await bare.engine.get(parent))["status"] == "completed"


async def test_a_family_that_is_adopted_child_first_comes_to_rest() -> None:
    url = "memory://child-first"
    inner = {"name": "inner", "tasks": {"p": {"type": "precious"}}}
    async with dead(url) as first:
        parent = await first.start(flow(a=sub(flow(b=sub(inner)))))
        await begun()
    async with harness(url) as world:
        line = [parent]
        while found := await children(world.engine, line[-1]):
            line.append(found[0]["id"])
        for execution_id in reversed(line):
            await world.engine.adopt(execution_id)
        assert len(line) == 3 and await ended(world.engine, parent) == "attention"
