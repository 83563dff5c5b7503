"""The task types of the histories. They are part of what was written: their names and declarations stay."""

from collections.abc import Mapping
from typing import Any

import anyio

from harmonia_core import PermanentError, TaskContext, TaskError, TaskType, task_type

SECRET = "HARMONIA_SECRET_API_TOKEN", "s3cr3t-token"


class Workers:
    """Make the task types for one engine. holding: whether `hold` and `charge` never end.

    tokens: of the attempts that were deferred, by path.
    """

    def __init__(self, holding: bool, tokens: dict[str, str]) -> None:
        self.holding, self.tokens = holding, tokens

    async def held(self, input: Mapping[str, Any]) -> Any:
        """Return the input's `value`, or never return."""
        if self.holding and input.get("hold", True):
            await anyio.sleep_forever()
        return input.get("value")

    def types(self) -> list[TaskType]:
        """Return fresh task types that belong to these workers."""

        @task_type("hold")
        async def hold(ctx: TaskContext, input: dict[str, Any]) -> Any:
            """Hold the attempt in flight while its first engine lives."""
            return await self.held(input)

        @task_type("charge", idempotent=False)
        async def charge(ctx: TaskContext, input: dict[str, Any]) -> Any:
            """Hold an attempt that must not be repeated."""
            return await self.held(input)

        @task_type("later")
        async def later(ctx: TaskContext, input: dict[str, Any]) -> None:
            """Leave the attempt open."""
            self.tokens[ctx.path] = ctx.defer()

        return [add, flaky, broken, text, hold, charge, later]


@task_type("add")
async def add(ctx: TaskContext, input: dict[str, Any]) -> Any:
    """Add one."""
    return {"n": input["n"] + 1}


@task_type("flaky")
async def flaky(ctx: TaskContext, input: dict[str, Any]) -> Any:
    """Fail the first attempts."""
    if ctx.attempt <= input["fails"]:
        code, after = input.get("code", "not-yet"), input.get("after")
        raise TaskError("Not yet.", code, "connection", retry_after=after, details={"try": ctx.attempt})
    return ctx.attempt


@task_type("broken")
async def broken(ctx: TaskContext, input: dict[str, Any]) -> Any:
    """Fail for good."""
    raise PermanentError("It cannot be done.", "no-way")


@task_type("text")
async def text(ctx: TaskContext, input: dict[str, Any]) -> Any:
    """Return a text of some length, or the length of a text."""
    return len(input["of"]) if "of" in input else input["letter"] * input["size"]
