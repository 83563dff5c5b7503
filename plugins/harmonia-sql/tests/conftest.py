"""What the tests of this distribution share: a database file, and backends that are closed at the end."""

import contextlib
import sys
from pathlib import Path

import pytest

from harmonia_core import EngineRow
from harmonia_sql import SQLITE
from harmonia_sql.testing.fixtures import (  # noqa: F401
    own_postgres,
    postgres_cluster,
    postgres_database,
    postgres_url,
)
from harmonia_sql.testing.proxy import Proxy

sys.path.append(str(Path(__file__).parent))


@pytest.fixture(scope="session")
def anyio_backend():
    return "asyncio"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "harmonia.db"


@pytest.fixture
async def opened(path):
    """Return a function that opens one more backend on the file."""
    async with contextlib.AsyncExitStack() as stack:

        async def open_one(name="engine-a", in_place="auto", query=""):
            backend = SQLITE.create(f"sqlite:///{path}{query}", in_place)
            stack.push_async_callback(backend.close)
            await backend.open(EngineRow(name, 1, "here", 1.0) if name else None)
            return backend

        yield open_one


@pytest.fixture
def proxy(postgres_url):  # noqa: F811
    """Give a way to the schema that can be cut."""
    proxy = Proxy(postgres_url)
    yield proxy
    proxy.close()
