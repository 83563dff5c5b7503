"""Acceptance tests share `programs`: processes of Harmonia, and what they left behind."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))

from postgres_place import PostgresPlace
from programs import Place

from harmonia_sql.testing.fixtures import own_postgres, postgres_cluster, postgres_database, postgres_url

__all__ = ("own_postgres", "postgres_cluster", "postgres_database", "postgres_url")


@pytest.fixture
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """Return a folder with a store of its own; processes started there end with the test.

    The store is a file, unless the test's module names `STORES`.
    """
    if getattr(request, "param", "sqlite") == "postgresql":
        place: Place = PostgresPlace(tmp_path, server=request.getfixturevalue("postgres_url"))
    else:
        place = Place(tmp_path)
    yield place
    place.end()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run the tests of a module on each of its `STORES`."""
    stores = getattr(metafunc.module, "STORES", ())
    if stores and "place" in metafunc.fixturenames:
        metafunc.parametrize("place", stores, indirect=True)
