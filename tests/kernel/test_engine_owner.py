"""Who owns an execution that was adopted only to deliver a request."""

from typing import Any

import anyio

from harmonia_core import task_type
from harmonia_core.clock import SystemClock
from harmonia_core.errors import StateLocked
from harmonia_core.host import Engine, KernelSettings, create_backend, load_plugins

TOKENS: list[str] = []


@task_type("later")
async def later(ctx: Any, input: Any) -> None:
    """Wait for a completion."""
    TOKENS.append(ctx.defer())


class Hasty(SystemClock):
    """A clock whose sleeps are over at once."""

    async def sleep_until(self, due: float) -> None:
        await anyio.sleep(0)


def engine() -> Engine:
    settings = KernelSettings()
    plugins = load_plugins(settings, extra=[later])
    return Engine(create_backend("memory://owners", plugins, settings), plugins, settings, Hasty())


def busy_once(backend: Any) -> list[object]:
    """Let the next submission find the store locked; return where such refusals are noted."""
    submit, refused = backend.submit, []

    def first(units: Any, done: Any) -> None:
        backend.submit = submit
        refused.append(units)
        done([(unit, StateLocked("the store is busy")) for unit in units])

    backend.submit = first
    return refused


async def test_a_delivery_that_is_tried_again_still_leaves_no_owner() -> None:
    async with engine() as gone:
        execution_id = await gone.start({"name": "flow", "tasks": {"t": {"type": "later"}}})
        with anyio.fail_after(10):
            while "TaskDeferred" not in [event["type"] async for event in gone.events(execution_id)]:
                await anyio.sleep(0)
    async with engine() as other:
        refused = busy_once(other.backend)
        await other.complete(TOKENS.pop(), "done")
        assert len(refused) == 1
        view = await other.get(execution_id)
        assert view["tasks"][0]["status"] == "succeeded" and view["owner"] is None
