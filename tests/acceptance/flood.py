"""Many executions of a chain of five, fifty in flight: `python flood.py URL COUNT`.

Says `started ID` once a start is durable, `ended ID STATUS` for each end, `trouble CODE MESSAGE` for
each that could not go on, and ends with 0.
"""

import sys
from typing import Any

import anyio

from harmonia_core import HarmoniaError, TaskContext, task_type
from harmonia_core.host import Engine, KernelSettings, create_backend, load_plugins

IN_FLIGHT, LENGTH, FILLER = 50, 5, "x" * 400


@task_type("fill")
async def fill(ctx: TaskContext, input: dict[str, Any]) -> Any:
    """Return the input plus one, and something that takes room."""
    return {"n": input["n"] + 1, "filler": FILLER}


def chain() -> dict[str, Any]:
    tasks: dict[str, Any] = {"t0": {"type": "fill", "input": {"n": "${input.n}"}}}
    for n in range(1, LENGTH):
        before = f"t{n - 1}"
        number = f"${{tasks.{before}.output.n}}"
        tasks[f"t{n}"] = {"type": "fill", "depends_on": [before], "input": {"n": number}}
    return {"name": "flood", "tasks": tasks, "output": {"n": f"${{tasks.t{LENGTH - 1}.output.n}}"}}


async def flood(engine: Engine, count: int) -> None:
    numbers, definition = iter(range(count)), chain()

    async def submit() -> None:
        for number in numbers:
            try:
                execution_id = await engine.start(definition, {"n": number})
                print("started", execution_id, flush=True)
                print("ended", execution_id, await engine.wait(execution_id), flush=True)
            except HarmoniaError as error:
                print("trouble", error.code, error, flush=True)

    async with anyio.create_task_group() as group:
        for _ in range(IN_FLIGHT):
            group.start_soon(submit)


async def main(url: str, count: int) -> None:
    settings = KernelSettings(store_patience=0.0)
    plugins = load_plugins(settings, extra=[fill])
    async with Engine(create_backend(url, plugins, settings), plugins, settings) as engine:
        if count:
            await flood(engine, count)
            return
        for execution_id in (await engine.recover()).adopted:
            print("ended", execution_id, await engine.wait(execution_id), flush=True)


if __name__ == "__main__":
    anyio.run(main, sys.argv[1], int(sys.argv[2]))
