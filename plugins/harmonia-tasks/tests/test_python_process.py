"""`python` in process mode: hostile functions end alone, and leave nothing behind."""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import anyio
import pytest

from harmonia_core import TaskError
from harmonia_tasks.python import PythonInput, python_type
from harmonia_tasks.settings import TasksSettings

PYTHON = python_type(TasksSettings(python_modules=("sample_calls",)))
pytestmark = pytest.mark.anyio


async def call(ctx: Any, name: str, **args: Any) -> Any:
    return await PYTHON(ctx, PythonInput(callable=f"sample_calls:{name}", args=args, mode="process"))


async def failure(ctx: Any, name: str, **args: Any) -> TaskError:
    with pytest.raises(TaskError) as caught:
        await call(ctx, name, **args)
    return caught.value


def alive(pid: int) -> bool:
    """Tell whether a process runs; one that ended and that nobody reaped counts as gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


async def wait_for(condition: Any, seconds: float = 10.0) -> None:
    with anyio.fail_after(seconds):
        while not condition():
            await anyio.sleep(0.01)


@pytest.mark.parametrize("name", ["add", "add_async"])
async def test_a_function_runs_in_a_process_of_its_own(ctx: Any, name: str) -> None:
    assert await call(ctx, name, a=2, b=3) == 5
    assert await call(ctx, "pid") != os.getpid()


async def test_prints_become_log_entries_and_never_the_answer(ctx: Any) -> None:
    assert await call(ctx, "shout", text="hällo") is None
    assert {"hällo", "to stderr", "straight to the descriptor"} <= set(ctx.printed.splitlines())


async def test_the_rest_of_a_line_is_kept(ctx: Any) -> None:
    await call(ctx, "print_without_newline")
    assert ctx.printed == "half a line"


async def test_the_function_cannot_read_the_protocol(ctx: Any) -> None:
    assert await call(ctx, "read_stdin") == ""


async def test_an_exception_keeps_its_class_name_text_and_traceback(ctx: Any) -> None:
    with pytest.raises(Exception, match="no good") as caught:
        await call(ctx, "fail_with_value")
    assert type(caught.value).__name__ == "ValueError"
    assert not isinstance(caught.value, TaskError)
    assert "in fail_with_value" in "".join(caught.value.__notes__)


@pytest.mark.parametrize(
    ("name", "known"), [("refuse_connection", "ConnectionRefusedError"), ("run_late", "TimeoutError")]
)
async def test_an_exception_can_be_matched_by_its_class_name(ctx: Any, name: str, known: str) -> None:
    with pytest.raises(Exception) as caught:
        await call(ctx, name)
    assert type(caught.value).__name__ == known


async def test_an_authors_error_keeps_what_it_says(ctx: Any) -> None:
    error = await failure(ctx, "fail_retryable")
    assert (error.error_code, error.retryable, error.retry_after) == ("service-busy", True, 7.0)
    assert error.data == {"queue": 3}
    assert (await failure(ctx, "fail_permanent")).retryable is False


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("exit_politely", "SystemExit"),
        ("raise_group", "BaseExceptionGroup"),
        ("raise_unpicklable", "Unpicklable"),
    ],
)
async def test_anything_raised_comes_back_as_an_error(ctx: Any, name: str, kind: str) -> None:
    with pytest.raises(Exception) as caught:
        await call(ctx, name)
    assert type(caught.value).__name__ == kind


@pytest.mark.parametrize(
    ("name", "details"),
    [
        ("leave", {"exit_code": 7}),
        ("crash", {"signal": "SIGSEGV"}),
        ("die_like_out_of_memory", {"signal": "SIGKILL"}),
    ],
)
async def test_a_process_that_dies_is_an_infrastructure_error(ctx: Any, name: str, details: Any) -> None:
    error = await failure(ctx, name)
    assert (error.error_code, error.category, error.data) == ("process-died", "infrastructure", details)


@pytest.mark.parametrize(
    ("name", "args", "code"),
    [
        ("return_set", {}, "output-not-json"),
        ("return_nan", {}, "output-not-json"),
        ("return_much", {"megabytes": 100}, "output-too-large"),
        ("print_for_ever", {}, "output-too-large"),
        ("add", {"c": 1}, "input-invalid"),
        ("nothing", {}, "callable-not-found"),
        ("run", {"args": ["true"]}, "module-not-allowed"),
    ],
)
async def test_a_bad_result_or_call_fails_for_good(ctx: Any, name: str, args: Any, code: str) -> None:
    error = await failure(ctx, name, **args)
    assert (error.error_code, error.retryable) == (code, False)
    assert len(ctx.printed) <= 1024 * 1024


async def test_an_endless_loop_is_gone_soon_after_its_timeout(ctx: Any, tmp_path: Path) -> None:
    marker = tmp_path / "pids"
    async with anyio.create_task_group() as group:
        group.start_soon(call_quietly, ctx, str(marker))
        await wait_for(marker.exists)
        pids = [int(pid) for pid in marker.read_text().split()]
        assert all(map(alive, pids))
        begun = time.monotonic()
        group.cancel_scope.cancel()
    assert not any(map(alive, pids))
    # Half a second by itself; the rest is room for a machine that is busy with other tests.
    assert time.monotonic() - begun < 3.0


async def call_quietly(ctx: Any, marker: str) -> None:
    await call(ctx, "loop_for_ever", marker=marker)


async def test_children_of_the_function_end_with_it(ctx: Any) -> None:
    assert not alive(await call(ctx, "leave_a_child_behind"))


async def test_a_daemon_that_left_the_group_ends_with_it(ctx: Any) -> None:
    with anyio.fail_after(10):
        pid = await call(ctx, "leave_a_daemon_behind")
    assert not alive(pid)


async def test_the_process_ends_with_a_killed_engine(tmp_path: Path) -> None:
    marker = tmp_path / "pids"
    program = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent / "callables")!r})
import anyio
from harmonia_tasks.python import PythonInput, python_type
from harmonia_tasks.settings import TasksSettings
task = python_type(TasksSettings(python_modules=("sample_calls",)))
args = dict(callable="sample_calls:loop_for_ever", args=dict(marker={str(marker)!r}), mode="process")
class Context:
    execution = path = idempotency_key = "x"
    attempt, deadline, last_heartbeat = 1, None, None
anyio.run(lambda: task(Context(), PythonInput(**args)))
"""
    engine = subprocess.Popen([sys.executable, "-c", program])
    try:
        await wait_for(marker.exists)
    finally:
        engine.kill()
        engine.wait()
    pids = [int(pid) for pid in marker.read_text().split()]
    await wait_for(lambda: not any(map(alive, pids)), seconds=3.0)
