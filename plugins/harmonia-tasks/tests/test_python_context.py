"""`python` in process mode: the context, limits, and what the child may get wrong."""

import time
from pathlib import Path
from typing import Any

import anyio
import pytest
from pydantic import ValidationError

from harmonia_core import PermanentError, TaskError
from harmonia_tasks.python import PythonInput, python_type
from harmonia_tasks.settings import TasksSettings

PYTHON = python_type(TasksSettings(python_modules=("sample_calls",)))
MEMORY = 512 * 1024 * 1024
pytestmark = pytest.mark.anyio


async def call(ctx: Any, function: str, /, limits: Any = None, **args: Any) -> Any:
    given = {"callable": f"sample_calls:{function}", "args": args, "mode": "process", "limits": limits or {}}
    with anyio.fail_after(30):
        return await PYTHON(ctx, PythonInput.model_validate(given))


async def failure(ctx: Any, function: str, /, **more: Any) -> Exception:
    with pytest.raises(Exception) as caught:
        await call(ctx, function, **more)
    return caught.value


async def test_the_context_knows_and_says_in_the_child_what_it_does_in_the_engine(ctx: Any) -> None:
    ctx.attempt, ctx.deadline, ctx.last_heartbeat = 3, 1234.5, {"row": 6}
    assert await call(ctx, "say_everything") == {
        "execution": "e1",
        "path": "task",
        "attempt": 3,
        "idempotency_key": "e1:task",
        "deadline": 1234.5,
        "last_heartbeat": {"row": 6},
        "cancelled": False,
    }
    assert ctx.lines == [("warning", "careful")]
    assert ctx.fields == [{"row": 7, "odd": "{1}", "number": "NaN"}]
    assert ctx.said == [
        ("progress", 0.5, "half", {"done": 1}),
        ("progress", None, None, None),
        ("heartbeat", {"row": 7}),
    ]


async def test_threads_of_the_child_may_speak(ctx: Any) -> None:
    assert await call(ctx, "say_from_a_coroutine") == "task"
    assert ctx.printed == "from a thread"


async def test_an_artifact_comes_through_whole(ctx: Any) -> None:
    reference = await call(ctx, "keep", name="report", megabytes=5)
    assert reference["$artifact"] == {
        "name": "report",
        "size": 5 * 1024 * 1024 + 3,
        "media_type": "text/plain",
    }
    assert ctx.artifacts["report"].sealed
    assert bytes(ctx.artifacts["report"].data) == b"x" * (5 * 1024 * 1024) + b"end"


@pytest.mark.parametrize(("function", "name"), [("throw_away", "lost"), ("leave_open", "open")])
async def test_an_artifact_that_is_not_finished_is_thrown_away(ctx: Any, function: str, name: str) -> None:
    await call(ctx, function)
    assert ctx.artifacts[name].ended
    assert not ctx.artifacts[name].sealed


async def test_an_artifact_that_the_engine_refuses_fails_in_the_function(ctx: Any) -> None:
    def refuse(data: bytes) -> int:
        raise PermanentError("too much", "artifact-too-large")

    make = ctx.artifact

    def artifact(name: str, media_type: str) -> Any:
        writer = make(name, media_type)
        writer.write = refuse
        return writer

    ctx.artifact = artifact
    error = await failure(ctx, "keep", name="report", megabytes=3)
    assert isinstance(error, TaskError)
    assert (error.error_code, error.retryable) == ("artifact-too-large", False)


async def test_an_artifact_that_cannot_be_opened_fails_in_the_function(ctx: Any) -> None:
    def artifact(name: str, media_type: str) -> Any:
        raise ValueError("an impossible name")

    ctx.artifact = artifact
    error = await failure(ctx, "keep", name="", megabytes=1)
    assert (type(error).__name__, str(error)) == ("ValueError", "an impossible name")


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("set", "heartbeat-not-json"),
        ("nan", "heartbeat-not-json"),
        ("half", "heartbeat-not-json"),
        ("large", "heartbeat-too-large"),
    ],
)
async def test_a_heartbeat_that_cannot_be_kept_fails(ctx: Any, kind: str, code: str) -> None:
    error = await failure(ctx, "beat", kind=kind)
    assert isinstance(error, TaskError)
    assert error.error_code == code
    assert ctx.said == []


async def test_a_heartbeat_is_measured_as_in_the_engine(ctx: Any) -> None:
    """In bytes of UTF-8: what a thread may say, a process may say, too."""
    await call(ctx, "beat", kind="wide")
    assert ctx.said == [("heartbeat", {"text": "é" * 8000, "more": [1, 2]})]


async def test_a_heartbeat_that_the_engine_refuses_ends_the_child(ctx: Any) -> None:
    def refuse(details: Any) -> None:
        raise PermanentError("no", "heartbeat-too-large")

    ctx.heartbeat = refuse
    error = await failure(ctx, "say_everything")
    assert isinstance(error, TaskError)
    assert error.error_code == "heartbeat-too-large"


async def test_an_unknown_level_is_an_error_of_the_function(ctx: Any) -> None:
    assert "loud" in str(await failure(ctx, "log_badly"))


async def test_an_attempt_can_be_deferred_from_the_child(ctx: Any) -> None:
    assert await call(ctx, "hand_over") == "the-token"


async def test_a_function_with_a_context_is_asked_to_stop_before_it_is_killed(
    ctx: Any, tmp_path: Path
) -> None:
    marker, told = tmp_path / "marker", tmp_path / "told"
    async with anyio.create_task_group() as group:
        group.start_soon(lambda: call(ctx, "stop_when_asked", marker=str(marker), told=str(told)))
        with anyio.fail_after(10):
            while not marker.exists():
                await anyio.sleep(0.01)
        begun = time.monotonic()
        group.cancel_scope.cancel()
    assert time.monotonic() - begun < 3.0
    assert told.read_text() == "asked to stop"


async def test_the_causes_of_an_exception_come_along(ctx: Any) -> None:
    error = await failure(ctx, "fail_with_causes")
    causes = [error.__cause__, error.__cause__ and error.__cause__.__cause__]
    assert [(type(one).__name__, str(one)) for one in causes] == [
        ("OSError", "second"),
        ("KeyError", "'first'"),
    ]


async def test_memory_is_limited(ctx: Any) -> None:
    assert await call(ctx, "take_memory", {"memory_bytes": MEMORY}, megabytes=10) == 10 * 1024 * 1024
    error = await failure(ctx, "take_memory", limits={"memory_bytes": MEMORY}, megabytes=1024)
    assert type(error).__name__ == "MemoryError"


async def test_computing_is_limited(ctx: Any) -> None:
    error = await failure(ctx, "compute", limits={"cpu_seconds": 1})
    assert isinstance(error, TaskError)
    assert (error.error_code, error.data) == ("process-died", {"signal": "SIGXCPU"})
    assert "cpu_seconds" in str(error)


async def test_the_settings_limit_what_a_task_may_ask_for(ctx: Any) -> None:
    strict = TasksSettings(python_modules=("sample_calls",), max_memory_bytes=MEMORY)
    given = {"callable": "sample_calls:take_memory", "args": {"megabytes": 1024}, "mode": "process"}
    for limits in ({}, {"memory_bytes": 4 * MEMORY}):
        with pytest.raises(Exception) as caught:
            await python_type(strict)(ctx, PythonInput.model_validate({**given, "limits": limits}))
        assert type(caught.value).__name__ == "MemoryError"


def test_a_thread_cannot_be_limited() -> None:
    with pytest.raises(ValidationError, match="mode: process"):
        PythonInput.model_validate({"callable": "a:b", "limits": {"cpu_seconds": 1}})


async def test_a_function_that_writes_to_the_wire_itself_ends(ctx: Any) -> None:
    error = await failure(ctx, "write_to_the_wire")
    assert isinstance(error, TaskError)
    assert (error.error_code, error.category) == ("process-confused", "infrastructure")
