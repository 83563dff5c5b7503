"""`harmonia db` on PostgreSQL: known, checked and dumped beside an engine at work, restored, gone on with."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from postgres_place import PostgresPlace
from programs import HERE, Place, until


@pytest.fixture
def loaded(tmp_path: Path, postgres_url: str) -> Iterator[Place]:
    """Return a place at whose store a process keeps fifty executions in flight."""
    place = PostgresPlace(tmp_path, server=postgres_url)
    place.environment["HARMONIA_PLUGIN_FILES"] = str(HERE / "load.py")
    command = [sys.executable, str(HERE / "load.py"), place.url, str(place.folder / "stop")]
    with (place.folder / "load").open("wb") as said:
        process = subprocess.Popen(command, stdout=said, stderr=said)
    try:
        yield place
    finally:
        process.kill()
        process.wait()
        place.end()


def ended(place: Place) -> int:
    """Return how many executions have ended; none while there are no tables yet."""
    rows = place.rows("SELECT count(*) FROM execution WHERE ended_at IS NOT NULL")
    return int(rows[0][0]) if rows else 0


def said(place: Place, *arguments: str | Path, url: str | None = None) -> dict[str, Any]:
    """Return the document that a command printed; it must end well."""
    program = place.call("db", *arguments, "--json", "--db", url or place.url, db=False, seconds=60)
    assert program.process.returncode == 0, program.stdout + program.stderr
    return program.documents()[0]


def test_a_dump_is_made_while_fifty_executions_go_on(loaded: Place, postgres_cluster: Any) -> None:
    until(lambda: ended(loaded) > 100, seconds=60, about="for a load")
    before = ended(loaded)
    made = said(loaded, "backup", loaded.folder / "copy.dump")
    assert ended(loaded) > before, "work went on"
    password = urlsplit(loaded.url).password or "none"
    beside = said(loaded, "status")
    assert [one["alive"] for one in beside["engines"]] == [True] and password not in str((beside, made))
    assert said(loaded, "check", "--sample", "40", "--deep")["problems"] == []
    (loaded.folder / "stop").touch()
    environment = {**os.environ, "PGPASSWORD": password}
    subprocess.run(["bash", "-c", made["restore"]], check=True, env=environment)
    database = urlsplit(loaded.url).path
    url = loaded.url.replace(database, f"{database}_restored", 1)
    try:
        assert said(loaded, "check", url=url)["problems"] == []
        status = said(loaded, "status", url=url)
        assert 0 < status["executions"]["running"] <= 50
        assert [one["alive"] for one in status["engines"]] == [False]
        recovered = loaded.call("recover", "--db", url, db=False, seconds=60)
        assert recovered.process.returncode == 0, recovered.stdout + recovered.stderr
        after = said(loaded, "check", url=url)
        assert after["problems"] == [] and said(loaded, "status", url=url)["executions"].keys() == {
            "completed"
        }
    finally:
        postgres_cluster.drop_database(url.partition("?")[0])


def test_what_is_said_of_a_server_that_is_not_there(tmp_path: Path) -> None:
    place = Place(tmp_path)
    url = "postgresql://harmonia:hush@127.0.0.1:1/nothing"
    shown = place.call("db", "status", "--db", url, db=False)
    assert shown.process.returncode == 4 and "'nothing' on 127.0.0.1:1" in shown.stdout
    assert "cannot be reached" in shown.stdout and "hush" not in shown.stdout + shown.stderr
