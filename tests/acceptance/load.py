"""A load for acceptance tests: executions of five tasks, many in flight, until a file appears.

As a one-file plugin it contributes the task type of that load; as a program it runs it:
`python load.py URL STOP`.
"""

import sys
from pathlib import Path
from typing import Any

import anyio

from harmonia_core import TaskContext, task_type

IN_FLIGHT = 50
PAYLOAD = "x" * 4000
CHAIN: dict[str, Any] = {
    "name": "load",
    "tasks": {
        f"t{n}": {
            "type": "load.step",
            "input": {
                "n": "${input.n}" if n == 0 else f"${{tasks.t{n - 1}.output.n}}",
                "text": "${input.text}",
            },
            "depends_on": [f"t{n - 1}"] if n else [],
        }
        for n in range(5)
    },
    "output": "${tasks.t4.output.n}",
}


@task_type("load.step")
async def step(ctx: TaskContext, input: dict[str, Any]) -> Any:
    """Count one on, so slowly that there is room for those who look on."""
    await anyio.sleep(0.15)
    return {"n": input["n"] + 1}


async def run(url: str, stop: Path) -> None:
    """Keep executions in flight until the file is there."""
    from harmonia_core.host import Engine, KernelSettings, create_backend, load_plugins

    settings = KernelSettings()
    plugins = load_plugins(settings, extra=[step])

    async def submit(engine: Engine) -> None:
        while not stop.exists():
            await engine.wait(await engine.start(CHAIN, {"n": 0, "text": PAYLOAD}))

    engine = Engine(create_backend(url, plugins, settings), plugins, settings)
    async with engine, anyio.create_task_group() as group:
        for _ in range(IN_FLIGHT):
            group.start_soon(submit, engine)


if __name__ == "__main__":
    anyio.run(run, sys.argv[1], Path(sys.argv[2]))
