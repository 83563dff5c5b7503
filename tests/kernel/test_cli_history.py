"""`harmonia executions state|checkpoint|checkpoints|diff|timeline`: what they print, on any width."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from harmonia_api.cli import history_diff, timelines
from harmonia_api.cli.app import app

WORKFLOW = """
name: quote
version: VERSION
vars: {stage: new}
checkpoints: {after: prices}
tasks:
  prices: {type: noop, input: {pen: PEN, text: "one\\ntwo\\nPEN"}}
  lines:
    type: map
    depends_on: prices
    input: {range: {stop: 300}}
    task: {type: noop, input: {sum: "${item * tasks.prices.output.pen}"}}
  mark: {type: set, depends_on: lines, input: {stage: priced}}
"""


class Place:
    """A store with two executions of two versions. first, second: their ids."""

    def __init__(self, folder: Path) -> None:
        self._data = folder / "data"
        self.first, self.second = self.run(folder, "1.0.0", 2), self.run(folder, "1.1.0", 3)

    def run(self, folder: Path, version: str, pen: int) -> str:
        file = folder / f"{version}.yaml"
        file.write_text(WORKFLOW.replace("VERSION", version).replace("PEN", str(pen)))
        said = self.ask("run", str(file), "--json")
        return str(json.loads(said.stdout.splitlines()[0])["id"])

    def ask(self, *words: str, code: int = 0) -> Result:
        root = logging.getLogger()
        handlers, level = root.handlers[:], root.level
        try:
            said = CliRunner().invoke(app, words, env={"HARMONIA_DATA_DIR": str(self._data), "NO_COLOR": "1"})
        finally:
            root.handlers[:] = handlers
            root.setLevel(level)
        assert said.exit_code == code, said.output
        return said

    def told(self, *words: str) -> list[str]:
        """Return the lines that a command about executions prints."""
        return self.ask("executions", *words).stdout.splitlines()

    def read(self, *words: str, code: int = 0) -> Any:
        """Return the document that a command about executions prints."""
        return json.loads(self.ask("executions", *words, "--json", code=code).stdout)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return Place(tmp_path_factory.mktemp("history"))


@pytest.fixture(params=[80, 200])
def width(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    for module in (history_diff, timelines):
        monkeypatch.setattr(module, "terminal_width", lambda: request.param)
    yield request.param


def test_a_checkpoint_from_its_name_to_its_end(place: Place) -> None:
    made = place.read("checkpoint", place.first, "mine", "--at", "7", "--description", "look\x1b[2J here")
    assert (made["name"], made["seq"], made["kind"]) == ("mine", 7, "named")
    assert set(made["actor"]) == {"kind", "id"}
    assert [one["name"] for one in place.read("checkpoints", place.first)["checkpoints"]] == [
        "after:prices",
        "mine",
    ]
    shown = place.told("checkpoints", place.first)
    assert shown[0].split() == ["NAME", "SEQ", "AT", "KIND", "DESCRIPTION"] and "look [2J here" in shown[2]
    taken = place.read("checkpoint", place.first, "mine", code=2)["error"]
    assert taken["code"] == "checkpoint-exists"
    assert place.read("state", place.first, "--at", "mine")["seq"] == 7
    assert place.told("checkpoint", place.first, "mine", "--delete") == ["Checkpoint mine is deleted."]
    gone = place.read("state", place.first, "--at", "mine", code=3)["error"]
    assert gone["code"] == "point-unknown"
    assert place.ask("executions", "checkpoint", place.first, "7", code=2).stderr.endswith(
        "nothing was done.\n"
    )


def test_a_state_as_a_page_and_one_task_of_it(place: Place) -> None:
    lines = place.told("state", place.first, "--at", "after:prices")
    assert lines[0].startswith("at         seq 3 of ") and "(after:prices)" in lines[0]
    assert lines[-2:] == ["variables", '  stage = "new"']
    task = place.read("state", place.first, "--at", "after:prices", "--path", "prices")
    assert task["status"] == "succeeded" and task["output"]["pen"] == 2
    refused = place.ask("executions", "state", place.first, "--path", "nobody", code=2)
    assert "task-unknown" in refused.stderr


def test_a_diff_for_people(place: Place, width: int) -> None:
    lines = place.told("diff", place.first)
    assert all(len(line) <= width for line in lines), lines
    alike = [line for line in lines if "items" in line and "…" in line]
    assert alike == ["  + lines[0] … lines[97]: 98 items succeeded"], "a page of tasks, in few lines"
    versions = place.told("diff", place.first, place.second)
    assert all(len(line) <= width for line in versions)
    assert versions[3] == "definition" and "  ~ lines[1]" in versions and "Nothing differs." not in versions
    same = place.told("diff", f"{place.first}@end", "@end")
    assert same[-1] == "Nothing differs."


def test_a_diff_for_programs_goes_on_where_it_ended(place: Place) -> None:
    first = place.read("diff", place.first, place.second, "--limit", "3")
    assert [one["path"] for one in first["tasks"]] == ["prices", "lines[1]", "lines[2]"]
    second = place.read("diff", place.first, place.second, "--limit", "2", "--cursor", first["cursor"])
    assert [one["path"] for one in second["tasks"]] == ["lines[3]", "lines[4]"]
    patch = json.loads(place.ask("executions", "diff", place.first, place.second, "--patch").stdout)
    assert {"op": "replace", "path": "/execution/workflow/version", "value": "1.1.0"} in patch
    wrong = place.read("diff", place.first, "--cursor", "x", code=2)
    assert wrong["problems"][0]["code"] == "cursor-invalid"


def test_values_of_one_task_by_place_and_by_line(place: Place) -> None:
    lines = place.told("diff", place.first, place.second, "--path", "prices")
    assert lines[0] == "prices: 4 differences"
    assert "~ output.pen: 2 -> 3" in lines and "    -2" in lines and "    +3" in lines
    found = place.read("diff", place.first, place.second, "--path", "lines[7]")
    assert [(one["path"], one["before"], one["after"]) for one in found["changes"]] == [
        ("output.sum", 14, 21)
    ]
    assert (
        place.told("diff", place.first, "--path", "prices")[1]
        == '~ input: null -> {"pen":2,"text":"one\\ntwo\\n2"}'
    )


def test_a_timeline_fits_and_has_few_lines(place: Place, width: int) -> None:
    lines = place.told("timeline", place.first)
    assert all(len(line) <= width for line in lines), lines
    assert len(lines) < 40 and any("300 times" in line for line in lines)
    assert any(line.startswith(("* ", "  ")) and "lines[*]" in line for line in lines)
    found = place.read("timeline", place.first)
    assert found["over"] and {row["path"] for row in found["tasks"]} == {
        "prices",
        "lines",
        "lines[*]",
        "mark",
    }
    assert sum(link["seconds"] for link in found["critical_path"]) <= found["seconds"] + 1e-6
