"""Artifacts of attempts: uploaded before the outcome, described in it, gone with what was thrown away."""

import hashlib
from typing import Any

import anyio
import pytest
from anyio.to_thread import run_sync

from harmonia_core.contracts.task_type import TaskContext
from harmonia_core.engine.artifacts import CHUNK
from harmonia_core.errors import StateUnavailable

pytestmark = pytest.mark.anyio

DATA = b"0123456789" * (CHUNK // 4)


def keep(ctx: TaskContext, input: Any) -> Any:
    with ctx.artifact("data.bin", "application/x-data") as artifact:
        for place in range(0, len(DATA), 300_000):
            artifact.write(DATA[place : place + 300_000])
    return artifact.reference


async def keep_async(ctx: TaskContext, input: Any) -> Any:
    return keep(ctx, input)


async def keep_mixed(ctx: TaskContext, input: Any) -> Any:
    with ctx.artifact("data.bin", "application/x-data") as artifact:
        await run_sync(artifact.write, DATA[:CHUNK])
        artifact.write(DATA[CHUNK : 2 * CHUNK])
        await run_sync(artifact.write, DATA[2 * CHUNK :])
    return artifact.reference


@pytest.mark.parametrize("task", [keep, keep_async, keep_mixed])
async def test_an_artifact_is_uploaded_before_its_outcome(bench: Any, task: Any) -> None:
    async with bench() as b:
        outcome = await b.run(task)
        (blob,) = outcome.artifacts
        chunks = b.store._store.uploads[blob.upload_id]
        assert b"".join(chunks[number] for number in sorted(chunks)) == DATA
    digest = hashlib.sha256(DATA).hexdigest()
    assert (blob.address, blob.size, blob.media_type) == (f"sha256:{digest}", len(DATA), "application/x-data")
    assert outcome.output["$artifact"]["sha256"] == digest


async def test_a_failed_attempt_keeps_what_it_sealed(bench: Any) -> None:
    async def task(ctx: TaskContext, input: Any) -> None:
        with ctx.artifact("log") as kept:
            kept.write(b"why")
        with ctx.artifact("half") as half:
            half.write(b"x")
            raise ValueError(str(kept.reference))

    async with bench() as b:
        outcome = await b.run(task)
    assert outcome.kind == "failed" and [blob.size for blob in outcome.artifacts] == [3]


async def test_a_store_that_fails_fails_the_attempt_as_infrastructure(bench: Any) -> None:
    async def failing(*chunk: Any) -> None:
        raise StateUnavailable("The store is away.")

    async def raising(ctx: TaskContext, input: Any) -> None:
        keep(ctx, input)
        raise KeyError("own")

    async with bench() as b:
        b.store.upload = failing
        for number, task in enumerate((keep, keep_async)):
            error = await b.fails(task, path=f"t[{number}]")
            assert (error.category, error.code, error.retryable) == (
                "infrastructure",
                "store-unavailable",
                True,
            )
        assert (await b.fails(raising, path="u")).kind == "KeyError"


async def test_the_limit_of_the_settings_holds(bench: Any) -> None:
    async with bench(artifact_limit=1000) as b:
        error = await b.fails(keep)
    assert (error.code, error.retryable) == ("artifact-too-large", False)


async def test_a_cancelled_attempt_keeps_nothing(bench: Any) -> None:
    async def task(ctx: TaskContext, input: Any) -> None:
        keep(ctx, input)
        await anyio.sleep_forever()

    async with bench() as b:
        outcome = await b.run(task, timeout=0.05)
    assert outcome.error.code == "attempt-timeout" and outcome.artifacts == ()


async def test_an_ended_attempt_opens_no_artifact(bench: Any) -> None:
    kept: list[TaskContext] = []

    async def task(ctx: TaskContext, input: Any) -> None:
        kept.append(ctx)

    async with bench() as b:
        await b.run(task)
        with pytest.raises(RuntimeError, match="has ended"):
            kept[0].artifact("late")
        kept[0].heartbeat("late")
        kept[0].log("info", "late")
        assert not b.logged() and await b.store.heartbeat("e", "t") is None
