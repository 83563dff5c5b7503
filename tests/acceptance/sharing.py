"""An engine that serves until it is told to end: `python sharing.py URL COUNT`.

It starts COUNT executions of a chain, says `started ID` for each, and adopts the executions of engines
that are gone. SIGTERM ends it.
"""

import os
import signal
import sys

import anyio
import work

from harmonia_core import TaskContext, task_type
from harmonia_core.host import Engine, KernelSettings, create_backend, load_plugins

LENGTH = 8


@task_type("note")
async def note(ctx: TaskContext, input: dict[str, float]) -> str:
    """Note the attempt, then take so long; `t2` waits until the gate is there."""
    work.note(ctx)
    while ctx.path == "t2" and not os.path.exists(os.environ["GATE"]):
        await anyio.sleep(0.02)
    await anyio.sleep(input["seconds"])
    return ctx.path


def chain(seconds: float) -> dict[str, object]:
    tasks = {
        f"t{n}": {"type": "note", "input": {"seconds": seconds}, "depends_on": [f"t{n - 1}"] if n else []}
        for n in range(LENGTH)
    }
    return {"name": "shared", "tasks": tasks}


async def serve(url: str, count: int) -> None:
    settings = KernelSettings(adopt_orphans=True)
    plugins = load_plugins(settings, extra=[note])
    with anyio.open_signal_receiver(signal.SIGTERM) as signals:
        async with Engine(create_backend(url, plugins, settings), plugins, settings) as engine:
            print("engine", engine.engine_id, flush=True)
            for _ in range(count):
                print("started", await engine.start(chain(0.15)), flush=True)
            print("ready", flush=True)
            async for _ in signals:
                break


if __name__ == "__main__":
    anyio.run(serve, sys.argv[1], int(sys.argv[2]))
