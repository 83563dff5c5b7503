"""What only the store and its engines know of why something does not go on: owners, requests, children."""

import threading
from collections.abc import Sequence
from typing import Any

import anyio
import pytest
from anyio.lowlevel import checkpoint

from harmonia_core import Unit, task_type
from harmonia_core.contracts.rows import HeartbeatRow, RequestRow
from harmonia_core.errors import StateBackendError, StateUnavailable
from harmonia_core.host import (
    Engine,
    ExecutionNotFound,
    KernelSettings,
    TaskNotFound,
    create_backend,
    load_plugins,
)
from harmonia_core.testing.clock import START, FakeClock

GATE: list[anyio.Event] = []
DOORS: list[threading.Event] = []


@pytest.fixture(autouse=True)
def gates() -> Any:
    GATE[:], DOORS[:] = [anyio.Event()], [threading.Event()]
    yield
    DOORS[0].set()


@task_type("held")
async def held(ctx: Any, input: Any) -> str:
    """Wait at the gate."""
    await GATE[0].wait()
    return "done"


@task_type("held", idempotent=False)
async def changed(ctx: Any, input: Any) -> str:
    """Stand for another version of the type, which may not be run twice."""
    return "done"


@task_type("plain")
def plain(ctx: Any, input: Any) -> str:
    """Keep a thread until the door opens."""
    DOORS[0].wait(10)
    return "done"


@task_type("stubborn")
async def stubborn(ctx: Any, input: Any) -> str:
    """Heed no cancellation until the door opens."""
    with anyio.CancelScope(shield=True):
        while not DOORS[0].is_set():
            await checkpoint()
    return "done"


@task_type("silent", heartbeat_timeout=5.0)
async def silent(ctx: Any, input: Any) -> str:
    """Show one sign of life, and no other."""
    ctx.heartbeat()
    await GATE[0].wait()
    return "done"


@task_type("broken")
async def broken(ctx: Any, input: Any) -> str:
    """Fail."""
    raise ValueError("No.")


TYPES = (held, plain, stubborn, silent, broken)


def make(url: str, *types: Any, at: float = START, **settings: Any) -> Engine:
    told = KernelSettings(**settings)
    plugins = load_plugins(told, extra=types or TYPES)
    return Engine(create_backend(f"memory://{url}", plugins, told), plugins, told, FakeClock(at))


def flow(**tasks: Any) -> dict[str, Any]:
    return {"name": "flow", "tasks": tasks}


HELD = flow(work={"type": "held"})


def die(engine: Engine) -> None:
    """Take away an engine's sign of life, as the end of its process would."""
    engine.backend._store.alive.discard(engine.engine_id)  # type: ignore[attr-defined]


def deaf(engine: Engine) -> None:
    """Let an engine take no request and no timer any more, as a stopped process does."""
    engine._driver.hand_over = lambda *requests: None  # type: ignore[method-assign]


async def begun(engine: Engine, definition: dict[str, Any], kind: str = "TaskScheduled") -> str:
    """Start an execution, and return its id once an event of a kind is recorded."""
    execution_id = await engine.start(definition)
    with anyio.fail_after(10):
        while kind not in [event["type"] async for event in engine.events(execution_id)]:
            await checkpoint()
    return execution_id


def codes(found: dict[str, Any]) -> list[str]:
    return [one["code"] for one in found["causes"]]


async def test_the_shape_of_an_answer() -> None:
    async with make("shape") as engine:
        execution_id = await begun(
            engine, flow(work={"type": "held"}, next={"type": "held", "depends_on": ["work"]})
        )
        found = await engine.explain(execution_id, "next")
    assert list(found) == ["execution", "path", "status", "as_of", "progressing", "causes"]
    assert (found["execution"], found["path"], found["status"]) == (execution_id, "next", "running")
    assert (found["as_of"], found["progressing"]) == ("2026-01-01T00:00:00.000000Z", True)
    cause = found["causes"][0]
    assert list(cause) == [
        "code", "needs", "execution", "path", "since", "until", "blocking", "message", "help", "chain",
    ]  # fmt: skip
    assert cause["chain"] == [
        {"execution": execution_id, "path": "next", "status": "waiting"},
        {"execution": execution_id, "path": "work", "status": "running"},
    ]


async def test_what_is_not_there_is_refused() -> None:
    async with make("refused") as engine:
        execution_id = await begun(engine, HELD)
        with pytest.raises(TaskNotFound, match="did you mean 'work'"):
            await engine.explain(execution_id, "wrk")
        with pytest.raises(ExecutionNotFound):
            await engine.explain("nobody")


async def test_what_has_ended_is_nothing_wrong() -> None:
    async with make("ended") as engine:
        execution_id = await engine.start(flow(a={"type": "broken"}))
        await engine.wait(execution_id)
        found = await engine.explain(execution_id)
    assert (codes(found), found["progressing"], found["status"]) == (["ended"], False, "failed")
    assert "No." in found["causes"][0]["message"]


async def test_since_when_is_read_from_the_log_where_the_state_does_not_say() -> None:
    async with make("moments") as engine:
        policy = {"max_retries": 1, "initial_delay": 60, "jitter": 0}
        gate = {"type": "wait", "input": {"duration": 5}}
        task = {"type": "broken", "retry_policy": policy, "depends_on": ["gate"]}
        execution_id = await begun(engine, flow(gate=gate, a=task), "TimerSet")
        engine._clock.advance(5)  # type: ignore[attr-defined]
        with anyio.fail_after(10):
            while "RetryScheduled" not in [e["type"] async for e in engine.events(execution_id)]:
                await checkpoint()
        engine._clock.advance(3)  # type: ignore[attr-defined]
        [cause] = (await engine.explain(execution_id))["causes"]
    assert (cause["code"], cause["since"], cause["until"]) == (
        "retry-backoff", "2026-01-01T00:00:05.000000Z", "2026-01-01T00:01:05.000000Z",
    )  # fmt: skip


async def test_an_owner_that_is_dead_is_named_with_what_it_had_at_work() -> None:
    async with make("dead") as first, make("dead", at=START + 90) as second:
        execution_id = await begun(first, HELD)
        assert codes(await second.explain(execution_id)) == ["attempt-running"]
        die(first)
        found = await second.explain(execution_id)
    assert (codes(found), found["progressing"]) == (["owner-dead", "attempt-orphaned"], False)
    cause = found["causes"][0]
    assert (
        cause["blocking"]["id"] == first.engine_id and cause["blocking"]["pid"] and cause["blocking"]["host"]
    )
    assert (cause["since"], cause["help"]) == ("2026-01-01T00:00:00.000000Z", ["harmonia recover"])
    assert cause["blocking"]["others_alive"] == 1


async def test_an_execution_that_nobody_owns_waits_for_who_adopts() -> None:
    async with make("nobody") as first, make("nobody") as second:
        execution_id = await begun(first, HELD)
        die(first)
        await second.signal(execution_id, "hello")  # recorded by the caller, who then lets go
        found = await second.explain(execution_id)
    assert codes(found)[0] == "no-owner" and found["causes"][0]["blocking"]["id"] is None


async def test_an_engine_that_adopts_says_when_it_looks_again() -> None:
    async with make("adopts") as first, make("adopts", adopt_orphans=True, adopt_interval=500.0) as second:
        execution_id = await begun(first, HELD)
        die(first)
        cause = (await second.explain(execution_id))["causes"][0]
    assert (cause["code"], cause["until"]) == ("adoption-due", "2026-01-01T00:16:40.000000Z")


async def test_a_task_type_that_is_missing_here_is_named() -> None:
    async with make("missing") as first, make("missing", plain) as second:
        execution_id = await begun(first, HELD)
        die(first)
        found = await second.explain(execution_id)
    assert sorted(codes(found)[:2]) == ["owner-dead", "plugin-missing"]
    cause = next(one for one in found["causes"] if one["code"] == "plugin-missing")
    assert "no plugin provides the task type 'held'" in cause["message"]


async def test_a_task_type_that_has_changed_is_told() -> None:
    async with make("changed") as first, make("changed", changed) as second:
        execution_id = await begun(first, HELD)
        die(first)
        found = await second.explain(execution_id)
    assert "definition-changed" in codes(found)[:2]


async def test_a_request_that_waits_is_told_and_one_that_waits_too_long_names_the_way_out() -> None:
    async with make("deaf") as first, make("deaf", at=START + 5) as second:
        execution_id = await begun(first, HELD)
        deaf(first)
        row = RequestRow("r", execution_id, "default", "cancel", '{"reason": null}', None, START)
        await second.backend.add_request(row)
        early = await second.explain(execution_id)
        second._clock.advance(20)  # type: ignore[attr-defined]
        late = await second.explain(execution_id)
    assert codes(early) == ["request-waiting", "attempt-running"]
    assert codes(late) == ["owner-not-answering", "attempt-running"] and not late["progressing"]
    cause = late["causes"][0]
    assert cause["help"] == [f"harmonia recover --take-over {execution_id}"]
    assert (cause["since"], cause["blocking"]["kinds"]) == ("2026-01-01T00:00:00.000000Z", ["cancel"])
    assert cause["blocking"]["id"] == first.engine_id and cause["blocking"]["pid"]


async def test_a_timer_that_its_engine_lets_pass_is_told() -> None:
    nap = flow(nap={"type": "wait", "input": {"duration": 10}})
    async with make("overdue") as first, make("overdue", at=START + 39) as second:
        execution_id = await begun(first, nap, "TimerSet")
        assert codes(await second.explain(execution_id)) == ["timer-running"]
        second._clock.advance(5)  # type: ignore[attr-defined]
        found = await second.explain(execution_id)
    cause = found["causes"][0]
    assert (cause["code"], cause["path"], cause["since"]) == (
        "timer-overdue",
        "nap",
        "2026-01-01T00:00:10.000000Z",
    )


async def test_an_attempt_that_is_silent_for_too_long_is_told() -> None:
    async with make("silent") as first, make("silent", at=START + 30) as second:
        execution_id = await begun(first, flow(work={"type": "silent"}))
        await first.backend.beat([HeartbeatRow(execution_id, "work", 1, START + 25, "null")])
        found = await second.explain(execution_id)
        assert codes(found) == ["attempt-running"]
        assert found["causes"][0]["blocking"]["last_heartbeat"] == "2026-01-01T00:00:25.000000Z"
        second._clock.advance(10)  # type: ignore[attr-defined]
        found = await second.explain(execution_id)
    assert (codes(found), found["causes"][0]["since"]) == (
        ["heartbeat-overdue"],
        "2026-01-01T00:00:25.000000Z",
    )


async def test_a_plain_function_waits_for_a_thread() -> None:
    async with make("threads", threads=1) as engine:
        execution_id = await begun(engine, flow(a={"type": "plain"}, b={"type": "plain"}))
        with anyio.fail_after(10):
            while (crowd := engine._driver.dispatcher.crowd()) is None or not crowd.inside:
                await checkpoint()
        found = await engine.explain(execution_id)
        assert codes(found) == ["threads-full", "attempt-running"]
        full = found["causes"][0]
        assert (full["path"], full["blocking"]["size"]) == ("b", 1)
        assert full["blocking"]["by"] == [{"execution": execution_id, "path": "a"}]
        DOORS[0].set()
        await engine.wait(execution_id)


class Failing:
    """Let a backend refuse what is to be written."""

    def __init__(self, engine: Engine) -> None:
        engine.backend.submit = self.submit  # type: ignore[method-assign]

    def submit(self, units: Sequence[Unit], done: Any) -> None:
        error: StateBackendError = StateUnavailable("The disk is full.")
        done([(unit, error) for unit in units])


async def test_an_engine_that_waits_for_its_store_says_so() -> None:
    async with make("outage") as engine:
        execution_id = await begun(engine, HELD)
        Failing(engine)
        GATE[0].set()
        with anyio.fail_after(10):
            while not engine.patience.tried:
                await checkpoint()
        found = await engine.explain(execution_id)
        assert codes(found)[0] == "store-unavailable" and not found["progressing"]
        assert found["causes"][0]["until"] == "2026-01-01T00:00:30.000000Z"

        async def gone(execution_id: str) -> None:
            raise StateUnavailable("The store is gone.")

        engine.backend.head = gone  # type: ignore[method-assign, assignment]
        found = await engine.explain(execution_id)
        assert codes(found)[0] == "store-unavailable" and "attempt-running" in codes(found)
        with pytest.raises(StateUnavailable):
            await engine.explain("another")


async def test_an_engine_that_has_let_go_says_so() -> None:
    async with make("let-go", store_patience=0.0) as engine:
        execution_id = await begun(engine, HELD)
        Failing(engine)
        GATE[0].set()
        with anyio.fail_after(10):
            while not engine._driver.troubles:
                await checkpoint()
        found = await engine.explain(execution_id)
    assert codes(found)[0] == "owner-let-go" and "The disk is full." in found["causes"][0]["message"]


async def test_who_was_replaced_does_not_blame_the_execution() -> None:
    async with make("replaced") as first, make("replaced") as second:
        execution_id = await begun(first, HELD)
        await second.adopt(execution_id, force=True)
        with anyio.fail_after(10):
            while not first._driver.troubles:
                await checkpoint()
        assert codes(await first.explain(execution_id)) == ["attempt-running"]


async def test_a_log_that_cannot_be_read_is_told() -> None:
    async with make("damaged") as first, make("damaged") as second:
        execution_id = await begun(first, HELD)
        del first.backend._store.events[execution_id][1]  # type: ignore[attr-defined]
        found = await second.explain(execution_id)
    assert codes(found) == ["history-damaged"]
    assert found["causes"][0]["help"] == [f"harmonia db check {execution_id}"]


INNER = {"name": "inner", "tasks": {"ok": {"type": "approval", "input": {"title": "Pay?"}}}}


async def test_a_child_is_followed_down_to_what_it_waits_for() -> None:
    outer = flow(sub={"type": "subworkflow", "workflow": INNER}, next={"type": "held", "depends_on": ["sub"]})
    async with make("child") as engine:
        execution_id = await begun(engine, outer, "ChildRequested")
        child = (await engine.get(execution_id))["tasks"][0]["child"]
        await begun_there(engine, child, "ApprovalRequested")
        found = await engine.explain(execution_id, "next")
    assert (
        codes(found) == ["approval-open", "child-open", "dependency-open"]
        or codes(found)[0] == "approval-open"
    )
    cause = found["causes"][0]
    assert (cause["execution"], cause["path"]) == (child, "ok")
    assert cause["help"] == [f"harmonia executions approve {child} ok"]
    assert [(step["execution"], step["path"]) for step in cause["chain"]] == [
        (execution_id, "next"), (execution_id, "sub"), (child, ""), (child, "ok"),
    ]  # fmt: skip


async def begun_there(engine: Engine, execution_id: str, kind: str) -> None:
    """Wait for an event of an execution that may not have begun."""
    with anyio.fail_after(10):
        while await engine.backend.head(execution_id) is None or kind not in [
            event["type"] async for event in engine.events(execution_id)
        ]:
            await checkpoint()


async def test_a_child_whose_engine_is_dead_is_the_root_of_it() -> None:
    outer = flow(sub={"type": "subworkflow", "workflow": HELD})
    async with make("orphan") as first, make("orphan") as second:
        execution_id = await begun(first, outer, "ChildRequested")
        child = (await first.get(execution_id))["tasks"][0]["child"]
        await begun_there(first, child, "TaskScheduled")
        await second.adopt(execution_id, force=True)
        die(first)
        found = await second.explain(execution_id)
    assert (found["causes"][0]["code"], found["causes"][0]["execution"]) == ("owner-dead", child)


async def test_a_child_that_nobody_has_begun_is_told() -> None:
    outer = flow(sub={"type": "subworkflow", "workflow": INNER})
    async with make("unbegun") as engine:
        engine._driver.after.remove(engine._starts._follow)
        execution_id = await begun(engine, outer, "ChildRequested")
        found = await engine.explain(execution_id)
    assert codes(found) == ["child-not-begun", "child-open"]
    assert found["causes"][0]["blocking"]["requested"]


async def test_a_successor_that_nobody_has_begun_is_told() -> None:
    step = {"type": "noop", "input": {"n": "${index}"}}
    loop = {"type": "loop", "times": 50, "task": step}
    async with make("continued", roll_over_after=20) as engine:
        engine._driver.after.remove(engine._owner.succession._rolled_over)
        execution_id = await begun(engine, flow(loop=loop), "ExecutionRolledOver")
        found = await engine.explain(execution_id)
    assert (codes(found), found["progressing"]) == (["successor-not-begun"], False)


async def test_a_published_message_with_another_correlation_is_told() -> None:
    pay = {"type": "event", "input": {"name": "paid", "correlation": 17}}
    async with make("published") as engine:
        await engine.publish("paid", correlation=18)
        execution_id = await begun(engine, flow(pay=pay), "MessageAwaited")
        [cause] = (await engine.explain(execution_id))["causes"]
    assert (cause["code"], cause["blocking"]["near"][0]["correlation"]) == ("event-awaited", 18)


async def test_an_attempt_that_does_not_answer_its_cancellation_is_let_go_after_its_grace() -> None:
    async with make("grace", cancel_grace=60.0) as engine:
        execution_id = await begun(engine, flow(work={"type": "stubborn"}))
        engine._clock.advance(7)  # type: ignore[attr-defined]
        await engine.cancel(execution_id, "enough", wait=False)
        found = await engine.explain(execution_id)
        DOORS[0].set()
        await engine.wait(execution_id)
    stopping, cancelling = found["causes"]
    assert (stopping["code"], cancelling["code"]) == ("attempt-not-stopping", "cancelling")
    assert (stopping["since"], stopping["until"]) == (
        "2026-01-01T00:00:07.000000Z", "2026-01-01T00:01:07.000000Z",
    )  # fmt: skip
    assert cancelling["since"] == stopping["since"]


async def test_a_process_that_only_reads_explains_as_well() -> None:
    async with make("reader") as first:
        execution_id = await begun(first, HELD)
        reader = make("reader", at=START + 1)
        await reader.backend.open(None)
        found = await reader.explain(execution_id)
        await reader.backend.close()
    assert (codes(found), found["as_of"]) == (["attempt-running"], "2026-01-01T00:00:01.000000Z")


async def test_a_child_that_is_paused_with_its_parent_says_so() -> None:
    outer = flow(sub={"type": "subworkflow", "workflow": INNER})
    async with make("paused") as engine:
        execution_id = await begun(engine, outer, "ChildRequested")
        child = (await engine.get(execution_id))["tasks"][0]["child"]
        await begun_there(engine, child, "ApprovalRequested")
        await engine.pause(execution_id)
        await begun_there(engine, child, "ExecutionPaused")
        whole, inner = await engine.explain(execution_id), await engine.explain(child)
    assert (codes(whole)[0], whole["progressing"]) == ("paused", False)
    assert codes(inner)[0] == "paused-by-parent"
    assert inner["causes"][0]["blocking"]["id"] == execution_id
    assert inner["causes"][0]["help"] == [f"harmonia executions resume {execution_id}"]


async def test_a_paused_execution_whose_owner_is_dead_waits_for_a_person_all_the_same() -> None:
    async with make("paused-dead") as first, make("paused-dead", at=START + 9) as second:
        execution_id = await begun(first, flow(nap={"type": "wait", "input": {"duration": 10}}), "TimerSet")
        await first.pause(execution_id)
        die(first)
        second._clock.advance(90)  # type: ignore[attr-defined]
        assert codes(await second.explain(execution_id)) == ["paused", "timer-running"]
