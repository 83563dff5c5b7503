"""Acceptance tests share `programs`: processes of Harmonia, and what they left behind."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))
# What their assertions compared is told as in a test; before they are imported.
pytest.register_assert_rewrite("warm", "watched", "programs", "postgres_place", "steady")

from postgres_place import PostgresPlace  # noqa: E402
from programs import HERE, Place, Program  # noqa: E402

from harmonia_sql.testing.fixtures import (  # noqa: E402
    postgres_cluster,
    postgres_database,
    postgres_server,
    postgres_url,
    restartable_cluster,
)

__all__ = (
    "postgres_cluster",
    "postgres_database",
    "postgres_server",
    "postgres_url",
    "restartable_cluster",
)


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


@pytest.fixture
def load(place: Place) -> Program:
    """Return a process that keeps fifty executions in flight at the place's store."""
    program = place.script("load.py", place.folder / "stop")
    # From now on: it contributes the type itself.
    place.environment["HARMONIA_PLUGIN_FILES"] = str(HERE / "load.py")
    return program


@pytest.fixture
def loaded(place: Place, load: Program) -> Place:
    """Return a place at whose store a process keeps fifty executions in flight."""
    return place


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run the tests of a module on each of its `STORES`."""
    stores = getattr(metafunc.module, "STORES", ())
    if stores and "place" in metafunc.fixturenames:
        metafunc.parametrize("place", stores, indirect=True)
