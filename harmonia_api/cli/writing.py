"""A store opened by an engine that writes, but drives nothing that others began."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import anyio

from harmonia_api.cli.local import allow_local
from harmonia_api.settings import default_store, read_settings
from harmonia_core.host import Engine, KernelSettings, Plugins, create_backend, load_plugins

Value = TypeVar("Value")


def write_store(
    db: str | None,
    work: Callable[[Engine], Awaitable[Value]],
    settings: KernelSettings | None = None,
    plugins: Plugins | None = None,
) -> Value:
    """Let an engine do some work, and return what came of it. Raises HarmoniaError."""
    settings = settings or allow_local(read_settings())
    plugins = plugins or load_plugins(settings)
    backend = create_backend(db or default_store(), plugins, settings)

    async def held() -> Value:
        async with Engine(backend, plugins, settings) as engine:
            return await work(engine)

    return anyio.run(held)
