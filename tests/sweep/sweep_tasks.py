"""Task types of the corpus: each leaves a mark in the world, and says what it does by its input alone."""

from typing import Any

import anyio
from sweep_world import world

from harmonia_core import TaskContext, TaskError, task_type


async def effect(ctx: TaskContext, name: str = "") -> None:
    """Do something to the world, once for each call; a process may die right before and right behind it."""
    here = world()
    if here.fate.reach("before", ["effect"]):
        await anyio.sleep_forever()
    here.note("effect", key=ctx.idempotency_key, path=ctx.path, attempt=ctx.attempt, name=name)
    if here.fate.reach("after", ["effect"]):
        await anyio.sleep_forever()


def _fail(ctx: TaskContext, input: dict[str, Any]) -> None:
    if ctx.attempt <= input.get("fails", 0):
        code = input.get("code", "not-now")
        raise TaskError("as told", code=code, retryable=not input.get("permanent", False))


@task_type("do")
async def do(ctx: TaskContext, input: dict[str, Any]) -> Any:
    """Do something under a name; `fails` attempts fail behind it. Returns `value`, or what was done."""
    await effect(ctx, input.get("name", ""))
    needs = input.get("needs", ())
    for name in needs:
        world().hold(name)
    try:
        for _ in range(input.get("turns", 0)):
            await anyio.sleep(0)
        _fail(ctx, input)
    finally:
        for name in needs:
            world().release(name)
    return input["value"] if "value" in input else {"did": input.get("name", ctx.path)}


@task_type("undo")
async def undo(ctx: TaskContext, input: dict[str, Any]) -> None:
    """Undo what was done under a name; `fails` attempts fail behind it."""
    await effect(ctx, f"undo {input['did']}")
    _fail(ctx, input)


@task_type("hang")
async def hang(ctx: TaskContext, input: dict[str, Any]) -> None:
    """Do something, then wait for the end: by a time limit if `timed`. Attempt `until` ends by itself."""
    await effect(ctx, input.get("name", ""))
    if ctx.attempt >= input.get("until", 99):
        return
    if not input.get("timed"):
        world().hang(ctx.execution, ctx.path)
    await anyio.sleep_forever()


@task_type("later")
async def later(ctx: TaskContext, input: dict[str, Any]) -> None:
    """Hand a token out and return; whoever has it says how the task ends."""
    await effect(ctx)
    token = ctx.defer()
    world().note("token", path=ctx.path, execution=ctx.execution, token=token)


@task_type("keep")
async def keep(ctx: TaskContext, input: dict[str, Any]) -> Any:
    """Keep a file with the execution."""
    await effect(ctx)
    with ctx.artifact("letter.txt", "text/plain") as file:
        file.write(input["text"].encode() * input.get("times", 1))
    return file.reference


@task_type("read-kept")
async def read_kept(ctx: TaskContext, input: dict[str, Any]) -> int:
    """Return how many bytes a kept file has."""
    count = 0
    file = ctx.open_artifact(input["file"])
    async for chunk in file:
        count += len(chunk)
    return count


@task_type("tell")
async def tell(ctx: TaskContext, input: dict[str, Any]) -> Any:
    """Say everywhere what it was given, and return it."""
    await effect(ctx)
    ctx.log("info", f"given {input}", given=input)
    ctx.progress(text=f"with {input['key']}")
    print("given", input["key"])
    if ctx.attempt <= input.get("fails", 0):
        raise TaskError(f"refused {input['key']}", code="refused")
    return {"echo": input["key"], "said": f"key={input['key']}"}


@task_type("beats")
async def beats(ctx: TaskContext, input: dict[str, Any]) -> Any:
    """Show a sign of life and fail; the next attempt returns what the last sign said."""
    await effect(ctx)
    if ctx.attempt > 1:
        return ctx.last_heartbeat
    ctx.heartbeat({"line": 7})
    for _ in range(5):
        await anyio.sleep(0)
    raise TaskError("as told", code="not-now")


@task_type("large")
async def large(ctx: TaskContext, input: dict[str, Any]) -> Any:
    """Return more than the log holds inline."""
    await effect(ctx)
    return {"text": input["text"] * input["times"], "n": input["times"]}


@task_type("page")
async def page(ctx: TaskContext, input: dict[str, Any]) -> Any:
    """Return three pages of items, one after the other."""
    await effect(ctx)
    number = input["cursor"] or 0
    return {"items": [number * 10, number * 10 + 1], "next": number + 1 if number < 2 else None}


TYPES = (do, undo, hang, later, keep, read_kept, tell, beats, large, page)
