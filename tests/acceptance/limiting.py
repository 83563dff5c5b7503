"""An engine that serves under limits until it is told to end: `python limiting.py URL COUNT`.

It starts COUNT executions whose tasks share two resources, says `started ID` for each, and adopts the
executions of engines that are gone. SIGTERM ends it.
"""

import signal
import sys

import anyio
import work

from harmonia_core import TaskContext, task_type
from harmonia_core.host import Engine, KernelSettings, create_backend, load_plugins

GPU, DISK, FLOWS = 3, 2, 4


@task_type("note")
async def note(ctx: TaskContext, input: dict[str, float]) -> str:
    """Note the attempt, then take so long; the first attempt of `retried` fails."""
    work.note(ctx)
    await anyio.sleep(input["seconds"])
    if ctx.path == "retried" and ctx.attempt == 1:
        raise RuntimeError("as told")
    return ctx.path


def flow() -> dict[str, object]:
    brief = {"type": "note", "input": {"seconds": 0.02}}
    again = {"retry_policy": {"max_retries": 2, "initial_delay": 0.01, "jitter": 0}}
    tasks = {
        "each": {"type": "map", "input": {"range": {"stop": 4}}, "task": {**brief, "limits": ["gpu"]}},
        "retried": {**brief, **again, "limits": {"gpu": 1, "disk": 1}},
        "last": {**brief, "limits": {"gpu": 2}, "depends_on": ["each", "retried"]},
    }
    return {"name": "limited", "tasks": tasks, "concurrency": {"max": FLOWS}}


async def serve(url: str, count: int) -> None:
    settings = KernelSettings(adopt_orphans=True)
    plugins = load_plugins(settings, extra=[note])
    with anyio.open_signal_receiver(signal.SIGTERM) as signals:
        async with Engine(create_backend(url, plugins, settings), plugins, settings) as engine:
            await engine.set_limit("resource", "gpu", most=GPU)
            await engine.set_limit("resource", "disk", most=DISK)
            for _ in range(count):
                print("started", await engine.start(flow()), flush=True)
            print("ready", flush=True)
            async for _ in signals:
                break


if __name__ == "__main__":
    anyio.run(serve, sys.argv[1], int(sys.argv[2]))
