"""A store opened for looking only: nothing is driven, adopted or announced to plugins."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import anyio

from harmonia_api.settings import default_store, read_settings
from harmonia_core.host import Engine, KernelSettings, Plugins, create_backend, load_plugins

Value = TypeVar("Value")


def read_store(db: str | None, question: Callable[[Engine], Awaitable[Value]]) -> Value:
    """Ask an engine that only reads; return its answer. Raises HarmoniaError."""
    return anyio.run(_ask, db, question)


async def _ask(db: str | None, question: Callable[[Engine], Awaitable[Value]]) -> Value:
    async with reader(db) as engine:
        return await question(engine)


@asynccontextmanager
async def reader(
    db: str | None, settings: KernelSettings | None = None, plugins: Plugins | None = None
) -> AsyncIterator[Engine]:
    """Open a store for an engine that does not work; call only what asks, such as `get` or `logs`."""
    settings = settings or read_settings()
    plugins = plugins or load_plugins(settings)
    backend = create_backend(db or default_store(make=False), plugins, settings)
    engine = Engine(backend, plugins, settings)
    await backend.open(None)
    try:
        yield engine
    finally:
        await backend.close()
