"""What a task may know and say through its context."""

import hashlib
import io
import json
import sys
import threading
from typing import Any

import anyio
import pytest
from anyio.to_thread import run_sync

from harmonia_core.contracts.rows import HeartbeatRow
from harmonia_core.contracts.task_type import TaskContext
from harmonia_core.engine import heartbeats
from harmonia_core.engine.activity import Activity, ActivityEntry
from harmonia_core.engine.context import AttemptContext
from harmonia_core.errors import StateUnavailable

pytestmark = pytest.mark.anyio


def test_the_context_keeps_the_contract() -> None:
    context: type[TaskContext] = AttemptContext
    named = {name for name in vars(TaskContext) if not name.startswith("_")}
    assert all(hasattr(context, name) for name in named)


async def test_a_task_knows_where_it_is(bench: Any) -> None:
    async def task(ctx: TaskContext, input: Any) -> Any:
        return [ctx.execution, ctx.path, ctx.attempt, ctx.idempotency_key, ctx.cancelled, ctx.last_heartbeat]

    async with bench() as b:
        outcome = await b.run(task, path="book/items[17]/charge", attempt=2)
    assert outcome.output == [
        "e",
        "book/items[17]/charge",
        2,
        "root:book/items[17]/charge",
        False,
        None,
    ]


async def test_logs_and_progress_go_to_the_activity(bench: Any) -> None:
    heard: list[ActivityEntry] = []

    def task(ctx: TaskContext, input: Any) -> None:
        ctx.log("warning", "slow", seconds=3, odd={1})
        ctx.progress(0.5, "half")
        ctx.progress(7, value={"rows": [1]})

    async with bench() as b:
        stop = b.activity.listen(heard.append)
        await b.run(task, path="a", attempt=3)
        stop()
        await b.run(task, path="b")
    first, second, third = b.logged()[:3]
    assert heard == [first, second, third]
    assert (first.path, first.attempt, first.kind, first.level, first.text) == (
        "a",
        3,
        "log",
        "warning",
        "slow",
    )
    assert first.fields is not None and "set is not JSON" in first.fields["left_out"]
    assert (second.kind, second.fraction, second.text) == ("progress", 0.5, "half")
    assert (third.fraction, third.value) == (1.0, {"rows": [1]})
    assert third.as_json()["value"] == {"rows": [1]} and "fields" not in third.as_json()


async def test_an_unknown_level_is_the_authors_error(bench: Any) -> None:
    async def task(ctx: TaskContext, input: Any) -> None:
        ctx.log("loud", "x")

    async with bench() as b:
        assert "use debug, info, warning or error" in (await b.fails(task)).message


def test_a_ring_keeps_the_last_and_forgets_on_request() -> None:
    activity = Activity(ring=3)
    for number in range(5):
        activity.add(ActivityEntry("e", "t", 1, 0.0, "log", text=str(number)))
    activity.add(ActivityEntry("f", "t", 1, 0.0, "log", text="other"))
    assert [one.text for one in activity.entries("e")] == ["2", "3", "4"]
    activity.forget("e")
    activity.forget("e")
    assert not activity.entries("e") and len(activity.entries("f")) == 1


def test_the_rings_of_old_executions_are_forgotten() -> None:
    activity = Activity(ring=3, executions=2)
    for execution in ("e", "f", "g"):
        activity.add(ActivityEntry(execution, "t", 1, 0.0, "log"))
    assert [len(activity.entries(execution)) for execution in ("e", "f", "g")] == [0, 1, 1]


def test_a_listener_that_fails_is_dropped(caplog: pytest.LogCaptureFixture) -> None:
    activity, heard = Activity(), []

    def broken(entry: ActivityEntry) -> None:
        raise RuntimeError("broken")

    activity.listen(broken)
    activity.listen(heard.append)
    for _ in range(2):
        activity.add(ActivityEntry("e", "t", 1, 0.0, "log"))
    assert len(heard) == 2 and len(caplog.records) == 1


@pytest.mark.parametrize("plain", [True, False])
async def test_prints_go_line_by_line_to_the_log(bench: Any, plain: bool) -> None:
    def say(ctx: Any, input: Any) -> None:
        print("one\ntwo", end="")
        print(" and more")
        print("problem", file=sys.stderr)
        sys.stdout.buffer.write("über".encode())
        print("\nlast", end="")

    async def say_async(ctx: Any, input: Any) -> None:
        say(ctx, input)

    async with bench() as b:
        await b.run(say if plain else say_async)
    assert [(one.level, one.text) for one in b.logged()] == [
        ("info", "one"),
        ("info", "two and more"),
        ("warning", "problem"),
        ("info", "über"),
        ("info", "last"),
    ]
    assert b.logged()[2].fields == {"stream": "stderr"}


async def test_prints_of_two_attempts_do_not_mix(bench: Any) -> None:
    async def say(ctx: Any, input: Any) -> None:
        print(f"begin {ctx.path} ", end="")
        await anyio.sleep(0.001)
        await run_sync(print, f"thread {ctx.path}")

    async with bench() as b:
        keys = [b.start(say, path=f"t[{n}]") for n in range(5)]
        for key in keys:
            await b.outcome(key)
    for n in range(5):
        texts = [one.text for one in b.logged() if one.path == f"t[{n}]"]
        assert texts == [f"begin t[{n}] thread t[{n}]"]


async def test_prints_without_end_stop_the_task(bench: Any) -> None:
    def endless(ctx: Any, input: Any) -> None:
        while True:
            print("x" * 100)

    async with bench(print_limit=10_000, log_ring=5) as b:
        error = await b.fails(endless)
        assert len(b.logged()) == 5
    assert (error.code, error.retryable, error.kind) == ("output-too-large", False, "OutputTooLarge")
    assert error.message == "The task printed more than 10,000 bytes."


async def test_prints_outside_attempts_pass_through(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    real = io.StringIO()
    monkeypatch.setattr(sys, "stdout", real)

    async def say(ctx: Any, input: Any) -> None:
        print("inside")

    async with bench() as b:
        await b.run(say)
        assert sys.stdout is not real
        print("outside")
    assert sys.stdout is real and real.getvalue() == "outside\n"


async def test_heartbeats_reach_the_store_and_the_next_attempt(bench: Any) -> None:
    async def beats(ctx: TaskContext, input: Any) -> Any:
        last = ctx.last_heartbeat
        ctx.heartbeat({"row": ctx.attempt})
        ctx.heartbeat({"row": ctx.attempt * 10})
        return last

    async with bench() as b:
        assert (await b.run(beats)).output is None
        assert (await b.run(beats, attempt=2)).output == {"row": 10}
        await b.dispatcher.aclose()
        row = await b.store.heartbeat("e", "t")
    assert row is not None and json.loads(row.details) == {"row": 20} and row.attempt == 2


async def test_heartbeats_are_written_at_most_once_an_interval(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeats, "INTERVAL", 0.03)
    written: list[list[HeartbeatRow]] = []

    def beats(ctx: TaskContext, input: Any) -> None:
        for number in range(20):
            ctx.heartbeat(number)
            threading.Event().wait(0.003)

    async with bench() as b:
        write = b.store.beat

        async def counted(rows: list[HeartbeatRow]) -> None:
            written.append(rows)
            await write(rows)

        b.store.beat = counted
        await b.run(beats)
    assert len(written) < 10
    assert written[-1][-1].details == "19"


async def test_a_store_that_fails_loses_no_heartbeat(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeats, "INTERVAL", 0.001)

    async def beats(ctx: TaskContext, input: Any) -> None:
        ctx.heartbeat("kept")

    async with bench() as b:
        write, failures = b.store.beat, [StateUnavailable("away"), StateUnavailable("away")]

        async def shaky(rows: list[HeartbeatRow]) -> None:
            if failures:
                raise failures.pop()
            await write(rows)

        b.store.beat = shaky
        await b.run(beats)
        with anyio.fail_after(5):
            while await b.store.heartbeat("e", "t") is None:
                await anyio.sleep(0.001)


async def test_an_attempt_dispatched_again_under_its_number_finds_what_it_beat(bench: Any) -> None:
    async def told(ctx: TaskContext, input: Any) -> Any:
        return ctx.last_heartbeat

    async with bench() as b:
        await b.store.beat([HeartbeatRow("e", "t", 1, 0.0, '{"row": 7}')])
        assert (await b.run(told, heartbeat_timeout=5)).output == {"row": 7}


@pytest.mark.parametrize(
    ("details", "code"), [("x" * 17_000, "heartbeat-too-large"), ({1, 2}, "heartbeat-not-json")]
)
async def test_heartbeat_details_are_small_json(bench: Any, details: Any, code: str) -> None:
    async def beats(ctx: TaskContext, input: Any) -> None:
        ctx.heartbeat(details)

    async with bench() as b:
        error = await b.fails(beats)
    assert (error.code, error.retryable) == (code, False)


async def test_a_deferred_attempt_delivers_the_hash_of_its_token(bench: Any) -> None:
    tokens: list[str] = []

    async def later(ctx: TaskContext, input: Any) -> Any:
        tokens.extend((ctx.defer(), ctx.defer()))
        return {"not": {"json"}}

    def later_in_thread(ctx: TaskContext, input: Any) -> Any:
        tokens.append(ctx.defer())

    async def fails(ctx: TaskContext, input: Any) -> None:
        ctx.defer()
        raise ValueError("after all")

    async with bench() as b:
        outcome = await b.run(later)
        other = await b.run(later_in_thread, path="u")
        assert (await b.fails(fails, path="v")).message == "after all"
    assert (outcome.kind, outcome.output) == ("deferred", None)
    assert tokens[0] == tokens[1] != tokens[2] and len(tokens[0]) > 40
    assert outcome.token_hash == hashlib.sha256(tokens[0].encode()).hexdigest()
    assert other.token_hash == hashlib.sha256(tokens[2].encode()).hexdigest()
