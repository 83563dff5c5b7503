"""Chains of logs in a store: ten thousand rounds, what a check finds, and what arrives at the very end."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest

from harmonia_core import TaskContext, task_type
from harmonia_core.errors import ExecutionFinished, StateCorrupt, StateUnavailable
from harmonia_core.host import Inspector, KernelSettings
from harmonia_core.testing.harness import Harness

pytestmark = pytest.mark.anyio
KEYS: list[str] = []
ROUNDS = 10_000


@pytest.fixture(autouse=True)
def keys() -> Iterator[None]:
    KEYS.clear()
    yield


@task_type("note")
async def note(ctx: TaskContext, input: dict[str, Any]) -> Any:
    """Note the key of the side effect."""
    KEYS.append(ctx.idempotency_key)
    return input["n"] + 1


def looping(rounds: int, **more: Any) -> dict[str, Any]:
    step = {"type": "note", "input": {"n": "${index}"}}
    loop = {"type": "loop", "times": rounds, "max_iterations": rounds, "task": step}
    return {"name": "looping", "tasks": {"loop": loop}, "output": "${tasks.loop.output}", **more}


def harness(limit: int, url: str = "memory://", **more: Any) -> Harness:
    return Harness(note, settings=KernelSettings(roll_over_after=limit, **more), url=url)


async def test_ten_thousand_rounds_in_many_logs_do_what_they_do_in_one() -> None:
    """In one log the keys are these, in this order; `test_roll_over` runs both beside each other."""
    async with harness(1000) as run:
        execution = await run.engine.start(looping(ROUNDS))
        view = await run.finish(execution, limit=120)
        assert len(await run.engine._owner.succession.chain(execution)) == 30
    assert (view["status"], view["output"]) == ("completed", ROUNDS)
    assert [f"{execution}:loop[{number}]/body" for number in range(ROUNDS)] == KEYS


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


async def finished(place: Path, **more: Any) -> tuple[str, str]:
    """Leave a chain in a file; return its first and its last id."""
    async with harness(12, f"sqlite:///{place}?synchronous=normal", **more) as run:
        execution = await run.engine.start(looping(9), {"text": "long " * 100})
        view = await run.finish(execution)
        assert (view["status"], view["output"]) == ("completed", 9)
        return execution, view["id"]


def write(place: Path, statement: str, *values: Any) -> None:
    connection = sqlite3.connect(place)
    with connection:
        assert connection.execute(statement, values).rowcount
    connection.close()


async def found(run: Harness) -> list[str]:
    inspector = Inspector(run.engine.backend, run.engine.plugins, run.engine.settings)
    return sorted(
        {problem.code async for report in inspector.check(deep=True) for problem in report.problems}
    )


async def test_rows_that_differ_are_found_and_written_anew(place: Path) -> None:
    first, last = await finished(place)
    write(place, "UPDATE task SET status = 'failed' WHERE execution_id = ?", last)
    write(place, "UPDATE execution SET root_id = 'other', started_at = 1 WHERE execution_id = ?", last)
    write(place, "UPDATE execution SET status = 'running', ended_at = NULL WHERE execution_id = ?", first)
    async with harness(12, f"sqlite:///{place}") as run:
        assert await found(run) == ["projection-differs"]
        inspector = Inspector(run.engine.backend, run.engine.plugins, run.engine.settings)
        outcomes = {report.execution_id: report.outcome async for report in inspector.rebuild()}
        assert outcomes[first] == outcomes[last] == "rebuilt"
        assert await found(run) == []
        assert (await run.engine.get(first))["root_id"] == first


async def test_a_base_that_is_gone_is_damage(place: Path) -> None:
    _, last = await finished(place, inline_limit=300, quick_limit=100)
    connection = sqlite3.connect(place)
    text = 'SELECT json_extract(data, \'$."base@"."$blob"\') FROM event WHERE execution_id = ? AND seq = 1'
    [(address,)] = connection.execute(text, (last,)).fetchall()
    connection.close()
    async with harness(12, f"sqlite:///{place}") as run:
        assert await found(run) == []
    write(place, "DELETE FROM blob WHERE address = ?", address)
    async with harness(12, f"sqlite:///{place}") as run:
        assert {"base-unreadable", "blob-missing"} <= set(await found(run))
        with pytest.raises(StateCorrupt, match="goes on from is missing"):
            await run.engine.get(last)


async def test_what_arrives_while_the_last_commit_is_made_is_refused_not_awaited() -> None:
    """The end of an execution is in the writer when a request arrives: nothing is recorded after it."""
    async with harness(0) as run:
        submit, held = run.engine.backend.submit, []
        late = anyio.Event()

        def slow(units: Any, done: Any) -> None:
            if any(row.type == "ExecutionCompleted" for unit in units for row in unit.events):
                held.append((units, done))
                late.set()
            else:
                submit(units, done)

        run.engine.backend.submit = slow  # type: ignore[method-assign]
        execution = await run.engine.start(looping(2))
        with anyio.fail_after(10):
            await late.wait()
            async with anyio.create_task_group() as group:

                async def refused() -> None:
                    with pytest.raises(ExecutionFinished, match="completed"):
                        await run.engine.request(execution, "cancel")

                group.start_soon(refused)
                await anyio.wait_all_tasks_blocked()
                submit(*held.pop())


async def test_a_store_that_refuses_what_goes_on_says_so_and_another_look_begins_it() -> None:
    async with harness(12, store_patience=0.0) as run:
        submit, refusals = run.engine.backend.submit, [StateUnavailable("the store is away")]

        def refusing(units: Any, done: Any) -> None:
            if refusals and any(row.type == "ExecutionContinued" for unit in units for row in unit.events):
                error = refusals.pop()
                done([(unit, error) for unit in units])
            else:
                submit(units, done)

        run.engine.backend.submit = refusing  # type: ignore[method-assign]
        execution = await run.engine.start(looping(9))
        with pytest.raises(StateUnavailable), anyio.fail_after(10):
            await run.engine.wait(execution)
        assert (await run.engine.recover()).adopted
        assert (await run.finish(execution))["output"] == 9
        assert len(set(KEYS)) == 9
