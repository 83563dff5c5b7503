"""Timeouts, heartbeats, cancellation and its grace: each attempt ends in time, whatever it does."""

import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import anyio
import pytest
from anyio.to_thread import run_sync

from harmonia_core.contracts.task_type import task_type
from harmonia_core.model.outcomes import ErrorInfo

pytestmark = pytest.mark.anyio


async def forever(ctx: Any, input: Any) -> None:
    await anyio.sleep_forever()


async def quick(ctx: Any, input: Any) -> str:
    return "alive"


def in_thread(ctx: Any, input: Any) -> str:
    return "alive"


async def test_an_async_attempt_past_its_timeout_fails(bench: Any) -> None:
    async with bench() as b:
        outcome = await b.run(forever, timeout=0.02)
        assert (await b.run(quick, path="u", timeout=5)).output == "alive"
    assert outcome.error == ErrorInfo("timeout", "attempt-timeout", "The attempt took longer than 0.02 s.")
    assert not outcome.abandoned and b.dispatcher.abandoned == 0


async def test_the_task_types_own_timeout_is_the_default(bench: Any) -> None:
    @task_type("slow", timeout=0.02)
    async def slow(ctx: Any, input: Any) -> None:
        await anyio.sleep_forever()

    async with bench() as b:
        assert (await b.fails(slow)).code == "attempt-timeout"


async def test_a_result_after_the_timeout_is_too_late(bench: Any) -> None:
    async def late(ctx: Any, input: Any) -> str:
        try:
            await anyio.sleep_forever()
        finally:
            return "late"  # noqa: B012

    async with bench() as b:
        assert (await b.fails(late, timeout=0.02)).code == "attempt-timeout"


async def test_a_plain_function_is_told_and_may_stop_in_its_grace(bench: Any) -> None:
    def polite(ctx: Any, input: Any) -> None:
        while not ctx.cancelled:
            time.sleep(0.001)

    async with bench() as b:
        outcome = await b.run(polite, timeout=0.02)
    assert outcome.error.code == "attempt-timeout" and not outcome.abandoned


async def test_a_plain_function_that_never_answers_is_abandoned(bench: Any) -> None:
    release = threading.Event()
    later: list[Any] = []

    def deaf(ctx: Any, input: Any) -> str:
        release.wait(10)
        ctx.log("info", "too late")
        print("too late")
        later.append(ctx.cancelled)
        return "too late"

    async with bench(cancel_grace=0.02, threads=1) as b:
        outcome = await b.run(deaf, timeout=0.02)
        assert (await b.run(quick, path="u")).output == "alive"
        # The thread of the abandoned attempt does not count against the limit.
        assert (await b.run(in_thread, path="v")).output == "alive"
        release.set()
        with anyio.fail_after(5):
            while not later:
                await anyio.sleep(0.001)
    assert outcome.abandoned and outcome.error.code == "attempt-timeout"
    assert b.dispatcher.abandoned == 1 and later == [True]
    assert [one.text for one in b.logged()] == [
        "The attempt did not stop within 0.02 s; it was abandoned and may still be running."
    ]
    assert len(b.delivered) == 3


OVER: list[bool] = []


@pytest.fixture(scope="module", autouse=True)
def _over() -> Iterator[None]:
    """Let what never answers end when the interpreter does, without a word; its globals are gone by then."""
    yield
    OVER.append(True)


async def swallowing(
    ctx: Any, input: Any, over: Any = OVER, quiet: Any = suppress, forever: Any = anyio.sleep_forever
) -> None:
    while not over:
        with quiet(BaseException):
            await forever()


async def shielded(ctx: Any, input: Any) -> None:
    with anyio.CancelScope(shield=True):
        await anyio.sleep_forever()


async def own_scopes(
    ctx: Any, input: Any, over: Any = OVER, quiet: Any = suppress, scope: Any = anyio.CancelScope
) -> None:
    while not over:
        with quiet(BaseException), scope(shield=True):
            await anyio.sleep_forever()


@pytest.mark.parametrize("task", [swallowing, shielded, own_scopes])
async def test_an_async_function_that_never_answers_is_let_go(bench: Any, task: Any) -> None:
    async with bench(cancel_grace=0.02) as b:
        outcome = await b.run(task, timeout=0.02)
        assert outcome.abandoned and outcome.error.code == "attempt-timeout"
        assert (await b.run(quick, path="u")).output == "alive"
    assert b.dispatcher.abandoned == 1


async def test_an_async_function_stuck_in_a_thread_of_its_own_is_let_go(bench: Any) -> None:
    release = threading.Event()

    inside = anyio.Event()

    def hold() -> None:
        anyio.from_thread.run_sync(inside.set)
        release.wait(10)

    async def stuck(ctx: Any, input: Any) -> None:
        await run_sync(hold)

    async with bench(cancel_grace=0.02) as b:
        key = b.start(stuck)
        await inside.wait()
        b.dispatcher.cancel("e")
        outcome = await b.outcome(key)
        release.set()
    assert (outcome.kind, outcome.abandoned) == ("cancelled", True)


async def test_cancel_ends_all_attempts_of_an_execution_or_one(bench: Any) -> None:
    async with bench() as b:
        keys = [b.start(forever, path=path) for path in ("a", "b", "c")]
        other = b.start(forever, execution="f")
        await anyio.sleep(0.01)
        b.dispatcher.cancel("e", "b")
        assert (await b.outcome(keys[1])).kind == "cancelled"
        assert len(b.delivered) == 1 and set(b.dispatcher.in_flight("e")) == {keys[0], keys[2]}
        b.dispatcher.cancel("e")
        b.dispatcher.cancel("e")
        b.dispatcher.cancel("unknown")
        assert {(await b.outcome(key)).kind for key in keys} == {"cancelled"}
        assert list(b.dispatcher.in_flight("f")) == [other]
    assert len(b.delivered) == 3


async def test_what_is_cancelled_before_it_begins_never_runs(bench: Any) -> None:
    ran: list[int] = []

    async def task(ctx: Any, input: Any) -> None:
        ran.append(1)

    async with bench() as b:
        key = b.start(task)
        b.dispatcher.cancel("e")
        assert (await b.outcome(key)).kind == "cancelled"
    assert not ran


async def test_a_plain_attempt_that_waits_for_a_thread_is_cancelled_at_once(bench: Any) -> None:
    release = threading.Event()

    def holding(ctx: Any, input: Any) -> None:
        release.wait(10)

    async with bench(threads=1) as b:
        first = b.start(holding, path="a")
        second = b.start(holding, path="b", timeout=0.0001)  # begins only with its thread
        await anyio.sleep(0.02)
        assert not b.delivered
        b.dispatcher.cancel("e", "b")
        assert (await b.outcome(second)).kind == "cancelled"
        release.set()
        assert (await b.outcome(first)).kind == "succeeded"


async def test_a_task_may_cancel_its_own_execution(bench: Any) -> None:
    async with bench() as b:

        async def task(ctx: Any, input: Any) -> None:
            b.dispatcher.cancel(ctx.execution)
            await anyio.sleep_forever()

        assert (await b.run(task)).kind == "cancelled"
        assert (await b.run(quick, path="u")).output == "alive"


async def test_drop_stops_attempts_and_delivers_nothing(bench: Any) -> None:
    stopped: list[str] = []

    async def task(ctx: Any, input: Any) -> None:
        try:
            await anyio.sleep_forever()
        finally:
            stopped.append(ctx.path)

    async with bench() as b:
        b.start(task, path="a")
        b.start(task, path="b")
        await anyio.sleep(0.01)
        b.dispatcher.drop("e")
        assert not b.dispatcher.in_flight("e")
        with anyio.fail_after(5):
            while len(stopped) < 2:
                await anyio.sleep(0.001)
        assert (await b.run(quick, path="u")).output == "alive"
    assert len(b.delivered) == 1


@pytest.mark.parametrize("task", [forever, swallowing, shielded])
async def test_closing_ends_everything_and_delivers_nothing(bench: Any, task: Any) -> None:
    async with bench(cancel_grace=0.05) as b:
        b.start(task)
        await anyio.sleep(0.01)
        await b.dispatcher.aclose()
        b.start(quick, path="u")
    assert not b.delivered


async def test_closing_works_while_the_group_is_being_cancelled(bench: Any) -> None:
    with anyio.fail_after(5):
        async with bench(cancel_grace=0.05) as b:
            for number, task in enumerate((forever, swallowing, shielded)):
                b.start(task, path=f"t[{number}]")
            await anyio.sleep(0.01)
            b.group.cancel_scope.cancel()
    assert not b.delivered


async def test_silence_past_the_heartbeat_timeout_fails(bench: Any) -> None:
    async def beating(ctx: Any, input: Any) -> None:
        for _ in range(3):
            await anyio.sleep(0.1)
            ctx.heartbeat()
        await anyio.sleep_forever()

    async with bench() as b:
        before = time.monotonic()
        error = await b.fails(beating, heartbeat_timeout=0.25)
    assert error == ErrorInfo("heartbeat", "heartbeat-timeout", "No heartbeat for 0.25 s.")
    assert time.monotonic() - before >= 0.55


async def test_a_plain_function_beats_from_its_thread(bench: Any) -> None:
    def beating(ctx: Any, input: Any) -> str:
        for _ in range(6):
            time.sleep(0.1)
            ctx.heartbeat({"at": 1})
        return "done"

    async with bench() as b:
        assert (await b.run(beating, heartbeat_timeout=0.5)).output == "done"


async def test_the_watch_of_ended_attempts_is_swept(bench: Any) -> None:
    async with bench() as b:
        keys = [b.start(quick, path=f"t[{n}]", timeout=60) for n in range(5000)]
        await b.outcome(keys[-1])
        assert len(b.delivered) == 5000
        assert len(b.dispatcher._services.watchdog._heap) <= 1001


async def test_an_execution_deadline_is_told_with_the_attempts_own(bench: Any) -> None:
    async def told(ctx: Any, input: Any) -> Any:
        return ctx.deadline

    async with bench() as b:
        now = time.time()
        assert (await b.run(told)).output is None
        assert (await b.run(told, path="a", deadline=now + 9)).output == now + 9
        assert (await b.run(told, path="b", deadline=now + 9, timeout=60)).output == now + 9
        assert now + 3 <= (await b.run(told, path="c", deadline=now + 9, timeout=3)).output < now + 9


async def test_a_bug_in_the_engine_is_loud(bench: Any) -> None:
    def broken(outcome: Any) -> None:
        raise AssertionError("a bug")

    with pytest.raises(BaseExceptionGroup) as caught:
        async with bench() as b:
            b.dispatcher._deliver = broken
            b.start(quick)
            await anyio.sleep_forever()
    assert caught.group_contains(AssertionError, match="a bug")
