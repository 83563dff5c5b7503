"""What an attempt may read and what it may hide: kept artifacts, and secrets of its own."""

import hashlib
from typing import Any

import pytest

from harmonia_core.contracts.rows import BlobRow, Unit
from harmonia_core.contracts.task_type import TaskContext
from harmonia_core.engine.artifacts import CHUNK
from harmonia_core.errors import TaskError
from harmonia_core.model.values import Hole, SecretRef

pytestmark = pytest.mark.anyio

DATA = b"0123456789" * (CHUNK // 8)
REFERENCE = {"$artifact": {"name": "d", "size": len(DATA), "sha256": hashlib.sha256(DATA).hexdigest()}}


async def keep(b: Any, data: bytes) -> None:
    address = f"sha256:{hashlib.sha256(data).hexdigest()}"
    await b.store.commit(Unit(blobs=[BlobRow("default", address, len(data), "x/y", "e", data, None)]))


def summary(pieces: list[bytes]) -> dict[str, Any]:
    return {"largest": max(map(len, pieces), default=0), "same": b"".join(pieces) == DATA}


def read(ctx: TaskContext, input: Any) -> Any:
    return summary(list(ctx.open_artifact(input["file"])))


async def read_async(ctx: TaskContext, input: Any) -> Any:
    return summary([piece async for piece in ctx.open_artifact(input["file"])])


@pytest.mark.parametrize("task", [read, read_async])
async def test_an_artifact_is_read_in_chunks(bench: Any, task: Any) -> None:
    empty = {"$artifact": {"name": "e", "size": 0, "sha256": hashlib.sha256(b"").hexdigest()}}
    async with bench() as b:
        await keep(b, DATA)
        outcome = await b.run(task, {"file": REFERENCE})
        nothing = await b.run(task, {"file": empty}, path="u")
    assert outcome.output == {"largest": CHUNK, "same": True}, outcome
    assert nothing.output == {"largest": 0, "same": False}


@pytest.mark.parametrize("task", [read, read_async])
async def test_what_is_no_artifact_or_gone_fails_for_good(bench: Any, task: Any) -> None:
    wrong = [None, "x", {"$artifact": {"name": "x"}}, {"$artifact": {**REFERENCE["$artifact"], "size": -1}}]
    async with bench() as b:
        gone = await b.fails(task, {"file": REFERENCE})
        errors = [await b.fails(task, {"file": bad}, path=f"t[{n}]") for n, bad in enumerate(wrong)]
    assert (gone.code, gone.category, gone.retryable) == ("artifact-missing", "validation", False)
    assert {(error.code, error.retryable) for error in errors} == {("artifact-invalid", False)}


async def test_a_task_may_hide_values_of_its_own(bench: Any) -> None:
    async def task(ctx: TaskContext, input: Any) -> Any:
        ctx.mask("from-settings", "abc")
        ctx.log("info", "key from-settings")
        with ctx.artifact("a") as artifact:
            artifact.write(b"from-set")
            artifact.write(b"tings abc")
        if input["fail"]:
            raise TaskError("sent from-settings", details={"with": input["key"]})
        return ["from-settings", input["key"], "abc"]

    holes = (Hole(("key",), (SecretRef("db"),)),)
    async with bench(secrets={"db": "hunter22"}) as b:
        outcome = await b.run(task, {"key": None, "fail": False}, holes=holes)
        error = await b.fails(task, {"key": None, "fail": True}, holes=holes, path="u")
        chunks = [chunk for upload in b.store._store.uploads.values() for chunk in upload.values()]
    assert outcome.output == ["***", "***", "abc"]
    assert (error.message, error.details) == ("sent ***", {"with": "***"})
    assert {entry.text for entry in b.logged()} == {"key ***"}
    assert chunks == [b"*** abc"] * 2
