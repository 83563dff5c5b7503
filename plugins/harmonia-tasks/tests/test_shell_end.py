"""`shell`: limits, and the end of everything that a command has started."""

import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import anyio
import pytest
from running import SHELL, alive, failure, pids_in, run

from harmonia_core import TaskError
from harmonia_tasks.settings import TasksSettings
from harmonia_tasks.shell import shell_type
from harmonia_tasks.shell_input import ShellInput

pytestmark = pytest.mark.anyio
FAMILY = r"""
trap '' TERM
sleep 600 & echo $! >> MARKER
setsid sleep 600 & echo $! >> MARKER
(sh -c 'echo $$ >> MARKER; while :; do sleep 600; done' & wait) & echo $! >> MARKER
echo $$ >> MARKER
while [ $(wc -l < MARKER) -lt 5 ]; do sleep 0.01; done
echo . >> MARKER
while :; do sleep 600; done
"""
"""Processes that ignore SIGTERM, a grandchild among them, and one that left the group."""


def family(tmp_path: Path) -> tuple[str, Path]:
    marker = tmp_path / "pids"
    return FAMILY.replace("MARKER", str(marker)), marker


async def test_a_cancelled_command_is_gone_within_a_second_with_all_its_family(
    ctx: Any, tmp_path: Path
) -> None:
    script, marker = family(tmp_path)
    async with anyio.create_task_group() as group:
        group.start_soon(run, ctx, script)
        pids = await pids_in(marker)
        assert len(pids) == 5
        assert all(map(alive, pids))
        begun = time.monotonic()
        group.cancel_scope.cancel()
    assert time.monotonic() - begun < 2.0
    assert not any(map(alive, pids))  # reaped, too


async def test_a_command_may_clean_up_when_it_is_cancelled(ctx: Any, tmp_path: Path) -> None:
    marker, cleaned = tmp_path / "pids", tmp_path / "cleaned"
    script = f"trap 'echo yes > {cleaned}; exit' TERM; echo $$ . > {marker}; while :; do sleep 0.01; done"
    async with anyio.create_task_group() as group:
        group.start_soon(run, ctx, script)
        await pids_in(marker)
        group.cancel_scope.cancel()
    assert cleaned.read_text() == "yes\n"


async def test_what_a_command_leaves_behind_ends_with_it(ctx: Any) -> None:
    script = "sleep 600 & echo $!; setsid sleep 600 >/dev/null 2>&1 & echo $!; (setsid sleep 600 & echo $!)"
    output = await run(ctx, script, stdout="lines")
    assert len(output["stdout"]) == 3
    assert not any(alive(int(pid)) for pid in output["stdout"])


async def test_a_command_is_gone_within_a_second_when_the_engine_is_killed(tmp_path: Path) -> None:
    script, marker = family(tmp_path)
    program = f"""
import anyio
from harmonia_tasks.settings import TasksSettings
from harmonia_tasks.shell import shell_type
from harmonia_tasks.shell_input import ShellInput
class Context:
    execution = path = idempotency_key = "x"
    attempt = 1
task = shell_type(TasksSettings(shell=True))
anyio.run(lambda: task(Context(), ShellInput(command={script!r}, shell=True)))
"""
    engine = subprocess.Popen([sys.executable, "-c", program])
    try:
        pids = await pids_in(marker)
    finally:
        engine.kill()
        engine.wait()
    begun = time.monotonic()
    with anyio.fail_after(10):
        while any(map(alive, pids)):
            await anyio.sleep(0.005)
    assert time.monotonic() - begun < 2.0


async def test_a_guard_that_was_stopped_or_killed_does_not_save_its_command(ctx: Any, tmp_path: Path) -> None:
    for number in (signal.SIGSTOP, signal.SIGKILL):
        marker = tmp_path / f"pids{number}"
        script = f"echo $$ . >> {marker}; while :; do sleep 600; done"
        async with anyio.create_task_group() as group:
            group.start_soon(run_quietly, ctx, script)
            (pid,) = await pids_in(marker)
            guard = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
            os.kill(guard, number)
            group.cancel_scope.cancel()
        with anyio.fail_after(5):
            while not is_gone(pid):
                await anyio.sleep(0.01)


async def run_quietly(ctx: Any, script: str) -> None:
    try:
        await SHELL(ctx, ShellInput(command=script, shell=True))
    except TaskError as error:
        assert error.error_code == "process-died"


def is_gone(pid: int) -> bool:
    """Tell whether a process has ended; its guard is not there to reap it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


async def test_nothing_is_left_over_in_this_process(ctx: Any) -> None:
    await run(ctx, ["true"])
    before = set(os.listdir("/proc/self/fd"))
    for _ in range(3):
        await run(ctx, ["true"], stdin="x")
        await failure(ctx, ["false"])
        await failure(ctx, ["no-such-program"])
    assert len(set(os.listdir("/proc/self/fd")) - before) == 0
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


@pytest.mark.parametrize(
    "how", [{"stdout": "text"}, {"stdout": "lines"}, {"stdout": "artifact"}, {"stderr": "stdout"}]
)
async def test_too_much_output_ends_the_command(ctx: Any, how: dict[str, str], tmp_path: Path) -> None:
    marker = tmp_path / "pids"
    script = f"echo $$ . > {marker}; exec yes"
    error = await failure(ctx, script, limits={"output_bytes": 100_000}, **how)
    assert (error.error_code, error.retryable) == ("output-too-large", False)
    assert "100,000 bytes to stdout" in str(error)
    (pid,) = await pids_in(marker)
    assert not alive(pid)
    assert not any(artifact.sealed for artifact in ctx.artifacts.values())


@pytest.mark.parametrize("kind", ["log", "text"])
async def test_too_much_on_stderr_ends_the_command(ctx: Any, kind: str) -> None:
    error = await failure(ctx, "yes >&2", stderr=kind, limits={"output_bytes": 100_000})
    assert error.error_code == "output-too-large"
    assert sum(len(text) + 1 for _, text in ctx.lines) <= 100_000


async def test_what_is_kept_is_limited_by_the_settings(ctx: Any) -> None:
    small = shell_type(TasksSettings(shell=True, output_limit=1000))
    with pytest.raises(TaskError) as caught:
        await small(ctx, ShellInput(command="yes", shell=True))
    assert caught.value.error_code == "output-too-large"


async def test_what_is_discarded_is_not_limited(ctx: Any) -> None:
    script = "head -c 3000000 /dev/zero"
    assert (await run(ctx, script, stdout="discard", limits={"output_bytes": 10}))["exit_code"] == 0


async def test_memory_is_limited(ctx: Any) -> None:
    greedy = [sys.executable, "-I", "-S", "-c", "x = bytearray(300_000_000)"]
    assert (await run(ctx, greedy))["exit_code"] == 0
    error = await failure(ctx, greedy, limits={"memory_bytes": 200_000_000})
    assert error.error_code == "exit-code"
    assert "MemoryError" in error.data["stderr"]


async def test_computing_is_limited(ctx: Any) -> None:
    error = await failure(ctx, "while :; do :; done", limits={"cpu_seconds": 1})
    assert (error.error_code, error.data["signal"]) == ("killed-by-signal", "SIGXCPU")
    assert "limits.cpu_seconds" in str(error)


async def test_files_are_limited(ctx: Any, tmp_path: Path) -> None:
    error = await failure(ctx, ["cp", "/dev/zero", str(tmp_path / "file")], limits={"file_bytes": 10_000})
    assert (error.error_code, error.data["signal"]) == ("killed-by-signal", "SIGXFSZ")
    assert (tmp_path / "file").stat().st_size == 10_000


async def test_limits_are_what_the_command_sees(ctx: Any) -> None:
    limits = {"open_files": 17, "processes": 4000, "cpu_seconds": 9}
    output = await run(
        ctx, "ulimit -n; ulimit -u; ulimit -t; ulimit -Ht", shell="/bin/bash", stdout="lines", limits=limits
    )
    assert output["stdout"] == ["17", "4000", "9", "10"]


async def test_a_limit_is_never_above_the_engines_own(ctx: Any) -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    output = await run(ctx, "ulimit -Hn", limits={"open_files": hard + 1000})
    assert int(output["stdout"]) == hard


async def test_the_settings_limit_what_a_task_may_ask_for(ctx: Any) -> None:
    strict = shell_type(TasksSettings(shell=True, max_cpu_seconds=5))
    for asked, given in ((None, "5"), (3, "3"), (50, "5")):
        input = ShellInput.model_validate(
            {"command": "ulimit -t", "shell": True, "limits": {"cpu_seconds": asked}}
        )
        assert (await strict(ctx, input)).stdout == f"{given}\n"
