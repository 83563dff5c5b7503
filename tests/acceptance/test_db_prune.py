"""`harmonia db prune`: by rules of the options or of the settings, alone and beside engines at work."""

import json

import pytest
from programs import Place, Program, until


@pytest.fixture
def three(place: Place) -> Place:
    """Return a place whose store holds two completed executions and a failed one."""
    for name, kind in (("good", "noop"), ("bad", "fail"), ("good", "noop")):
        file = place.folder / f"{name}.json"
        input = {"error": "no"} if kind == "fail" else {}
        file.write_text(json.dumps({"name": name, "tasks": {"a": {"type": kind, "input": input}}}))
        place.ask("run", file)
    return place


def names(place: Place) -> list[str]:
    listed = place.ask("executions", "list", "--json").documents()[0]
    return sorted(view["workflow"]["name"] for view in listed["executions"])


def test_what_goes_is_chosen_by_options(three: Place) -> None:
    tried = three.ask("db", "prune", "--older-than", "0", "--dry-run", "--json").documents()[0]
    assert tried["executions"] == {"completed": 2, "failed": 1} and tried["events"] == 0
    assert names(three) == ["bad", "good", "good"]
    assert three.ask("db", "prune", "--older-than", "PT1H").stdout.startswith("Nothing to prune.\n")
    pruned = three.call("db", "prune", "--keep", "0", "--status", "failed", "--vacuum")
    assert pruned.process.returncode == 0
    assert pruned.stdout.startswith("1 execution pruned: 1 failed\nended 20"), pruned.stdout
    three.ask("db", "prune", "--keep", "1", "--workflow", "good", "--namespace", "default")
    assert names(three) == ["good"]
    three.ask("db", "prune", "--keep", "0", "--label", "a=b")
    three.ask("db", "prune", "--keep", "0", "--namespace", "team")
    assert names(three) == ["good"]
    last = three.ask("db", "prune", "--keep", "0", "--json").documents()[0]
    assert (last["executions"], last["blobs"]["count"]) == ({"completed": 1}, 1)
    assert three.ask("db", "check").code == 0


def test_without_options_the_configured_rules_apply(three: Place) -> None:
    refused = three.ask("db", "prune")
    assert refused.code == 2 and "HARMONIA_RETENTION" in refused.stderr
    refused = three.ask("db", "prune", "--status", "failed")
    assert refused.code == 2 and "--older-than" in refused.stderr
    three.environment["HARMONIA_RETENTION"] = '[{"status": ["failed"]}, {"keep_last": 1}]'
    pruned = three.call("db", "prune")
    assert pruned.process.returncode == 0 and "configured rules" in pruned.stderr
    assert names(three) == ["bad", "good"]


def test_impossible_options_are_all_named(place: Place) -> None:
    refused = place.ask(
        *("db", "prune", "--older-than", "soon", "--status", "running", "--label", "x", "--json")
    )
    assert refused.code == 2
    found = {problem["path"] for problem in refused.documents()[0]["problems"]}
    assert found == {"--older-than", "--status", "--label"}


def test_engines_go_on_beside_it(loaded: Place, load: Program) -> None:
    until(lambda: loaded.completed() > 150, seconds=60, about="for a load")
    pruned = loaded.call("db", "prune", "--keep", "20", "--json", seconds=60)
    assert pruned.process.returncode == 0, pruned.stderr
    assert pruned.documents()[0]["executions"]["completed"] > 100
    now = loaded.completed()
    until(lambda: loaded.completed() > now, seconds=60, about="for work that goes on")
    (loaded.folder / "stop").touch()
    open_ones = "SELECT count(*) FROM execution WHERE ended_at IS NULL"
    until(lambda: loaded.rows(open_ones)[0][0] == 0, seconds=60, about="for the end")
    assert loaded.call("db", "check", "--deep", seconds=60).process.returncode == 0
    assert "Traceback" not in load.stderr
