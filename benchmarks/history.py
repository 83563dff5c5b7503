"""How long the past takes: states, differences and timelines of a map of 10,000 items.

Two executions of the same map, of which one item differs; each question is asked several times.
"""

import argparse
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import anyio

from harmonia_core import task_type
from harmonia_core.host import Engine, KernelSettings, create_backend, load_plugins

TIMES = 3


@task_type("step")
async def step(ctx: Any, input: dict[str, Any]) -> Any:
    """Return one more; one item of the second execution says something else."""
    return {"n": input["n"] + (2 if input["n"] == input["odd"] else 1)}


def workflow(items: int) -> dict[str, Any]:
    """Return a map of so many items."""
    work = {"type": "step", "input": {"n": "${item}", "odd": "${input.odd}"}}
    rows = {"type": "map", "input": {"range": {"stop": items}}, "task": work}
    return {"name": "wide", "tasks": {"rows": rows}}


async def timed(name: str, ask: Any) -> Any:
    """Ask several times, print the quickest and the slowest answer, return the last."""
    took, answer = [], None
    for _ in range(TIMES):
        begun = time.perf_counter()
        answer = await ask()
        took.append(time.perf_counter() - begun)
    print(f"{name:<52} {min(took) * 1e3:8.1f} to {max(took) * 1e3:8.1f} ms")
    return answer


async def measure(items: int, folder: Path) -> None:
    """Run the map twice on a new store, and ask about it."""
    settings = KernelSettings()
    plugins = load_plugins(settings, extra=[step])
    backend = create_backend(f"sqlite:///{folder}/history.db", plugins, settings)
    async with Engine(backend, plugins, settings) as engine:
        ids = []
        for odd in (-1, items - 5):
            ids.append(await engine.start(workflow(items), {"odd": odd}))
            await engine.wait(ids[-1])
        one, other = ids
        end = (await engine.get(one))["seq"]
        print(f"{items:,} items, {end:,} events")
        await timed("state in the middle", lambda: engine.state_at(one, end // 2))
        await timed("diff start to end, first 100", lambda: engine.diff(one, 1, one, end))
        page = await engine.diff(one, 1, one, end, limit=items // 2)
        await timed("diff start to end, 100 from the middle on",
                    lambda: engine.diff(one, 1, one, end, cursor=page["cursor"]))  # fmt: skip
        await timed(
            "diff of two moments in the middle", lambda: engine.diff(one, end // 2, one, end // 2 + 50)
        )
        found = await timed(
            "diff of two executions, one item differs", lambda: engine.diff(one, "end", other)
        )
        assert [task["path"] for task in found["tasks"]] == [f"rows[{items - 5}]"]
        await timed("patch start to end", lambda: engine.diff_patch(one, 1, one, end))
        await timed("timeline", lambda: engine.timeline(one))


def main() -> None:
    """Measure with the number of items that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=10_000)
    items = parser.parse_args().items
    with TemporaryDirectory() as folder:
        anyio.run(measure, items, Path(folder))


if __name__ == "__main__":
    main()
