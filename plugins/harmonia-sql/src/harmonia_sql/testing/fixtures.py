"""Fixtures over PostgreSQL; import them into a conftest.py.

`HARMONIA_TEST_POSTGRES_URL` names a server to use instead of a cluster of one's own; its role
must be allowed to create databases. Without PostgreSQL tests are skipped; with `CI=true` they fail.
"""

import os
import secrets
from collections.abc import Iterator
from typing import Protocol

import pytest

from harmonia_sql.testing.binaries import find_programs
from harmonia_sql.testing.cluster import Cluster
from harmonia_sql.testing.shared import shared_cluster

REASON = "PostgreSQL's programs were not found (initdb on PATH, pg_config --bindir, /usr/lib/postgresql)"

END_OTHERS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
)


class Server(Protocol):
    """What makes and drops databases."""

    def create_database(self, name: str | None = None) -> str:
        """Make an empty database; return its URL."""
        ...

    def drop_database(self, url: str) -> None:
        """Delete a database."""
        ...


class GivenServer:
    """A server that is already there, by the URL of one of its databases."""

    def __init__(self, url: str) -> None:
        self._url = url

    def create_database(self, name: str | None = None) -> str:
        """Make an empty database; return its URL."""
        name = name or f"test_{secrets.token_hex(6)}"
        self._run(f'CREATE DATABASE "{name}"')
        front, _, query = self._url.partition("?")
        return f"{front.rpartition('/')[0]}/{name}{'?' + query if query else ''}"

    def drop_database(self, url: str) -> None:
        """Delete a database, whoever is connected to it."""
        name = url.partition("?")[0].rpartition("/")[2]
        self._run(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def _run(self, sql: str) -> None:
        import psycopg

        with psycopg.connect(self._url, autocommit=True) as connection:
            connection.execute(sql.encode())


def refuse_or_skip() -> None:
    """Skip a test that needs PostgreSQL's programs, or fail it where they must be."""
    if find_programs() is None:
        if os.environ.get("CI") == "true":
            pytest.fail(f"{REASON}, and CI=true demands them")
        pytest.skip(REASON)


@pytest.fixture(scope="session")
def postgres_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Give the server of this session: the cluster that all workers share, or the one that is named."""
    url = os.environ.get("HARMONIA_TEST_POSTGRES_URL")
    if url:
        yield GivenServer(url)
        return
    refuse_or_skip()
    # The workers of pytest-xdist have temporary folders side by side.
    own = tmp_path_factory.getbasetemp()
    with shared_cluster(own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def postgres_database(postgres_cluster: Server) -> Iterator[str]:
    """Give the URL of this worker's database."""
    url = postgres_cluster.create_database()
    yield url
    postgres_cluster.drop_database(url)


@pytest.fixture
def postgres_url(postgres_database: str) -> Iterator[str]:
    """Give the URL of an empty schema in the worker's database, deleted after the test."""
    import psycopg

    name = f"test_{secrets.token_hex(6)}"
    with psycopg.connect(postgres_database, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {name}".encode())
    yield f"{postgres_database}{'&' if '?' in postgres_database else '?'}options=-csearch_path%3D{name}"
    with psycopg.connect(postgres_database, autocommit=True) as connection:
        # Whoever is still connected must not hold up the end of the test.
        connection.execute(END_OTHERS.encode())
        connection.execute(f"DROP SCHEMA {name} CASCADE".encode())


@pytest.fixture
def own_postgres() -> Iterator[Cluster]:
    """Give a cluster to this test alone: it may stop, restart and break it."""
    refuse_or_skip()
    cluster = Cluster.make()
    yield cluster
    cluster.remove()


@pytest.fixture(scope="module")
def restartable_cluster() -> Iterator[Cluster]:
    """Give a cluster to this module: its tests may stop and restart it, see `postgres_server`."""
    refuse_or_skip()
    cluster = Cluster.make()
    yield cluster
    cluster.remove()


@pytest.fixture
def postgres_server(restartable_cluster: Cluster) -> Iterator[Cluster]:
    """Give the module's cluster, running; a test that stopped it need not start it again."""
    yield restartable_cluster
    if not restartable_cluster.running:
        restartable_cluster.start()
