"""What happens to attempts when the loop or the task group goes away under them."""

from contextvars import copy_context
from typing import Any

import anyio
import pytest

from harmonia_core.engine.lanes import Lane, Lanes
from harmonia_core.engine.stepping import step_through
from harmonia_core.model.values import Hole, SecretRef

pytestmark = pytest.mark.anyio


async def test_a_cancelled_group_ends_attempts_without_an_outcome(bench: Any) -> None:
    seen: list[Any] = []

    async def task(ctx: Any, input: Any) -> None:
        try:
            await anyio.sleep_forever()
        finally:
            seen.append(ctx)

    async with bench() as b:
        b.start(task)
        await anyio.sleep(0.01)
        b.group.cancel_scope.cancel()
        with anyio.CancelScope(shield=True), anyio.fail_after(5):
            while b.dispatcher.in_flight("e"):
                await anyio.sleep(0.001)
        assert seen[0].cancelled and not b.delivered
    assert not b.delivered and b.dispatcher.abandoned == 0


async def test_a_body_that_is_closed_vanishes_and_is_closed_itself() -> None:
    closed: list[str] = []

    class Owner:
        let_go = False

        def vanish(self) -> None:
            closed.append("owner")

    async def body() -> Any:
        try:
            await anyio.lowlevel.checkpoint()
        finally:
            closed.append("body")

    stepping = step_through(body(), copy_context(), Owner(), Lane(Lanes(copy_context())))
    assert stepping.send(None) is None
    stepping.close()
    assert closed == ["owner", "body"]


async def test_an_input_that_is_too_deep_is_refused(bench: Any) -> None:
    async def task(ctx: Any, input: Any) -> None: ...

    deep: Any = 1
    for _ in range(300):
        deep = [deep]
    async with bench() as b:
        error = await b.fails(task, {"deep": deep})
    assert (error.code, error.retryable) == ("input-invalid", False)


async def test_a_hole_may_be_the_whole_input(bench: Any) -> None:
    async def task(ctx: Any, input: Any) -> Any:
        return len(input)

    async with bench(secrets={"db": "hunter2"}) as b:
        assert (await b.run(task, holes=(Hole((), (SecretRef("db"),)),))).output == 7
