"""A task that waits at a gate, and what was seen of it: for tests of what is interrupted."""

from collections.abc import Callable
from typing import Any

import anyio

from harmonia_core import task_type

SEEN: list[Any] = []
GATE: list[anyio.Event] = [anyio.Event()]


@task_type("hang")
async def hang(ctx: Any, input: Any) -> None:
    """Wait for the gate; note that it was interrupted."""
    SEEN.append(ctx.path)
    try:
        await GATE[0].wait()
    except BaseException:
        SEEN.append(f"{ctx.path} interrupted")
        raise


def afresh() -> None:
    """Forget what was seen, and shut the gate."""
    SEEN.clear()
    GATE[:] = [anyio.Event()]


async def until(condition: Callable[[], bool]) -> None:
    """Let everything else go on until a condition holds; fail after ten seconds."""
    with anyio.fail_after(10):
        while not condition():
            await anyio.sleep(0)
