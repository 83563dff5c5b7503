"""The task types of the benchmarks. Each returns `{n: input.n + 1}`; some also note when, or sleep first."""

import itertools
import os
import random
import signal
import time
from typing import Any

import anyio

from harmonia_core import TaskContext, task_type

LONGEST_SLEEP, SEED = 0.5, 20260
entered: list[float] = []
"""When `bench.clocked` was entered, in seconds of time.perf_counter."""
spent: list[float] = []
"""What the process had used when `bench.spent` was entered, in seconds of time.process_time."""


def sleeps(count: int) -> list[float]:
    """Return the same `count` uniform draws of seconds every time."""
    draws = random.Random(SEED)
    return [draws.uniform(0, LONGEST_SLEEP) for _ in range(count)]


@task_type("bench.step")
async def step(ctx: TaskContext, input: dict[str, Any]) -> Any:
    return {"n": input["n"] + 1}


@task_type("bench.clocked")
async def clocked(ctx: TaskContext, input: dict[str, Any]) -> Any:
    entered.append(time.perf_counter())
    return {"n": input["n"] + 1}


@task_type("bench.spent")
async def spending(ctx: TaskContext, input: dict[str, Any]) -> Any:
    spent.append(time.process_time())
    return {"n": input["n"] + 1}


def sleeper(count: int) -> Any:
    """Return the task type `bench.sleep`, whose task t00017 sleeps the 18th draw."""
    draws = sleeps(count)

    @task_type("bench.sleep")
    async def sleep(ctx: TaskContext, input: dict[str, Any]) -> Any:
        await anyio.sleep(draws[int(ctx.path[1:])])
        return {"n": input["n"] + 1}

    return sleep


def marker(path: str, die_at: int = 0) -> Any:
    """Return the task type `bench.mark`, which appends when (seconds since the epoch) and where to a file.

    die_at: the entry of this number, once it is noted, kills the process with SIGKILL.
    """
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    entries = itertools.count(1)

    @task_type("bench.mark")
    async def mark(ctx: TaskContext, input: dict[str, Any]) -> Any:
        os.write(file, f"{time.time():.6f} {ctx.path}\n".encode())
        if next(entries) == die_at:
            os.kill(os.getpid(), signal.SIGKILL)
        return {"n": input["n"] + 1}

    return mark
