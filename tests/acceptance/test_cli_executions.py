"""`harmonia executions` and `harmonia recover` beside processes that run, ran, or stand still."""

import json
import re
import signal
from pathlib import Path
from typing import Any

import pytest
from programs import Answer, Place, Program, task

NOTHING = "01a00000-0000-7000-8000-000000000000"


def code(said: Program | Answer) -> int:
    assert "Traceback" not in said.stderr
    return said.code


def killed(place: Place, file: Path) -> str:
    """Return the id of an execution whose process was killed in the task `held`."""
    program = place.start("run", file)
    place.begun("held", program)
    program.send(signal.SIGKILL)
    program.ended()
    return place.execution()


def test_cancel_without_waiting_returns_when_the_request_is_accepted(place: Place) -> None:
    program = place.start("run", place.define({"held": task("hold")}))
    place.begun("held", program)
    execution = place.execution()
    accepted = place.call("executions", "cancel", execution, "--no-wait", "--json")
    assert code(accepted) == 0
    assert accepted.documents()[0]["id"] == execution
    assert program.ended() == 1
    assert place.show(execution)["status"] == "cancelled"


@pytest.mark.parametrize("command", ["show", "events", "cancel"])
def test_an_unknown_execution_ends_with_3(place: Place, command: str) -> None:
    place.ask("run", place.define({"a": {"type": "noop"}}))
    program = place.call("executions", command, NOTHING)
    assert (code(program), program.stdout) == (3, "")
    assert program.stderr == f"There is no execution {NOTHING}. [execution-not-found]\n"


def test_without_a_store_there_is_nothing_to_look_at(place: Place) -> None:
    program = place.call("executions", "list")
    assert code(program) == 4 and "There is no database" in program.stderr
    assert not place.database.exists()


def test_modules_beside_the_file_are_named_when_recover_needs_them(place: Place) -> None:
    (place.folder / "beside.py").write_text("from work import mark\n\ndef nap(ctx):\n    mark(ctx, 0.5)\n")
    execution = killed(place, place.define({"held": {"type": "python", "input": {"callable": "beside:nap"}}}))
    assert code(place.ask("executions", "show", execution)) == 0  # looking needs no permission
    refused = place.call("recover")
    assert code(refused) == 1
    assert "'beside' may not be called" in refused.stderr
    assert f"harmonia recover --db {place.url} --modules {place.folder}" in refused.stderr
    recovered = place.call("recover", "--modules", place.folder)
    assert (code(recovered), recovered.stdout) == (0, f"{execution}: completed\n")


def test_a_lost_task_that_must_not_be_repeated_waits_for_a_person(place: Place) -> None:
    execution = killed(place, place.define({"held": task("mark", args={"seconds": 0.5}, idempotent=False)}))
    lost = place.call("recover")
    assert (code(lost), lost.stdout) == (1, f"{execution}: attention\n")
    again = place.ask("recover")
    assert code(again) == 0
    assert again.stdout.startswith(f"{execution}: needs a person (attention)")
    retried = place.call("recover", "--retry-lost")
    assert (code(retried), retried.stdout) == (0, f"{execution}: completed\n")


@pytest.fixture
def ended(place: Place) -> Place:
    """Return a place with a completed, a failed and another completed execution."""
    for kind in ("noop", "fail", "noop"):
        given = {"error": "bad", "message": "no"} if kind == "fail" else {"value": "x" * 300}
        place.ask("run", place.define({"only": {"type": kind, "input": given}}, name=kind))
    return place


def test_executions_are_listed_newest_first_and_page_by_page(ended: Place) -> None:
    listed = ended.call("executions", "list")
    header, *rows = listed.stdout.splitlines()
    assert header.split() == ["ID", "STATUS", "STARTED", "TOOK", "WORKFLOW"]
    assert [(row.split()[1], row.split()[-2:]) for row in rows] == [
        ("completed", ["noop", "1.0.0"]),
        ("failed", ["fail", "1.0.0"]),
        ("completed", ["noop", "1.0.0"]),
    ]
    ids: list[str] = []
    cursor: list[str] = []
    while True:
        (page,) = ended.ask("executions", "list", "--limit", "2", "--json", *cursor).documents()
        ids += [one["id"] for one in page["executions"]]
        if page["cursor"] is None:
            break
        cursor = ["--cursor", page["cursor"]]
    assert ids == [row.split()[0] for row in rows]


def test_a_listing_can_be_narrowed(ended: Place) -> None:
    def statuses(*options: str) -> list[str]:
        (page,) = ended.ask("executions", "list", "--json", *options).documents()
        return [one["status"] for one in page["executions"]]

    assert statuses("--status", "failed") == ["failed"]
    assert statuses("--status", "failed", "--status", "completed") == ["completed", "failed", "completed"]
    assert statuses("--workflow", "noop") == ["completed", "completed"]
    assert statuses("--status", "running") == []
    wrong = ended.ask("executions", "list", "--status", "runing")
    assert code(wrong) == 2 and "known are queued, running" in wrong.stderr


def test_one_execution_is_a_page(ended: Place) -> None:
    (page,) = ended.ask("executions", "list", "--json", "--status", "failed").documents()
    execution = page["executions"][0]["id"]
    shown = ended.call("executions", "show", execution)
    assert code(shown) == 0
    assert f"execution  {execution}\n" in shown.stdout
    assert "error      bad: no\n" in shown.stdout
    assert re.search(r"^only  fail  failed  1/1  [\d.]+ s  bad: no$", shown.stdout, re.MULTILINE)
    assert '  input   {"error":"bad","message":"no"}\n' in shown.stdout
    view: dict[str, Any] = ended.show(execution)
    assert (view["failed_tasks"], view["counts"]) == (["only"], {"failed": 1})


def test_events_are_lines(ended: Place) -> None:
    (page,) = ended.ask("executions", "list", "--json", "--limit", "1").documents()
    execution = page["executions"][0]["id"]
    lines = ended.call("executions", "events", execution).stdout.splitlines()
    assert [line.split()[2] for line in lines] == [
        "ExecutionStarted",
        "TaskScheduled",
        "TaskSucceeded",
        "ExecutionCompleted",
    ]
    documents = ended.ask("executions", "events", execution, "--json", "--after", "2").documents()
    assert [event["seq"] for event in documents] == [3, 4]


def test_plugins_and_task_types_are_listed(place: Place) -> None:
    (place.folder / "broken.py").write_text("import not_there_at_all\n")
    place.environment["HARMONIA_PLUGIN_FILES"] = "broken.py"
    listed = place.call("plugins", db=False)
    assert code(listed) == 0
    assert "broken of broken.py" in listed.stdout and "not_there_at_all" in listed.stdout
    (report,) = place.ask("plugins", "--json", db=False).documents()
    statuses = {row["name"]: row["status"] for row in report["plugins"]}
    assert statuses == {"builtin": "ok", "sql": "ok", "tasks": "ok", "broken": "quarantined"}
    place.environment["HARMONIA_STRICT_PLUGINS"] = "1"
    assert code(place.ask("plugins", db=False)) == 2


def test_a_task_type_is_described(place: Place) -> None:
    described = place.ask("task-types", "python", db=False)
    assert described.stdout.startswith("python  (harmonia-tasks 0.1.0)\n\nCall an importable function")
    (document,) = place.ask("task-types", "python", "--json", db=False).documents()
    assert document["input_schema"]["properties"]["mode"]["default"] == "thread"
    assert document["origin"]["distribution"] == "harmonia-tasks"
    (types,) = place.ask("task-types", "--json", db=False).documents()
    assert {"map", "python", "wait"} <= {one["name"] for one in types["task_types"]}
    unknown = place.ask("task-types", "pyton", db=False)
    assert code(unknown) == 3 and "Did you mean python?" in unknown.stderr


def test_a_setting_that_is_impossible_is_refused(place: Place) -> None:
    place.environment["HARMONIA_MAP_WINDOW"] = "none"
    program = place.ask("plugins", "--json", db=False)
    (document,) = program.documents()
    assert (code(program), document["problems"][0]["path"]) == (2, "HARMONIA_MAP_WINDOW")


def test_the_version_is_printed(place: Place) -> None:
    assert re.fullmatch(r"harmonia \d+\.\d+\.\d+\n", place.call("version", db=False).stdout)
    assert set(json.loads(place.ask("version", "--json", db=False).stdout)) == {"harmonia", "python"}
