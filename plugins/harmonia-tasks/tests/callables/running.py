"""Commands for the tests of `shell`, and a look at processes."""

import os
from pathlib import Path
from typing import Any

import anyio
import pytest

from harmonia_core import TaskError
from harmonia_tasks.settings import TasksSettings
from harmonia_tasks.shell import shell_type
from harmonia_tasks.shell_input import ShellInput

SHELL = shell_type(TasksSettings(shell=True))


async def run(ctx: Any, command: Any, /, **more: Any) -> dict[str, Any]:
    """Run a command, a text as a script, and return its output."""
    given = {"command": command, **({"shell": True} if isinstance(command, str) else {}), **more}
    with anyio.fail_after(30):
        output = await SHELL(ctx, ShellInput.model_validate(given))
    found: dict[str, Any] = output.model_dump()
    return found


async def failure(ctx: Any, command: Any, /, **more: Any) -> TaskError:
    with pytest.raises(TaskError) as caught:
        await run(ctx, command, **more)
    return caught.value


def alive(pid: int) -> bool:
    """Tell whether a process exists, dead but not reaped included."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def pids_in(marker: Path) -> list[int]:
    """Return the process ids in a file, once it ends with a full stop."""
    with anyio.fail_after(15):
        while not (marker.exists() and marker.read_text().rstrip().endswith(".")):
            await anyio.sleep(0.01)
    return [int(word) for word in marker.read_text().split() if word != "."]
