"""An engine in this process with work in flight, and a watch over its loop: for faults under load."""

import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio

from harmonia_core import TaskContext, task_type
from harmonia_core.host import Engine, KernelSettings, create_backend, load_plugins

LENGTH, EVERY = 6, 0.01


@task_type("paced")
async def paced(ctx: TaskContext, input: dict[str, float]) -> int:
    """Take so many seconds."""
    await anyio.sleep(input["seconds"])
    return 1


def chain(seconds: float) -> dict[str, Any]:
    tasks = {
        f"t{n}": {"type": "paced", "input": {"seconds": seconds}, "depends_on": [f"t{n - 1}"] if n else []}
        for n in range(LENGTH)
    }
    return {"name": "steady", "tasks": tasks}


class Work:
    """Hold an engine, the executions that it was given, and the longest pause of the loop, in seconds."""

    def __init__(self, engine: Engine) -> None:
        self.engine, self.ids, self.ends = engine, list[str](), Counter[str]()
        self.pause = 0.0

    async def drive(self, seconds: float) -> None:
        """Start one execution and note how it ends."""
        execution_id = await self.engine.start(chain(seconds))
        self.ids.append(execution_id)
        self.ends[await self.engine.wait(execution_id)] += 1

    async def watch(self) -> None:
        """Measure the loop until cancelled."""
        while True:
            before = time.perf_counter()
            await anyio.sleep(EVERY)
            self.pause = max(self.pause, time.perf_counter() - before - EVERY)

    async def intact(self) -> bool:
        """Tell whether every log is gapless and every task has ended once."""
        for execution_id in self.ids:
            events = await self.engine.backend.events(execution_id)
            ends = [event for event in events if event.type == "TaskSucceeded"]
            if [event.seq for event in events] != list(range(1, len(events) + 1)) or len(ends) != LENGTH:
                return False
        return True


@asynccontextmanager
async def working(url: str, count: int, seconds: float) -> AsyncIterator[Work]:
    """Run COUNT executions of a chain while the block does harm; all have completed when it is left."""
    settings = KernelSettings()
    plugins = load_plugins(settings, extra=[paced])
    async with Engine(create_backend(url, plugins, settings), plugins, settings) as engine:
        work = Work(engine)
        with anyio.fail_after(60):
            async with anyio.create_task_group() as watching:
                watching.start_soon(work.watch)
                async with anyio.create_task_group() as group:
                    for _ in range(count):
                        group.start_soon(work.drive, seconds)
                    yield work
                watching.cancel_scope.cancel()
        assert work.ends == {"completed": count} and await work.intact()
        health = await engine.backend.health()
        assert health["ok"] is True, health
