"""Executions that operators steer: paused, resumed, terminated, skipped in, with other variables."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from pydantic import BaseModel
from test_engine_outage import Failing, on

from harmonia_core import task_type
from harmonia_core.engine.deciding import NothingToResolve
from harmonia_core.engine.operating import ActionRefused
from harmonia_core.errors import ExecutionFinished, InputInvalid, StateUnavailable
from harmonia_core.host import Inspector
from harmonia_core.testing.harness import Harness

LIMIT = 10.0
STATE: dict[str, Any] = {}


class Price(BaseModel):
    amount: int


@pytest.fixture(autouse=True)
def fresh() -> None:
    STATE.clear()
    STATE.update(begun=[], cancelled=[], gate=anyio.Event(), failures=0)


@task_type("held")
async def held(ctx: Any, input: Any) -> Any:
    """Wait at the gate."""
    STATE["begun"].append(ctx.path)
    try:
        await STATE["gate"].wait()
    except BaseException:
        STATE["cancelled"].append(ctx.path)
        raise
    return {"n": 1}


@task_type("flaky")
async def flaky(ctx: Any, input: Any) -> Any:
    """Fail as often as is left."""
    STATE["begun"].append(ctx.path)
    if STATE["failures"]:
        STATE["failures"] -= 1
        raise RuntimeError("not this time")
    return "done"


@task_type("priced", output=Price)
async def priced(ctx: Any, input: Any) -> Any:
    """Wait for ever."""
    await anyio.sleep_forever()


@asynccontextmanager
async def harness(url: str = "memory://") -> AsyncIterator[Harness]:
    with anyio.fail_after(LIMIT):
        async with Harness(held, flaky, priced, url=url) as found:
            yield found


def flow(**tasks: Any) -> dict[str, Any]:
    return {"name": "flow", "tasks": tasks}


HELD = flow(
    a={"type": "held"}, b={"type": "noop", "depends_on": ["a"], "input": {"was": "${tasks.a.output}"}}
)
LIMITED = {
    **flow(
        a={"type": "held"},
        b={"type": "noop", "depends_on": ["a"], "input": {"limit": "${vars.limit}"}},
    ),
    "vars": {"limit": 1},
}
WAIT = flow(w={"type": "wait", "input": {"duration": 60}})
INNER = {"name": "inner", "tasks": {"a": {"type": "held"}, "b": {"type": "held", "depends_on": ["a"]}}}
PARENT = flow(s={"type": "subworkflow", "workflow": INNER})


async def held_at(harness: Harness, definition: Any, **more: Any) -> str:
    """Start an execution and wait until its first attempt has begun."""
    id = await harness.engine.start(definition, **more)
    while not STATE["begun"]:
        await anyio.sleep(0)
    return id


async def sound(harness: Harness) -> None:
    """Check everything that the store holds, rows against logs."""
    inspector = Inspector(harness.engine.backend, harness.engine.plugins)
    assert await inspector.verify() == []
    async for report in inspector.check(deep=True):
        assert report.problems == [], report


async def types(harness: Harness, id: str) -> list[str]:
    return [event["type"] for event in await harness.events(id)]


class TestPause:
    async def test_what_runs_ends_and_nothing_new_begins(self) -> None:
        async with harness() as h:
            id = await held_at(h, HELD)
            steered = await h.engine.pause(id, "maintenance")
            assert steered == (id, "paused", True)
            STATE["gate"].set()
            assert await h.engine.wait(id) == "paused"
            view = await h.engine.get(id)
            assert [task["status"] for task in view["tasks"]] == ["succeeded", "ready"]
            assert (view["status"], view["reason"]) == ("paused", "maintenance")
            assert (await h.engine.resume(id)).changed
            view = await h.finish(id)
            assert view["status"] == "completed" and view["reason"] is None
            assert view["tasks"][1]["output"] == {"was": {"n": 1}}

    async def test_both_are_idempotent_and_say_so(self) -> None:
        async with harness() as h:
            id = await h.engine.start(WAIT)
            assert not (await h.engine.resume(id)).changed
            assert (await h.engine.pause(id)).changed
            assert await h.engine.pause(id) == (id, "paused", False)
            assert (await types(h, id)).count("ExecutionPaused") == 1

    async def test_what_is_due_acts_at_resume(self) -> None:
        async with harness() as h:
            id = await h.engine.start(WAIT)
            await h.seen(id, "TimerSet")
            await h.engine.pause(id)
            h.clock.advance(3600)
            await h.seen(id, "TimerFired")
            assert (await h.engine.get(id))["status"] == "paused"
            await h.engine.resume(id)
            assert await h.engine.wait(id) == "completed"

    async def test_held_time_stands_still(self) -> None:
        async with harness() as h:
            begun = h.clock.now()
            id = await h.engine.start(WAIT)
            await h.seen(id, "TimerSet")
            h.clock.advance(20)
            await h.engine.pause(id, timers="hold")
            assert await h.engine.backend.timers(id) == []
            h.clock.advance(3600)
            await sound(h)
            await h.engine.resume(id)
            await sound(h)
            h.clock.advance(39)
            assert "TimerFired" not in await types(h, id)
            view = await h.finish(id)
            assert view["status"] == "completed" and h.clock.now() == begun + 3660

    async def test_a_retry_that_is_due_waits_for_the_resume(self) -> None:
        STATE["failures"] = 1
        retried = flow(
            a={"type": "flaky", "retry_policy": {"max_retries": 1, "initial_delay": 30, "jitter": 0}}
        )
        for timers in ("run", "hold"):
            STATE.update(failures=1, begun=[])
            async with harness() as h:
                id = await h.engine.start(retried)
                await h.seen(id, "RetryScheduled")
                await h.engine.pause(id, timers=timers)  # type: ignore[arg-type]
                h.clock.advance(31)
                assert await h.engine.wait(id) == "paused" and STATE["begun"] == ["a"]
                await h.engine.resume(id)
                assert (await h.finish(id))["status"] == "completed" and STATE["begun"] == ["a", "a"]

    async def test_a_failure_in_a_held_pause_is_tried_again_after_its_whole_delay(self) -> None:
        @task_type("broken")
        async def broken(ctx: Any, input: Any) -> Any:
            STATE["begun"].append(ctx.attempt)
            if ctx.attempt == 1:
                await STATE["gate"].wait()
                raise RuntimeError("no")

        definition = flow(
            a={"type": "broken", "retry_policy": {"max_retries": 1, "initial_delay": 30, "jitter": 0}}
        )
        async with Harness(broken) as h:
            id = await held_at(h, definition)
            await h.engine.pause(id, timers="hold")
            h.clock.advance(100)
            STATE["gate"].set()
            await h.seen(id, "RetryScheduled")
            h.clock.advance(100)
            resumed = h.clock.now()
            await h.engine.resume(id)
            assert (await h.finish(id))["status"] == "completed"
            assert h.clock.now() == resumed + 30

    async def test_the_deadline_runs_on(self) -> None:
        async with harness() as h:
            id = await h.engine.start({**WAIT, "timeout": 100})
            await h.seen(id, "TimerSet")
            await h.engine.pause(id, timers="hold")
            h.clock.advance(101)
            view = await h.finish(id)
            assert (view["status"], view["error"]["code"]) == ("failed", "execution-timeout")

    async def test_messages_and_decisions_wait_with_it(self) -> None:
        definition = flow(
            m={"type": "event", "input": {"name": "paid"}},
            ok={"type": "approval", "input": {"title": "?"}},
            last={"type": "held", "depends_on": ["m", "ok"]},
        )
        async with harness() as h:
            id = await h.engine.start(definition)
            await h.seen(id, "ApprovalRequested")
            await h.seen(id, "MessageAwaited")
            await h.engine.pause(id)
            await h.engine.signal(id, "paid", 7)
            await h.engine.decide(id, "ok", "approved")
            await h.seen(id, "MessageReceived")
            assert STATE["begun"] == [] and "MessageTaken" not in await types(h, id)
            await h.engine.resume(id)
            STATE["gate"].set()
            view = await h.finish(id)
            assert view["status"] == "completed" and view["tasks"][0]["output"]["data"] == 7

    async def test_cancel_undo_and_terminate_end_a_paused_execution(self) -> None:
        for action, status in (("cancel", "cancelled"), ("undo", "compensated"), ("terminate", "terminated")):
            async with harness() as h:
                id = await h.engine.start(WAIT)
                await h.engine.pause(id, timers="hold")
                await getattr(h.engine, action)(id)
                assert (await h.engine.get(id))["status"] == status

    async def test_it_races_with_the_end(self) -> None:
        """Whichever is recorded first counts: what has ended is not paused, what is paused does not end."""
        seen = set()
        for rounds in range(12):
            async with harness() as h:
                STATE["gate"] = anyio.Event()
                STATE["begun"] = []
                id = await held_at(h, flow(a={"type": "held"}))
                STATE["gate"].set()
                for _ in range(rounds):
                    await anyio.sleep(0)
                try:
                    await h.engine.pause(id)
                except (ExecutionFinished, ActionRefused) as error:
                    assert error.code == "execution-finished"
                    seen.add("completed")
                else:
                    assert await h.engine.wait(id) == "paused"
                    await h.engine.resume(id)
                    seen.add("paused")
                assert await h.engine.wait(id) == "completed"
        assert seen == {"completed", "paused"}

    async def test_another_engine_finds_it_paused_and_leaves_it_so(self) -> None:
        url = "memory://operating-adopted"
        async with harness(url) as keep, harness(url) as first:
            id = await held_at(first, HELD)
            await first.engine.pause(id)
            await first.engine.__aexit__(None, None, None)
            found = await keep.engine.recover()
            assert found.adopted == [id]
            assert await keep.engine.wait(id) == "paused" and STATE["begun"] == ["a"]
            assert "AttemptLost" in await types(keep, id)
            STATE["gate"].set()
            await keep.engine.resume(id)
            assert (await keep.finish(id))["status"] == "completed" and STATE["begun"] == ["a", "a"]


class TestChildren:
    async def test_a_pause_reaches_those_that_carry_tasks_out_and_so_does_the_resume(self) -> None:
        async with harness() as h:
            id = await held_at(h, PARENT)
            child = (await h.engine.get(id))["tasks"][0]["child"]
            await h.engine.pause(id, timers="hold")
            await h.seen(child, "ExecutionPaused")
            view = await h.engine.get(child)
            assert (view["status"], view["reason"]) == ("paused", "paused by its parent")
            STATE["gate"].set()
            assert await h.engine.wait(id) == "paused"
            assert STATE["begun"] == ["a"], "its parent is at rest only when it is"
            assert (await h.engine.get(child))["tasks"][0]["status"] == "succeeded"
            await h.engine.resume(id)
            assert (await h.finish(id))["status"] == "completed" and STATE["begun"] == ["a", "b"]

    async def test_a_child_that_a_person_has_paused_stays_paused(self) -> None:
        async with harness() as h:
            id = await held_at(h, PARENT)
            child = (await h.engine.get(id))["tasks"][0]["child"]
            await h.engine.pause(child, "by hand")
            await h.engine.pause(id)
            await h.engine.resume(id)
            STATE["gate"].set()
            assert await h.engine.wait(child) == "paused"
            assert await h.engine.wait(id) == "attention", "only a person can help it on"
            await h.engine.resume(child)
            assert (await h.finish(id))["status"] == "completed"

    async def test_a_person_may_take_over_the_pause_of_a_child(self) -> None:
        async with harness() as h:
            id = await held_at(h, PARENT)
            child = (await h.engine.get(id))["tasks"][0]["child"]
            await h.engine.pause(id)
            await h.seen(child, "ExecutionPaused")
            assert (await h.engine.pause(child, "mine")).changed
            await h.engine.resume(id)
            assert (await h.engine.get(child))["status"] == "paused"
            await h.engine.resume(child)
            STATE["gate"].set()
            assert (await h.finish(id))["status"] == "completed"

    async def test_all_are_terminated_together(self) -> None:
        async with harness() as h:
            id = await held_at(h, PARENT)
            child = (await h.engine.get(id))["tasks"][0]["child"]
            await h.engine.terminate(id, "it hangs")
            await h.seen(child, "ExecutionTerminated")
            assert (await h.engine.get(child))["status"] == "terminated"
            assert (await h.engine.get(id))["status"] == "terminated"

    async def test_the_parent_of_a_terminated_child_gets_an_error(self) -> None:
        async with harness() as h:
            id = await held_at(h, PARENT)
            child = (await h.engine.get(id))["tasks"][0]["child"]
            await h.engine.terminate(child)
            view = await h.finish(id)
            assert (view["status"], view["error"]["code"]) == ("failed", "execution-terminated")

    async def test_one_that_outlives_its_task_goes_on_when_the_paused_parent_is_cancelled(self) -> None:
        definition = flow(s={"type": "subworkflow", "workflow": INNER, "on_cancel": "abandon"})
        async with harness() as h:
            id = await held_at(h, definition)
            child = (await h.engine.get(id))["tasks"][0]["child"]
            await h.engine.pause(id)
            await h.seen(child, "ExecutionPaused")
            await h.engine.cancel(id)
            STATE["gate"].set()
            assert (await h.finish(child))["status"] == "completed"


class TestTerminate:
    async def test_it_waits_for_nothing(self) -> None:
        @task_type("deaf")
        async def deaf(ctx: Any, input: Any) -> Any:
            STATE["begun"].append(ctx.path)
            with anyio.CancelScope(shield=True):
                await STATE["gate"].wait()
            return "late"

        definition = {**flow(a={"type": "deaf"}), "finally": {"tasks": {"f": {"type": "held"}}}}
        with anyio.fail_after(LIMIT):
            async with Harness(deaf, held) as h:
                id = await held_at(h, definition)
                assert await h.engine.terminate(id, "it hangs") == (id, "terminated", True)
                log = await h.events(id)
                assert [event["type"] for event in log[-2:]] == ["TaskCancelled", "ExecutionTerminated"]
                STATE["gate"].set()
                for _ in range(20):
                    await anyio.sleep(0)
                assert await h.events(id) == log and len(STATE["begun"]) == 1
                assert await h.engine.terminate(id) == (id, "terminated", False)
                rows = await h.engine.backend.tasks(id)
                assert {row.status for row in rows} <= {"cancelled"}
                for action in (h.engine.pause, h.engine.resume):
                    with pytest.raises(ExecutionFinished):
                        await action(id)


class TestSkip:
    async def test_with_an_output_the_task_has_succeeded(self) -> None:
        async with harness() as h:
            id = await held_at(h, HELD)
            await h.engine.skip(id, "a", {"n": 5}, "known")
            view = await h.finish(id)
            assert view["tasks"][1]["output"] == {"was": {"n": 5}} and view["status"] == "completed"
            found = [
                event for event in await h.events(id) if event["type"] in ("TaskResolved", "TaskSucceeded")
            ]
            assert found[0]["data"] == {"path": "a", "resolution": "skip", "comment": "known"}
            assert found[1]["data"]["given"] is True and STATE["cancelled"] == ["a"]

    async def test_what_did_nothing_is_not_undone(self) -> None:
        definition = flow(
            a={"type": "held", "compensate": {"type": "flaky"}},
            b={"type": "fail", "depends_on": ["a"], "input": {"error": "no"}},
        )
        async with harness() as h:
            id = await held_at(h, {**definition, "on_failure": "compensate"})
            await h.engine.skip(id, "a", {"n": 5})
            assert (await h.finish(id))["status"] == "failed" and STATE["begun"] == ["a"]

    async def test_an_output_must_be_one_that_the_task_type_gives(self) -> None:
        async with harness() as h:
            id = await h.engine.start(flow(a={"type": "priced"}))
            with pytest.raises(InputInvalid, match=r"output\.amount"):
                await h.engine.skip(id, "a", {"amount": "much"})
            await h.engine.skip(id, "a", {"amount": "7"})
            assert (await h.finish(id))["tasks"][0]["output"] == {"amount": 7}

    async def test_a_composite_is_skipped_with_all_that_runs_inside_it(self) -> None:
        branches = [
            {"id": "x", "task": {"type": "held"}},
            {"id": "y", "task": {"type": "wait", "input": {"duration": 9}}},
        ]
        definition = flow(
            p={"type": "parallel", "branches": branches}, q={"type": "noop", "depends_on": ["p"]}
        )
        async with harness() as h:
            id = await held_at(h, definition)
            await h.engine.skip(id, "p", ["given"])
            view = await h.finish(id)
            found = {task["path"]: task["status"] for task in view["tasks"]}
            assert found == {"p": "succeeded", "p/x": "cancelled", "p/y": "cancelled", "q": "succeeded"}
            assert STATE["cancelled"] == ["p/x"] and view["status"] == "completed"

    async def test_one_item_of_a_map_is_given_its_output(self) -> None:
        definition = flow(m={"type": "map", "input": {"items": [1, 2]}, "task": {"type": "held"}})
        async with harness() as h:
            id = await held_at(h, definition)
            await h.engine.skip(id, "m[1]", {"n": 9})
            STATE["gate"].set()
            view = await h.finish(id)
            assert view["status"] == "completed"
            assert view["tasks"][0]["items"]["succeeded"] == 2

    async def test_a_task_that_waits_for_others_is_skipped_before_its_turn(self) -> None:
        async with harness() as h:
            id = await held_at(h, HELD)
            await h.engine.skip(id, "b", {"ready": True})
            STATE["gate"].set()
            view = await h.finish(id)
            assert view["tasks"][1]["output"] == {"ready": True} and view["status"] == "completed"

    async def test_its_child_ends_with_it(self) -> None:
        async with harness() as h:
            id = await held_at(h, PARENT)
            child = (await h.engine.get(id))["tasks"][0]["child"]
            await h.engine.skip(id, "s", 1)
            assert (await h.finish(id))["status"] == "completed"
            assert (await h.finish(child))["status"] == "cancelled"

    async def test_what_has_ended_is_refused(self) -> None:
        async with harness() as h:
            STATE["gate"].set()
            id = await h.engine.start(flow(a={"type": "held"}, w={"type": "wait", "input": {"duration": 9}}))
            await h.seen(id, "TaskSucceeded")
            with pytest.raises(NothingToResolve, match="it has ended as succeeded") as found:
                await h.engine.skip(id, "a", 1)
            assert found.value.refusal.code == "task-finished"


class TestVariables:
    async def test_they_are_set_while_it_is_paused(self) -> None:
        async with harness() as h:
            id = await held_at(h, LIMITED)
            with pytest.raises(ActionRefused, match="while it is paused") as found:
                await h.engine.set_variables(id, {"limit": 2})
            assert found.value.code == "not-paused"
            await h.engine.pause(id)
            with pytest.raises(ActionRefused, match="known: limit"):
                await h.engine.set_variables(id, {"limt": 2})
            with pytest.raises(InputInvalid):
                await h.engine.set_variables(id, {"limit": "x" * 70_000})
            await h.engine.set_variables(id, {"limit": 2}, actor={"kind": "person", "id": "ann"})
            event = await h.seen(id, "VariablesSet")
            assert event["actor"] == {"kind": "person", "id": "ann"} and event["data"]["values"] == {
                "limit": 2
            }
            await h.engine.resume(id)
            STATE["gate"].set()
            assert (await h.finish(id))["tasks"][1]["output"] == {"limit": 2}

    async def test_those_of_an_open_composite(self) -> None:
        tasks = {"x": {"type": "held"}, "y": {"type": "noop", "depends_on": ["x"], "input": "${vars.n}"}}
        definition = flow(
            s={"type": "group", "vars": {"n": 0}, "tasks": tasks, "output": "${tasks.y.output}"}
        )
        async with harness() as h:
            id = await held_at(h, definition)
            await h.engine.pause(id)
            for path, code in (("", "variable-unknown"), ("s/x", "scope-not-open"), ("z", "scope-not-open")):
                with pytest.raises(ActionRefused) as found:
                    await h.engine.set_variables(id, {"n": 3}, path)
                assert found.value.code == code
            await h.engine.set_variables(id, {"n": 3}, "s")
            await h.engine.resume(id)
            STATE["gate"].set()
            assert (await h.finish(id))["tasks"][0]["output"] == 3


class TestPriority:
    async def test_of_the_definition_the_start_and_a_person(self) -> None:
        async with harness() as h:
            urgent = {**WAIT, "priority": 10}
            for given, found in ((None, 10), (-3, -3)):
                id = await h.engine.start(urgent, priority=given)
                assert h.engine._driver.lives[id].state.control.priority == found
            assert (await h.engine.prioritise(id, 100)).changed
            assert not (await h.engine.prioritise(id, 100)).changed
            assert h.engine._driver.lives[id].state.control.priority == 100
            for wrong in (101, True, "7"):
                with pytest.raises(InputInvalid):
                    await h.engine.prioritise(id, wrong)  # type: ignore[arg-type]
            with pytest.raises(InputInvalid):
                await h.engine.start(urgent, priority=101)


class TestAllowed:
    async def test_what_is_allowed_says_why_the_rest_is_not(self) -> None:
        async with harness() as h:
            id = await held_at(h, HELD)
            found = await h.engine.allowed_actions(id)
            whole, tasks = found["execution"], found["tasks"]
            assert whole["pause"]["allowed"] and whole["resume"]["code"] == "not-paused"
            assert tasks["a"]["skip"]["allowed"] and tasks["a"]["retry"]["code"] == "task-not-stopped"
            await h.engine.cancel(id)
            found = await h.engine.allowed_actions(id)
            assert [name for name, one in found["execution"].items() if one["allowed"]] == ["rerun", "fork"]
            assert {one["code"] for one in found["tasks"]["a"].values()} == {"execution-finished"}


async def test_a_final_status_is_never_overwritten() -> None:
    """A late pause must not make an ended execution one that goes on (Netflix/conductor #3491)."""
    async with harness() as h:
        id = await h.engine.start(flow(a={"type": "noop"}))
        await h.engine.wait(id)
        head = await h.engine.backend.head(id)
        assert head is not None
        for kind in ("pause", "resume", "terminate", "set", "priority", "skip"):
            request = h.engine._requests.row(id, kind, {"path": "a", "priority": 1}, None, kind)
            await h.engine.backend.add_request(request)
            h.engine._driver.hand_over(request)
        with pytest.raises(ExecutionFinished):
            await h.engine.pause(id)
        assert await h.engine.backend.head(id) == head


async def test_a_pause_asked_for_while_the_store_is_away_is_not_lost() -> None:
    async with harness() as h:
        id = await held_at(h, HELD)
        store = Failing(h.engine)
        store.error = StateUnavailable("gone")
        async with anyio.create_task_group() as group:
            group.start_soon(h.engine.pause, id)
            while store.refused < 3:
                await on(h.clock)
            STATE["gate"].set()
            store.error = None
            while (await h.engine.get(id))["status"] != "paused":
                await on(h.clock)
        assert await h.engine.wait(id) == "paused"
        await h.engine.resume(id)
        assert (await h.finish(id))["status"] == "completed"
