"""The task types of simulated workflows: what an attempt does stands in its input, in virtual seconds."""

from contextvars import ContextVar
from hashlib import sha256
from typing import Any

import anyio
from pydantic_core import to_json

from harmonia_core import PermanentError, TaskContext, TaskError, TaskType, task_type

SECRET = "HARMONIA_SECRET_API_TOKEN", "s3cr3t-0f-the-seed"
DEFERRED: ContextVar[Any] = ContextVar("deferred")
"""Who completes deferred attempts: called with token, input and the attempt's number."""


def digest(value: Any) -> int:
    """Return a small number that stands for a value."""
    return int.from_bytes(sha256(to_json(value)).digest()[:3])


def result(ctx: TaskContext, input: dict[str, Any]) -> Any:
    """Return what an attempt comes to, or raise: the same in every engine that carries it out."""
    if ctx.attempt <= input.get("fails", 0):
        said = f"Try {ctx.attempt} of {ctx.path}, {input.get('auth', '')}"
        raise TaskError(said, "not-yet", "connection", details={"auth": input.get("auth")})
    if input.get("broken"):
        raise PermanentError(f"It cannot be done {input.get('auth', '')}", "no-way")
    found: Any = {"v": digest([ctx.path, input.get("v")])}
    if "auth" in input:
        found["said"] = f"with {input['auth']}"
    if input.get("pad"):
        found["pad"] = "x" * input["pad"]
    return found


async def _take_time(ctx: TaskContext, input: dict[str, Any]) -> None:
    left: float = input.get("takes", 0)
    if not input.get("deaf"):
        if input.get("beats"):
            while left > 0:
                ctx.heartbeat({"left": left, "auth": input.get("auth")})
                await anyio.sleep(min(left, 0.4))
                left -= 0.4
        elif left:
            await anyio.sleep(left)
        return
    end = anyio.current_time() + left
    while anyio.current_time() < end:
        try:
            with anyio.CancelScope(shield=True):
                await anyio.sleep(end - anyio.current_time())
        except anyio.get_cancelled_exc_class():
            continue


async def _labour(ctx: TaskContext, input: dict[str, Any]) -> Any:
    if "auth" in input:
        ctx.log("info", f"going with {input['auth']}")
    await _take_time(ctx, input)
    return result(ctx, input)


@task_type("work")
async def work(ctx: TaskContext, input: dict[str, Any]) -> Any:
    """Take time, then succeed or fail as the input says."""
    return await _labour(ctx, input)


@task_type("charge", idempotent=False)
async def charge(ctx: TaskContext, input: dict[str, Any]) -> Any:
    """Do what must not be repeated if it was lost."""
    return await _labour(ctx, input)


@task_type("plain")
def plain(ctx: TaskContext, input: dict[str, Any]) -> Any:
    """Do it in a thread."""
    return result(ctx, input)


@task_type("later")
async def later(ctx: TaskContext, input: dict[str, Any]) -> None:
    """Leave the attempt open until somebody completes it."""
    await _take_time(ctx, input)
    DEFERRED.get()(ctx.defer(), input, ctx.attempt)


TYPES: tuple[TaskType, ...] = (work, charge, plain, later)
