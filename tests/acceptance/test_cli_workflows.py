"""`harmonia workflows …`, and `run` by name: what people and programs get to see."""

import json
from pathlib import Path
from typing import Any

import pytest
from programs import Answer, Place

STORES = ("sqlite", "postgresql")
HASH = 71


def write(place: Place, *tasks: str, name: str = "order", **more: Any) -> Path:
    path = place.folder / f"{name}.json"
    definition = {"name": name, "tasks": {one: {"type": "noop"} for one in ("a", *tasks)}, **more}
    path.write_text(json.dumps(definition))
    return path


def ask(place: Place, *words: Any) -> Answer:
    answer = place.ask("workflows", *words)
    assert answer.code == 0, answer.stderr
    return answer


def document(place: Place, *words: Any) -> dict[str, Any]:
    [found] = ask(place, *words, "--json").documents()
    return found


@pytest.fixture
def two(place: Place) -> Place:
    """Return a place with two versions of `order`, 1.0.0 and 2.0.0."""
    ask(place, "publish", write(place, "b"))
    ask(place, "publish", write(place, "c", description="Another way"), "--bump", "auto")
    return place


def test_publishing_says_what_it_came_to(place: Place) -> None:
    file = write(place)
    assert ask(place, "publish", file).stdout == "order@1.0.0 published\n"
    assert ask(place, "publish", file).stdout == "order@1.0.0 is published already, with the same content.\n"
    write(place, "b", description="x")
    refused = place.ask("workflows", "publish", file)
    assert (refused.code, refused.stdout) == (2, "")
    assert refused.stderr.count("sha256:") == 2 and "--bump auto [version-exists]" in refused.stderr
    made = ask(place, "publish", file, "--bump", "auto", "--label", "team=shop")
    assert made.stdout.splitlines() == [
        "order@1.1.0 published (minor since 1.0.0)",
        "  minor  tasks.b is new",
        "  patch  description is new",
    ]
    again = document(place, "publish", file, "--bump", "auto")
    assert again["existing"] is True and again["workflow"]["labels"] == {"team": "shop"}
    broken = write(place, tasks={"a": {"type": "nope"}}, name="broken")
    assert place.ask("workflows", "publish", broken).code == 2
    assert place.ask("workflows", "publish", file, "--label", "x").code == 2


def test_names_and_versions_are_listed(two: Place) -> None:
    lines = ask(two, "list").stdout.splitlines()
    assert lines[0].split() == ["NAME", "LATEST", "VERSIONS", "PUBLISHED", "DESCRIPTION"]
    assert lines[1].startswith("order  2.0.0   2 ") and lines[1].endswith("Another way")
    listed = document(two, "list")
    assert listed["cursor"] is None and listed["workflows"][0]["latest"] == "2.0.0"
    versions = ask(two, "versions", "order").stdout.splitlines()
    assert [line.split()[:2] for line in versions[1:]] == [["2.0.0", "latest"], ["1.0.0", "-"]]
    assert versions[1].endswith("major   tasks.b is gone")
    shown = document(two, "versions", "order")
    assert [one["since"] for one in shown["versions"]] == ["1.0.0", None]
    missing = two.ask("workflows", "versions", "none")
    assert (missing.code, "workflow-not-found" in missing.stderr) == (3, True)


def test_a_version_is_shown_with_its_definition(two: Place) -> None:
    shown = ask(two, "show", "order@1").stdout
    assert shown.startswith("order@1.0.0\n  hash: sha256:")
    assert shown.endswith("name: order\nversion: 1.0.0\ntasks:\n  a:\n    type: noop\n  b:\n    type: noop\n")
    shape = document(two, "show", "order")
    assert shape["version"] == "2.0.0" and len(shape["hash"]) == HASH
    assert [one["id"] for one in shape["definition"]["tasks"]] == ["a", "c"]
    for wrong, code, exit_code in (("order@3", "version-not-found", 3), ("or der", "reference-invalid", 2)):
        answer = two.ask("workflows", "show", wrong, "--json")
        assert (answer.code, json.loads(answer.stdout)["error"]["code"]) == (exit_code, code)


def test_a_diff_is_text_weights_and_what_becomes_of_tasks(two: Place) -> None:
    lines = ask(two, "diff", "order@1", "-U", "0").stdout.splitlines()
    assert lines[:2] == ["--- order@1.0.0", "+++ order@2.0.0"]
    assert {"-version: 1.0.0", "+version: 2.0.0", "+description: Another way", "-  b:", "+  c:"} <= {*lines}
    assert lines[-6:] == [
        "major  tasks.b is gone",
        "minor  tasks.c is new",
        "patch  description is new",
        "order@1.0.0 does not map onto order@2.0.0: 1 task kept, 1 gone, 1 new",
        "  missing  b: it is gone",
        "  added    c",
    ]
    shape = document(two, "diff", "order@1.0.0", "order@2.0.0")
    assert shape["compatibility"]["maps"] is False and shape["text"].startswith("--- order@1.0.0")
    assert [one["place"] for one in shape["changes"]] == ["description", "tasks.b", "tasks.c"]
    same = ask(two, "diff", "order", "order@2.0.0").stdout
    assert same == "order@2.0.0 and order@2.0.0 have the same content.\n"


def test_archiving_and_labels(two: Place) -> None:
    assert ask(two, "archive", "order@2.0.0").stdout == "order@2.0.0: archived\n"
    assert document(two, "show", "order")["version"] == "1.0.0"
    assert ask(two, "archive", "order").stdout == "order: archived\n"
    assert ask(two, "list").stdout == "All workflows are archived: --archived\n"
    assert "order  archived" in ask(two, "list", "--archived").stdout
    assert two.ask("workflows", "show", "order").code == 3
    assert ask(two, "show", "order@2.0.0").stdout.startswith("order@2.0.0  (archived)\n")
    assert document(two, "archive", "order", "--undo")["archived"] is False
    assert ask(two, "label", "order", "a=b", "c=d").stdout == "order: a=b, c=d\n"
    assert document(two, "label", "order@1.0.0", "x=y")["labels"] == {"x": "y"}
    assert ask(two, "label", "order", "a-", "c-").stdout == "order: no labels\n"
    assert two.ask("workflows", "label", "order", "nothing").code == 2


def test_drafts(place: Place) -> None:
    assert ask(place, "publish", write(place)).code == 0
    file = write(place, "b")
    assert ask(place, "draft", "save", file, "--if-revision", "0").stdout.endswith("saved, revision 1.\n")
    stale = place.ask("workflows", "draft", "save", file, "--if-revision", "0")
    assert (stale.code, "draft-changed" in stale.stderr) == (2, True)
    assert ask(place, "draft", "list").stdout.splitlines()[1].startswith("order  1 ")
    assert ask(place, "draft", "show", "order").stdout.startswith("name: order\ntasks:\n")
    assert document(place, "draft", "show", "order")["definition"] == json.loads(file.read_text())
    made = ask(place, "draft", "publish", "order", "--bump", "auto", "--if-revision", "1")
    assert made.stdout.startswith("order@1.1.0 published")
    assert ask(place, "draft", "list").stdout == "No drafts.\n"
    assert place.ask("workflows", "draft", "drop", "order").code == 3
    ask(place, "draft", "save", file)
    assert document(place, "draft", "drop", "order") == {"name": "order", "dropped": True}


def test_run_takes_a_file_or_a_name(two: Place) -> None:
    ran = two.call("run", "order@1.0.0")
    assert ran.code == 0 and ran.stderr.startswith("order 1.0.0, 2 tasks, execution ")
    [(version, content)] = two.rows("SELECT version, definition_hash FROM execution")
    assert (version, content) == ("1.0.0", document(two, "show", "order@1.0.0")["hash"])
    (two.folder / "order").write_text("x")
    assert two.ask("run", "order").code == 2  # a file of that name is a file
    (two.folder / "order").unlink()
    (two.folder / "order").mkdir()
    assert two.ask("run", "order").code == 0
    for wrong, code, exit_code in (
        ("other", "workflow-not-found", 3),
        ("order@7", "version-not-found", 3),
        ("order@x", "reference-invalid", 2),
        ("order.yaml", "file-not-found", 2),
        ("no/order", "file-not-found", 2),
    ):
        answer = two.ask("run", wrong)
        assert (answer.code, f"[{code}]" in answer.stderr) == (exit_code, True), answer.stderr
        assert f"There is no file {wrong}" in answer.stderr or code == "file-not-found"


def test_inputs_of_a_published_workflow_are_checked(place: Place) -> None:
    schema = {"type": "object", "required": ["n"], "properties": {"n": {"type": "string"}}}
    ask(place, "publish", write(place, input_schema=schema, output="${input.n}"))
    assert place.ask("run", "order").code == 2
    ran = place.ask("run", "order", "--input", "n=42")
    assert (ran.code, json.loads(ran.stdout)) == (0, "42")
