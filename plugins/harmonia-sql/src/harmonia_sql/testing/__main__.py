"""Start a PostgreSQL cluster for trials and leave it running, stop it, or remove it."""

import argparse
import sys
from pathlib import Path

from harmonia_sql.testing import binaries
from harmonia_sql.testing.cluster import Cluster, ClusterFailed

DATABASE = "harmonia"


def start(folder: Path) -> str:
    """Start the cluster that the folder names, making it at first; return its database's URL."""
    place = folder / "place"
    cluster = Cluster.at(Path(place.read_text("utf-8"))) if place.exists() else None
    if cluster is None:
        folder.mkdir(parents=True, exist_ok=True)
        # The server's user must be able to reach its data: a checkout in root's home is no place for that.
        near = folder.resolve() / "cluster"
        if binaries.server_user() is None or binaries.reachable(folder.resolve()):
            near.mkdir()
            binaries.give(near)
            cluster = Cluster.make(near)
        else:
            cluster = Cluster.make()
        cluster.create_database(DATABASE)
        place.write_text(str(cluster.folder), "utf-8")
    elif not cluster.running:
        cluster.start()
    return cluster.url(DATABASE)


def stop(folder: Path, *, remove: bool) -> None:
    """Stop the folder's cluster, if there is one; also delete it with all its data."""
    place = folder / "place"
    if not place.exists():
        return
    cluster = Cluster.at(Path(place.read_text("utf-8")))
    if remove:
        cluster.remove()
        place.unlink()
    elif cluster.running:
        cluster.stop()


def main() -> int:
    """Do what the command line says; the URL is all that goes to stdout."""
    parser = argparse.ArgumentParser(prog="python -m harmonia_sql.testing", description=__doc__)
    parser.add_argument("action", choices=("start", "stop", "remove"))
    parser.add_argument("--folder", type=Path, default=Path(".postgres"), help="default: .postgres")
    options = parser.parse_args()
    try:
        if options.action == "start":
            print(start(options.folder), flush=True)
            print("It keeps running; `make postgres-stop` ends it, its data stay.", file=sys.stderr)
        else:
            stop(options.folder, remove=options.action == "remove")
    except ClusterFailed as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
