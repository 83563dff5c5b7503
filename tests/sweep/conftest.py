"""The sweep: its modules within reach, stores to die on, a secret, and a table of what came of it."""

import logging
import secrets
import sys
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

sys.path.append(str(Path(__file__).parent))

from sweep_secret import NAME, SAID, SECRET, Listener
from sweep_table import table

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


@pytest.fixture
def sqlite(tmp_path: Path) -> Callable[[], str]:
    """Give the URL of a new file with each call."""
    return lambda: f"sqlite:///{tmp_path}/{next(NUMBERS)}.db?synchronous=normal"


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
