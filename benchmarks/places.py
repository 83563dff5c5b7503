"""Where the databases of a measurement lie: files in a temporary folder, or a PostgreSQL server."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

Place = Callable[[str], str]
"""Give the URL of the database with a name: the same name within a round, the same database."""


@contextmanager
def files() -> Iterator[Place]:
    """Keep each database in a file of a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="harmonia-bench-") as folder:
        yield lambda name: f"sqlite:///{Path(folder, name)}.db"


@contextmanager
def cluster() -> Iterator[Callable[[], object]]:
    """Start a PostgreSQL cluster with fsync on; give what makes a round's places in it."""
    from harmonia_sql.testing.cluster import Cluster

    server = Cluster.make()
    try:
        yield lambda: databases(server)
    finally:
        server.remove()


@contextmanager
def databases(server: object) -> Iterator[Place]:
    """Keep each database on a server, and drop them all afterwards."""
    made: dict[str, str] = {}

    def place(name: str) -> str:
        if name not in made:
            made[name] = server.create_database()  # type: ignore[attr-defined]
        return made[name]

    try:
        yield place
    finally:
        for url in made.values():
            server.drop_database(url)  # type: ignore[attr-defined]
