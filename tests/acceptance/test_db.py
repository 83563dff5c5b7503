"""`harmonia db`: a store is known, checked, mended and copied, also beside engines at work."""

import json
import sqlite3
from typing import Any

import pytest
from programs import Answer, Place, Program, task, until


def problems(said: Program | Answer) -> list[tuple[str, str]]:
    """Return (code, place) of what `db check --json` said."""
    return sorted((one["code"], one["path"]) for one in said.documents()[0]["problems"])


def damage(place: Place, *statements: str) -> None:
    connection = sqlite3.connect(place.database)
    with connection:
        for statement in statements:
            assert connection.execute(statement).rowcount > 0, statement
    connection.close()


def test_a_copy_is_made_while_fifty_executions_go_on(loaded: Place) -> None:
    until(lambda: loaded.completed() > 100, seconds=40, about="for a load")
    copy = loaded.folder / "copy.db"
    before = loaded.completed()
    made = loaded.call("db", "backup", copy, "--json")
    assert made.process.returncode == 0, made.stderr
    assert loaded.completed() > before, "work went on"
    said = made.documents()[0]
    assert said["path"] == str(copy) and said["bytes"] == copy.stat().st_size and str(copy) in said["restore"]
    assert copy.stat().st_mode & 0o777 == 0o600
    # No false alarm beside an engine at work, whatever moves meanwhile.
    beside = loaded.ask("db", "check", "--sample", "60", "--deep", "--json")
    assert (beside.code, problems(beside)) == (0, []), beside.stdout
    (loaded.folder / "stop").touch()
    url = f"sqlite:///{copy}"
    checked = loaded.ask("db", "check", "--json", "--db", url, db=False)
    assert (checked.code, problems(checked)) == (0, []), checked.stdout
    status = loaded.ask("db", "status", "--json", "--db", url, db=False).documents()[0]
    unfinished = status["executions"].get("running", 0)
    assert 0 < unfinished <= 50 and [one["alive"] for one in status["engines"]] == [False]
    recovered = loaded.call("recover", "--db", url, db=False, seconds=60)
    assert recovered.process.returncode == 0, recovered.stdout + recovered.stderr
    after = loaded.ask("db", "status", "--json", "--db", url, db=False).documents()[0]
    assert after["executions"] == {"completed": status["executions"]["completed"] + unfinished}
    assert loaded.ask("db", "check", "--db", url, db=False).code == 0


@pytest.fixture
def kept(place: Place) -> Place:
    """Return a place with an ended execution: a map, a large value, a task that was tried twice."""
    each = {"type": "map", "input": {"items": list(range(5))}, "task": {"type": "noop"}}
    large = task("grow", args={"size": 100_000})
    ran = place.call("run", place.define({"m": each, "large": large, "n": {"type": "noop"}}))
    assert ran.process.returncode == 0, ran.stderr
    return place


DAMAGE = {
    "UPDATE execution SET status = 'running', ended_at = NULL": ["execution/ended_at", "execution/status"],
    "UPDATE task SET status = 'failed' WHERE path = 'n'": ["task/n/status"],
    "UPDATE task SET ended_seq = 1 WHERE path = 'm[3]'": ["task/m[3]/ended_seq"],
    "DELETE FROM task WHERE path = 'm[0]'": ["task/m[0]"],
    "INSERT INTO timer SELECT execution_id, 'n', 'retry', 1.5 FROM execution": ["timer/n:retry"],
}


def beside_the_log(place: Place) -> list[Any]:
    tables = ("execution", "task", "timer")
    return [place.rows(f"SELECT * FROM {table} ORDER BY 1, 2, 3") for table in tables]


def test_damaged_rows_are_found_exactly_and_rebuilt(kept: Place) -> None:
    key, before = kept.execution(), beside_the_log(kept)
    damage(kept, *DAMAGE)
    checked = kept.call("db", "check", "--json")
    places = sorted(place for places in DAMAGE.values() for place in places)
    expected = [("projection-differs", f"{key}/{place}") for place in places]
    assert (checked.process.returncode, problems(checked)) == (1, expected)
    tried = kept.ask("db", "rebuild", "--dry-run")
    assert tried.code == 0 and "1 would be rebuilt" in tried.stdout
    assert beside_the_log(kept) != before
    done = kept.call("db", "rebuild")
    assert done.process.returncode == 0 and f"{key}: rebuilt" in done.stdout
    again = kept.ask("db", "check")
    assert again.code == 0 and "all well" in again.stdout
    assert beside_the_log(kept) == before


def test_a_damaged_log_is_left_alone(kept: Place) -> None:
    damage(kept, "DELETE FROM event WHERE seq = 4")
    people = kept.ask("db", "check")
    assert people.code == 1 and "seq 4 is missing" in people.stdout
    assert "1 problem, 1 execution concerned" in people.stdout
    rebuilt = kept.ask("db", "rebuild", "--json")
    assert rebuilt.code == 1 and rebuilt.documents()[0]["counts"]["refused"] == 1


def test_a_backup_leaves_nothing_behind_that_is_no_backup(kept: Place) -> None:
    there = kept.folder / "there.db"
    there.write_text("mine")
    refused = kept.ask("db", "backup", there)
    assert refused.code == 4 and "backup-refused" in refused.stderr
    assert there.read_text() == "mine"
    nowhere = kept.ask("db", "backup", kept.folder / "no" / "copy.db")
    assert nowhere.code == 4 and "cannot be made" in nowhere.stderr
    small = ["prlimit", f"--fsize={kept.database.stat().st_size // 2}"]
    full = kept.call("db", "backup", kept.folder / "copy.db", prefix=small)
    assert full.process.returncode == 4 and "store-full" in full.stderr and "copy.db" in full.stderr
    assert not [path for path in kept.folder.iterdir() if "copy" in path.name]


@pytest.mark.parametrize("name", ["none.db", "noise.db"])
def test_the_status_of_a_store_that_cannot_be_used(place: Place, name: str) -> None:
    file = place.folder / name
    if name == "noise.db":
        file.write_bytes(b"noise" * 2000)
    url = f"sqlite:///{file}"
    shown = place.ask("db", "status", "--db", url, db=False)
    assert shown.code == 4 and str(file) in shown.stdout and "cannot be used" in shown.stdout
    facts: dict[str, Any] = json.loads(place.ask("db", "status", "--json", "--db", url, db=False).stdout)
    assert facts["health"]["ok"] is False and facts["health"]["error"] and facts["place"] == str(file)
    assert facts["bytes"] == ({} if name == "none.db" else {"file": 10_000})
    assert place.call("db", "check", "--db", url, db=False).process.returncode == 4


def test_the_status_of_a_store(kept: Place) -> None:
    shown = kept.call("db", "status")
    assert shown.process.returncode == 0 and "1 completed" in shown.stdout
    assert "keeps everything" in shown.stdout and "ok, " in shown.stdout


def test_what_is_asked_wrongly(kept: Place) -> None:
    assert kept.call("db", "check", "nobody").process.returncode == 3
    assert kept.ask("db", "rebuild", "nobody").code == 3
    wrong = kept.ask("db", "check", "--since", "yesterday")
    assert wrong.code == 2 and "time-invalid" in wrong.stderr
    assert "0 executions," in kept.ask("db", "check", "--since", "2099-01-01T00:00:00Z").stdout
