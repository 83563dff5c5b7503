"""`harmonia db` on PostgreSQL: known, checked and dumped beside an engine at work, restored, gone on with."""

import os
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from programs import Place, until

from harmonia_sql.postgres.programs import find_dump

STORES = ("postgresql",)


def said(place: Place, *arguments: str | Path, url: str | None = None) -> dict[str, Any]:
    """Return the document that a command printed; it must end well."""
    answer = place.ask("db", *arguments, "--json", "--db", url or place.url, db=False)
    assert answer.code == 0, answer.stdout + answer.stderr
    return answer.documents()[0]


def restore(command: str, password: str) -> None:
    """Run the command that a backup named, where it finds its programs and its password."""
    path = f"{find_dump(13).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PGPASSWORD": password, "PATH": path}
    subprocess.run(["bash", "-c", command], check=True, env=environment)


def test_a_dump_is_made_while_fifty_executions_go_on(loaded: Place, postgres_cluster: Any) -> None:
    until(lambda: loaded.completed() > 100, seconds=60, about="for a load")
    before = loaded.completed()
    backup = loaded.call("db", "backup", loaded.folder / "copy.dump", "--json", seconds=60)
    assert backup.process.returncode == 0, backup.stdout + backup.stderr
    assert loaded.completed() > before, "work went on"
    made, password = backup.documents()[0], urlsplit(loaded.url).password or "none"
    beside = said(loaded, "status")
    assert [one["alive"] for one in beside["engines"]] == [True] and password not in str((beside, made))
    assert said(loaded, "check", "--sample", "40", "--deep")["problems"] == []
    (loaded.folder / "stop").touch()
    restore(made["restore"], password)
    database = urlsplit(loaded.url).path
    url = loaded.url.replace(database, f"{database}_restored", 1)
    try:
        assert said(loaded, "check", url=url)["problems"] == []
        status = said(loaded, "status", url=url)
        assert 0 < status["executions"]["running"] <= 50
        assert [one["alive"] for one in status["engines"]] == [False]
        recovered = loaded.call("recover", "--db", url, db=False, seconds=60)
        assert recovered.process.returncode == 0, recovered.stdout + recovered.stderr
        assert said(loaded, "check", url=url)["problems"] == []
        assert said(loaded, "status", url=url)["executions"].keys() == {"completed"}
    finally:
        postgres_cluster.drop_database(url.partition("?")[0])


def test_what_is_said_of_a_server_that_is_not_there(tmp_path: Path) -> None:
    place = Place(tmp_path)
    url = "postgresql://harmonia:hush@127.0.0.1:1/nothing"
    shown = place.call("db", "status", "--db", url, db=False)
    assert shown.process.returncode == 4 and "'nothing' on 127.0.0.1:1" in shown.stdout
    assert "cannot be reached" in shown.stdout and "hush" not in shown.stdout + shown.stderr
