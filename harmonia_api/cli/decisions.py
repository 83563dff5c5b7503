"""`harmonia executions resolve|undo`, and `cancel --undo`."""

from collections.abc import Awaitable, Callable, Sequence

import anyio

from harmonia_api.cli import exits
from harmonia_api.cli.hints import recover_command
from harmonia_api.cli.printing import print_json
from harmonia_api.cli.session import actor
from harmonia_api.cli.source import Refused
from harmonia_api.settings import default_store, read_settings
from harmonia_core import Problem
from harmonia_core.host import Engine, create_backend, load_plugins


def resolve_one(
    execution_id: str, path: str, given: Sequence[str], comment: str | None, db: str | None, json: bool
) -> int:
    """Record a decision about one task and return 0; raise HarmoniaError if that is not possible."""
    if len(given) != 1:
        message = "give exactly one of --retry, --skip, --fail and --done"
        raise Refused([Problem("options-conflict", "", message)])
    how = given[0]

    async def resolve(engine: Engine) -> str:
        return await engine.resolve(execution_id, path, how, comment, actor=actor())  # type: ignore[arg-type]

    status, owned = _with_engine(execution_id, resolve, db)
    if json:
        print_json({"id": execution_id, "path": path, "resolution": how, "status": status})
    else:
        print(f"{execution_id}: {path}: {how} recorded; the execution is {status}{_rest(status, owned, db)}")
    return 0


def undo_one(execution_id: str, reason: str | None, no_wait: bool, db: str | None, json: bool) -> int:
    """Undo an execution and return the exit code; raise HarmoniaError if that is not possible."""

    async def undo(engine: Engine) -> str:
        return await engine.undo(execution_id, reason, actor=actor(), wait=not no_wait)

    status, owned = _with_engine(execution_id, undo, db)
    if json:
        print_json({"id": execution_id, "status": status})
    else:
        accepted = "" if status in ("compensated", "attention") else " (undo accepted)"
        print(f"{execution_id}: {status}{accepted}{_rest(status, owned, db)}")
    return exits.NOT_ENDED if status == "attention" else 0


def _with_engine(
    execution_id: str, act: Callable[[Engine], Awaitable[str]], db: str | None
) -> tuple[str, bool]:
    """Let an engine act that drives nothing; return the status, and whether somebody drives the execution."""
    settings = read_settings()
    plugins = load_plugins(settings)
    backend = create_backend(db or default_store(), plugins, settings)

    async def acted() -> tuple[str, bool]:
        async with Engine(backend, plugins, settings) as engine:
            status = await act(engine)
            owner = (await engine.get(execution_id))["owner"]
            return status, owner is not None and owner["alive"]

    return anyio.run(acted)


def _rest(status: str, owned: bool, db: str | None) -> str:
    """Say how an execution goes on that nobody drives."""
    open_ = status in ("running", "cancelling", "compensating")
    return f"; `{recover_command(db)}` goes on with it" if open_ and not owned else ""
