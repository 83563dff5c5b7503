"""Retries, timeouts and waits of a real engine, on a clock that skips."""

from typing import Any

import anyio
import pytest

from harmonia_core import RetryableError, TaskContext, TaskError, task_type
from harmonia_core.testing.clock import START, FakeClock
from harmonia_core.testing.harness import Harness

pytestmark = pytest.mark.anyio
CALLS: list[Any] = []


@pytest.fixture(autouse=True)
def calls() -> list[Any]:
    CALLS.clear()
    return CALLS


@task_type("flaky")
async def flaky(ctx: TaskContext, input: dict[str, Any]) -> dict[str, Any]:
    """Fail until the attempt that the input names."""
    CALLS.append((ctx.attempt, ctx.idempotency_key))
    if ctx.attempt < input["good"]:
        raise RetryableError("not yet", code="not-yet", retry_after=input.get("retry_after"))
    return {"attempt": ctx.attempt}


@task_type("sleeper")
async def sleeper(ctx: TaskContext, input: dict[str, Any]) -> None:
    """Never end by itself."""
    CALLS.append(ctx.attempt)
    await anyio.sleep_forever()


@task_type("later")
async def later(ctx: TaskContext, input: dict[str, Any]) -> None:
    """End when somebody completes it."""
    CALLS.append(ctx.defer())


@task_type("plain")
def plain(ctx: TaskContext, input: dict[str, Any]) -> str:
    """Run in a thread."""
    raise TaskError("no", code="refused", category="client", retryable=False)


def one(type: str, input: Any = None, **more: Any) -> dict[str, Any]:
    """Return a workflow of one task."""
    workflow = {key: more.pop(key) for key in ("timeout",) if key in more and more.pop("whole", False)}
    return {"name": "one", "tasks": {"t": {"type": type, "input": input or {}, **more}}, **workflow}


def the_task(view: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = view["tasks"][0]
    return found


async def test_retries_are_durable_timers() -> None:
    async with Harness(flaky) as harness:
        policy = {"max_retries": 3, "initial_delay": 100, "max_delay": 150, "jitter": 0}
        view = await harness.run(one("flaky", {"good": 4}, retry_policy=policy))
        assert view["status"] == "completed" and the_task(view)["output"] == {"attempt": 4}
        assert the_task(view)["max_attempts"] == 4
        events = await harness.events(view["id"])
        delays = [event["data"]["delay"] for event in events if event["type"] == "RetryScheduled"]
        assert delays == [100.0, 150.0, 150.0]
        assert harness.clock.now() == START + 400
        assert [(n, f"{view['id']}:t") for n in (1, 2, 3, 4)] == CALLS


async def test_a_larger_retry_after_wins_and_is_capped_at_a_day() -> None:
    async with Harness(flaky) as harness:
        policy = {"max_retries": 1, "initial_delay": 1, "jitter": 0}
        await harness.run(one("flaky", {"good": 2, "retry_after": 70}, retry_policy=policy))
        assert harness.clock.now() == START + 70
        await harness.run(one("flaky", {"good": 2, "retry_after": 1e6}, retry_policy=policy))
        assert harness.clock.now() == START + 70 + 86_400


async def test_the_jitter_that_was_drawn_is_recorded() -> None:
    async with Harness(flaky) as harness:
        policy = {"max_retries": 1, "initial_delay": 100, "max_delay": 100, "jitter": 0.5}
        view = await harness.run(one("flaky", {"good": 2}, retry_policy=policy))
        data = (await harness.seen(view["id"], "RetryScheduled"))["data"]
        assert -1 <= data["jitter"] <= 1
        assert data["delay"] == pytest.approx(100 * (1 + 0.5 * data["jitter"]))


async def test_the_last_failure_counts_when_retries_are_used_up() -> None:
    async with Harness(flaky) as harness:
        view = await harness.run(one("flaky", {"good": 9}, retry_policy={"max_retries": 2}))
        assert view["status"] == "failed" and view["failed_tasks"] == ["t"]
        assert view["error"]["code"] == "not-yet" and the_task(view)["attempt"] == 3


async def test_without_a_policy_there_is_one_attempt() -> None:
    async with Harness(flaky, plain) as harness:
        view = await harness.run(one("flaky", {"good": 2}))
        assert the_task(view)["attempt"] == 1 and view["status"] == "failed"
        view = await harness.run(one("plain", retry_policy={"max_retries": 5}))
        assert the_task(view)["attempt"] == 1 and view["error"]["code"] == "refused"


async def test_an_attempt_has_its_timeout_and_is_tried_again() -> None:
    async with Harness(sleeper) as harness:
        view = await harness.run(one("sleeper", timeout=0.02, retry_policy={"max_retries": 1}))
        assert view["status"] == "failed" and CALLS == [1, 2]
        assert (view["error"]["category"], view["error"]["code"]) == ("timeout", "attempt-timeout")


async def test_a_deferred_attempt_has_its_timeout() -> None:
    async with Harness(later) as harness:
        view = await harness.run(one("later", timeout=60, retry_policy={"max_retries": 1, "jitter": 0}))
        assert view["error"]["code"] == "attempt-timeout" and len(CALLS) == 2
        assert harness.clock.now() == START + 60 + 1 + 60


async def test_total_timeout_while_an_attempt_runs() -> None:
    async with Harness(sleeper) as harness:
        workflow = one("sleeper", total_timeout=500, retry_policy={"max_retries": 5})
        execution = await harness.engine.start(workflow)
        await harness.seen(execution, "TaskScheduled")
        harness.clock.advance(499)
        assert not (await harness.engine.get(execution))["error"]
        harness.clock.advance(1)
        view = await harness.finish(execution)
        assert view["status"] == "failed" and view["error"]["code"] == "total-timeout"
        assert CALLS == [1]


async def test_total_timeout_in_backoff() -> None:
    async with Harness(flaky) as harness:
        policy = {"max_retries": 5, "initial_delay": 60, "jitter": 0}
        view = await harness.run(one("flaky", {"good": 9}, total_timeout=90, retry_policy=policy))
        assert view["error"]["code"] == "total-timeout" and not view["error"]["retryable"]
        assert harness.clock.now() == START + 90 and len(CALLS) == 2


async def test_total_timeout_of_a_deferred_attempt() -> None:
    async with Harness(later) as harness:
        view = await harness.run(one("later", total_timeout=30, retry_policy={"max_retries": 5}))
        assert view["error"]["code"] == "total-timeout" and harness.clock.now() == START + 30


async def test_a_wait_takes_its_time() -> None:
    async with Harness() as harness:
        view = await harness.run(one("wait", {"duration": "PT1H"}))
        assert view["status"] == "completed" and the_task(view)["output"] is None
        assert harness.clock.now() == START + 3600


async def test_a_wait_of_no_duration_fails() -> None:
    async with Harness() as harness:
        workflow = one("wait", {"duration": "${input.d}"})
        view = await harness.run(workflow, {"d": "soon"})
        assert view["status"] == "failed" and view["error"]["code"] == "input-invalid"


async def test_the_deadline_of_an_execution_ends_what_runs_and_what_waits() -> None:
    tasks = {
        "runs": {"type": "sleeper"},
        "waits": {"type": "wait", "input": {"duration": 7200}},
        "after": {"type": "noop", "depends_on": "waits"},
    }
    async with Harness(sleeper) as harness:
        execution = await harness.engine.start({"name": "w", "timeout": 3600, "tasks": tasks})
        await harness.seen(execution, "TimerSet")
        harness.clock.advance(3600)
        view = await harness.finish(execution)
        assert view["status"] == "failed" and view["error"]["code"] == "execution-timeout"
        assert view["counts"] == {"cancelled": 3} and view["failed_tasks"] == []


async def test_a_cancel_ends_backoff_deferred_and_running_attempts() -> None:
    policy = {"max_retries": 1, "initial_delay": 60}
    tasks = {
        "backoff": {"type": "flaky", "input": {"good": 9}, "retry_policy": policy},
        "blocked": {"type": "later"},
        "running": {"type": "sleeper"},
        "map": {
            "type": "map",
            "input": {"items": [1, 2, 3]},
            "max_concurrency": 2,
            "task": {"type": "sleeper"},
        },
    }
    async with Harness(flaky, later, sleeper) as harness:
        execution = await harness.engine.start({"name": "w", "tasks": tasks})
        await harness.seen(execution, "RetryScheduled")
        await harness.seen(execution, "TaskDeferred")
        await harness.engine.cancel(execution, "enough", actor={"kind": "person", "id": "ada"})
        view = await harness.engine.get(execution)
        assert (view["status"], view["reason"], view["counts"]) == ("cancelled", "enough", {"cancelled": 4})
        asked = await harness.seen(execution, "CancelRequested")
        assert asked["actor"] == {"kind": "person", "id": "ada"}
        await harness.engine.cancel(execution)


async def test_a_clock_wakes_who_is_due_and_nobody_else() -> None:
    clock, woken = FakeClock(0.0), []

    async def sleep(due: float) -> None:
        await clock.sleep_until(due)
        woken.append(due)

    async with anyio.create_task_group() as group:
        for due in (-1.0, 5.0, 9.0):
            group.start_soon(sleep, due)
        await anyio.wait_all_tasks_blocked()
        assert woken == [-1.0] and clock.next_due == 5.0
        clock.advance(6.0)
        await anyio.wait_all_tasks_blocked()
        assert woken == [-1.0, 5.0] and clock.now() == 6.0
        clock.advance_to(3.0)
        assert clock.now() == 6.0
        clock.advance_to(9.0)
    assert woken == [-1.0, 5.0, 9.0] and clock.next_due is None


async def test_skipped_time_stops_at_a_timer_that_was_set_a_moment_ago() -> None:
    waits = {"type": "map", "input": {"range": {"stop": 3}}, "max_concurrency": 1}
    waits["task"] = {"type": "wait", "input": {"duration": 1}}
    async with Harness() as harness:
        view = await harness.run({"name": "w", "timeout": 10, "tasks": {"waits": waits}})
        assert view["status"] == "completed", "the clock was at the deadline before the second wait"
        assert harness.clock.now() == START + 3


async def test_skipped_time_goes_on_behind_a_timer_of_what_has_ended() -> None:
    first = {"type": "wait", "input": {"duration": 9}, "total_timeout": 7}
    last = {"task": {"type": "wait", "input": {"duration": 3}}}
    async with Harness() as harness:
        view = await harness.run({"name": "w", "tasks": {"first": {**first, "finally": last}}}, limit=5)
        assert view["status"] == "failed" and harness.clock.now() == START + 10
