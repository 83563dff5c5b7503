"""Every commit of an execution that undoes what it did is a point at which its process may die."""

from pathlib import Path
from typing import Any

import anyio
import pytest
from book import Book, Dying, broken, did

from harmonia_core.host import Inspector, KernelSettings, create_backend, load_plugins
from harmonia_core.testing.harness import Harness

pytestmark = pytest.mark.anyio
ITEM = {k: v for k, v in did("item ${index}").items() if k != "depends_on"}
BLOCK = {
    "type": "group", "depends_on": ["charge"], "on_failure": "compensate",
    "tasks": {"pack": did("pack"), "label": did("label", "pack"),
              "send": broken("label", input={"code": "no-carrier"})},
    "catch": [{"errors": "no-carrier", "task": {"type": "noop"}}],
}  # fmt: skip
ORDER = {
    "name": "order",
    "on_failure": "compensate",
    "tasks": {
        "reserve": did("reserve"),
        "charge": did("charge", "reserve"),
        "try_to_send": BLOCK,
        "tell": {"type": "map", "depends_on": ["try_to_send"], "input": {"range": {"stop": 2}}, "task": ITEM},
        "ship": broken("tell"),
    },
}
UNDONE_LAST = ["label", "pack"], {"item 0", "item 1"}, ["charge", "reserve"]
MOST = 60


def harness(book: Book, url: str) -> Harness:
    return Harness(*book.types(), url=url, settings=KernelSettings(cancel_grace=0.1, freeze_at_start=False))


async def first_life(book: Book, url: str, units: int) -> tuple[str, bool]:
    """Let an engine live for so many units; return the execution, and whether it had ended by then."""
    async with harness(book, url) as first:
        dying = Dying(first.engine.backend, units)
        execution = await first.engine.start(ORDER)
        ended = anyio.Event()

        async def finish() -> None:
            await first.finish(execution)
            ended.set()
            dying.happened.set()

        with anyio.fail_after(20):
            async with anyio.create_task_group() as group:
                group.start_soon(finish)
                await dying.happened.wait()
                group.cancel_scope.cancel()
    return execution, ended.is_set()


def check(book: Book, events: list[dict[str, Any]]) -> None:
    """Assert that all was undone in reverse order, and what was recorded as undone was undone once."""
    assert events[-1]["type"] == "ExecutionCompensated"
    ends = [event["data"]["path"] for event in events if event["type"] == "TaskSucceeded"]
    ends = [path for path in ends if path.endswith("~undo")]
    assert ends[:2] == ["try_to_send/body/label~undo", "try_to_send/body/pack~undo"]
    assert set(ends[2:4]) == {"tell[0]~undo", "tell[1]~undo"} and ends[4:] == ["charge~undo", "reserve~undo"]
    undone = list(dict.fromkeys(book.names("undo")))
    block, items, rest = UNDONE_LAST
    assert undone[:2] == block and set(undone[2:4]) == items and undone[4:] == rest
    losses = sum(event["type"] == "AttemptLost" for event in events)
    repeats = len(book.entries) - len({key for _, _, key in book.entries})
    assert repeats <= losses, "only what was in flight is repeated"


async def test_wherever_it_dies_it_ends_compensated(tmp_path: Path) -> None:
    sweeps = 0
    for units in range(1, MOST):
        book, url = Book(charge=1), f"sqlite:///{tmp_path}/{units}.db"
        execution, ended = await first_life(book, url, units)
        async with harness(book, url) as second:
            if not ended:
                assert (await second.engine.recover()).adopted == [execution]
            view = await second.finish(execution)
            assert view["status"] == "compensated", units
            check(book, await second.events(execution))
        await sound(book, url)
        sweeps += 1
        if ended:
            break
    assert 12 < sweeps < MOST


async def sound(book: Book, url: str) -> None:
    """Assert that what stands beside the log is what the log demands."""
    plugins = load_plugins(KernelSettings(), extra=book.types())
    backend = create_backend(url, plugins, KernelSettings())
    await backend.open(None)
    try:
        async for found in Inspector(backend, plugins).check():
            assert not found.problems
    finally:
        await backend.close()


async def test_it_dies_again_and_again(tmp_path: Path) -> None:
    """Each life gets three units: one in which it adopts, and so few more that something is always lost."""
    book, url = Book(charge=1), f"sqlite:///{tmp_path}/again.db"
    execution, _ = await first_life(book, url, 3)
    statuses: list[str] = []
    while "compensated" not in statuses:
        async with harness(book, url) as life:
            dying = Dying(life.engine.backend, 3)

            async def go_on(life: Harness = life, dying: Dying = dying) -> None:
                await life.engine.recover()
                statuses.append((await life.finish(execution))["status"])
                dying.happened.set()

            with anyio.fail_after(20):
                async with anyio.create_task_group() as group:
                    group.start_soon(go_on)
                    await dying.happened.wait()
                    group.cancel_scope.cancel()
    assert statuses == ["compensated"], "nothing is taken for what kills its process"
    async with harness(book, url) as last:
        check(book, await last.events(execution))
