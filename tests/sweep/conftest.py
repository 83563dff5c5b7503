"""The sweep: its modules within reach, stores to die on, a secret, and a table of what came of it."""

import logging
import secrets
import shutil
import sys
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from threading import Thread
from typing import Any

import anyio
import pytest

sys.path.append(str(Path(__file__).parent))

from sweep_life import plugins
from sweep_secret import NAME, SAID, SECRET, Listener
from sweep_table import table

from harmonia_core import EngineRow
from harmonia_core.host import KernelSettings, create_backend
from harmonia_sql.testing.fixtures import (
    postgres_cluster,
    postgres_database,
    postgres_url,
)

__all__ = ("postgres_cluster", "postgres_database", "postgres_url")
NUMBERS = count()


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Give the corpus its secret, and listen to what is logged."""
    monkeypatch.setenv(NAME, SECRET)
    listener, logger = Listener(), logging.getLogger("harmonia")
    SAID.clear()
    logger.addHandler(listener)
    yield
    logger.removeHandler(listener)


@pytest.fixture
def memory() -> Callable[[], str]:
    """Give the URL of a new store in memory with each call."""
    return lambda: f"memory://sweep-{next(NUMBERS)}"


async def _make(path: Path) -> None:
    backend = create_backend(f"sqlite:///{path}", plugins(), KernelSettings())
    await backend.open(EngineRow("nobody", 1, "nowhere", 1.0))
    await backend.close()


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file with tables and nothing in them: copying it costs less than making them."""
    path = tmp_path_factory.mktemp("empty") / "empty.db"
    # In a thread: a test that asks for it has a loop in this one.
    maker = Thread(target=anyio.run, args=(_make, path))
    maker.start()
    maker.join()
    return path


@pytest.fixture
def sqlite(tmp_path: Path, empty: Path) -> Callable[[], str]:
    """Give the URL of a new file with each call."""

    def make() -> str:
        path = tmp_path / f"{next(NUMBERS)}.db"
        shutil.copy(empty, path)
        return f"sqlite:///{path}?synchronous=normal"

    return make


@pytest.fixture
def postgres(postgres_database: str) -> Iterator[Callable[[], str]]:
    """Give the URL of a new schema of the worker's database with each call."""
    import psycopg

    names: list[str] = []

    def make() -> str:
        names.append(f"sweep_{secrets.token_hex(6)}")
        with psycopg.connect(postgres_database, autocommit=True) as connection:
            connection.execute(f"CREATE SCHEMA {names[-1]}".encode())
        joint = "&" if "?" in postgres_database else "?"
        return f"{postgres_database}{joint}options=-csearch_path%3D{names[-1]}"

    yield make
    with psycopg.connect(postgres_database, autocommit=True) as connection:
        for name in names:
            connection.execute(f"DROP SCHEMA {name} CASCADE".encode())


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the table of the sweeps that were asked for at full size."""
    reports = [one for stat in ("passed", "failed") for one in terminalreporter.stats.get(stat, ())]
    rows = [value for one in reports for name, value in one.user_properties if name == "swept"]
    if rows:
        terminalreporter.section("crash-point sweep")
        for line in table(rows):
            terminalreporter.write_line(line)
