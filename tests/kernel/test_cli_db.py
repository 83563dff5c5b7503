"""What `harmonia db` prints, on a store in this process: widths, documents, progress, exit codes."""

import io
import json
import sys
from typing import Any

import anyio
import pytest

from harmonia_api.cli import db_status, printing
from harmonia_api.cli.db_backup import back_up
from harmonia_api.cli.db_check import check
from harmonia_api.cli.db_rebuild import rebuild
from harmonia_api.cli.db_status import print_status
from harmonia_api.cli.db_store import Progress
from harmonia_api.cli.source import Refused
from harmonia_api.cli.text import size
from harmonia_core import BackupRefused
from harmonia_core.builtin.memory_access import _named
from harmonia_core.host import ExecutionNotFound
from harmonia_core.testing.harness import Harness

EACH = {"type": "map", "input": {"items": [1, 2]}, "task": {"type": "noop"}}


@pytest.fixture
def store(request: pytest.FixtureRequest) -> str:
    """Return the URL of a store with one execution that has ended."""
    name = request.node.name.strip("]").replace("[", "-")
    url = f"memory://{name}"

    async def fill() -> None:
        async with Harness(url=url) as harness:
            await harness.run({"name": "w", "tasks": {"a": {"type": "noop"}, "m": EACH}})

    anyio.run(fill)
    return url


def damage(url: str) -> str:
    """Change a row and a head behind the log's back; return the execution's id."""
    held = _named[url.partition("://")[2]]
    [(key, row)] = held.executions.items()
    held.executions[key] = row._replace(workflow="x")
    held.tasks[key]["m", 1] = held.tasks[key]["m", 1]._replace(attempt=5)
    return key


def document(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def test_a_sound_store_is_said_to_be(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert check([], None, None, True, store, json=False) == 0
    assert capsys.readouterr().out == "1 execution, 10 events: all well.\n"
    assert check([], None, 5, False, store, json=True) == 0
    found = document(capsys)
    assert found == {"executions": 1, "events": 10, "found": 0, "problems": [], "notes": []}
    assert check([], "2020-01-01", None, False, store, json=False) == 0
    assert check([], "2099-01-01T00:00:00Z", None, False, store, json=True) == 0
    assert '"executions":0' in capsys.readouterr().out


def test_problems_are_printed_one_a_line(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    key = damage(store)
    assert check([key], None, None, False, store, json=False) == 1
    first, second, last = capsys.readouterr().out.splitlines()
    assert first.startswith(f"{key}/execution/workflow: it says 'x', the log 'w' (harmonia db rebuild")
    assert second.startswith(f"{key}/task/m[1]/attempt: ") and second.endswith("[projection-differs]")
    assert last == "1 execution, 10 events: 2 problems, 1 execution concerned."
    assert check([], None, None, False, store, json=True) == 1
    assert [one["code"] for one in document(capsys)["problems"]] == ["projection-differs"] * 2


def test_what_is_rebuilt_is_listed(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    key = damage(store)
    assert rebuild([], False, True, store, json=False) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{key}: would be rebuilt" and lines[-1] == "1 execution: 1 would be rebuilt."
    assert rebuild([], False, False, store, json=True) == 0
    done = document(capsys)
    assert done["counts"]["rebuilt"] == 1
    assert done["executions"] == [{"id": key, "outcome": "rebuilt", "problems": []}]
    assert rebuild([key], False, False, store, json=False) == 0
    assert capsys.readouterr().out == "1 execution: nothing to rebuild.\n"
    _named[store.partition("://")[2]].events[key].pop()
    assert rebuild([], True, False, store, json=False) == 1
    assert "log cannot be read whole" in capsys.readouterr().out


def test_what_is_asked_wrongly_is_refused(store: str) -> None:
    with pytest.raises(Refused, match="time-invalid"):
        check([], "yesterday", None, False, store, json=False)
    with pytest.raises(ExecutionNotFound):
        check(["nobody"], None, None, False, store, json=False)
    with pytest.raises(ExecutionNotFound):
        rebuild(["nobody"], False, False, store, json=False)
    with pytest.raises(BackupRefused):
        back_up("copy.db", store, json=False)


@pytest.mark.parametrize("width", [80, 200])
def test_a_status_fits_its_terminal(
    store: str, width: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = '[{"status": ["failed"], "keep_for": 60, "workflow": "' + "long" * 30 + '"}, {"keep_last": 9}]'
    monkeypatch.setenv("HARMONIA_RETENTION", rules)
    for module in (db_status, printing):
        monkeypatch.setattr(module, "terminal_width", lambda: width)
    held = _named[store.partition("://")[2]]
    [row] = held.executions.values()
    held.executions["later"] = row._replace(
        execution_id="later", status="running", owner="gone", ended_at=None
    )
    held.unfinished["later"] = None
    assert print_status(store, json=False) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= width
    told = {line.split()[0]: line for line in lines if line}
    assert told["executions"].split(None, 1)[1] == "1 completed, 1 running"
    assert told["health"].startswith("health      ok, ")
    assert ("keep_last 9" in told["retention"]) == (width == 200)
    assert told["gone"].split() == ["gone", "not", "known", "gone:", "harmonia", "recover", "1"]
    assert print_status(store, json=True) == 0
    assert [rule.get("keep_last") for rule in document(capsys)["retention"]] == [None, 9]


def test_progress_is_shown_to_a_terminal_and_taken_away(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stderr", Terminal())
    progress = Progress()
    progress.show("10% copied")
    progress.show("not so soon")
    progress.clear()
    progress.clear()
    assert sys.stderr.getvalue() == "\r10% copied\r          \r"  # type: ignore[attr-defined]
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    quiet = Progress()
    quiet.show("10% copied")
    quiet.clear()
    assert sys.stderr.getvalue() == ""  # type: ignore[attr-defined]


def test_sizes_are_for_people() -> None:
    assert [size(number) for number in (0, 999, 1000, 3_400_000, 1.2e9, 5e12)] == [
        "0 B", "999 B", "1.0 kB", "3.4 MB", "1.2 GB", "5.0 TB",
    ]  # fmt: skip
