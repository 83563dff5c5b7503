"""`harmonia executions cancel`."""

from collections.abc import Sequence
from pathlib import Path

import anyio

from harmonia_api.cli.files import allow_files
from harmonia_api.cli.local import allow_local
from harmonia_api.cli.modules import allow_modules, modules_in
from harmonia_api.cli.printing import print_json
from harmonia_api.cli.session import actor
from harmonia_api.settings import default_store, read_settings
from harmonia_core.host import Engine, create_backend, load_plugins


def cancel_one(
    execution_id: str, reason: str | None, no_wait: bool, folders: Sequence[Path], db: str | None, json: bool
) -> int:
    """Cancel an execution and return 0; raise HarmoniaError if that is not possible."""
    names = [name for folder in folders for name in modules_in(folder).names]
    settings = allow_files(allow_local(allow_modules(read_settings(), names)), folders)
    plugins = load_plugins(settings)
    backend = create_backend(db or default_store(), plugins, settings)

    async def cancel() -> str:
        async with Engine(backend, plugins, settings) as engine:
            await engine.cancel(execution_id, reason, actor=actor(), wait=not no_wait)
            return str((await engine.get(execution_id))["status"])

    status = anyio.run(cancel)
    if json:
        print_json({"id": execution_id, "status": status})
    else:
        print(f"{execution_id}: {status}" + (" (cancel accepted)" if status != "cancelled" else ""))
    return 0
