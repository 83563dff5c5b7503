"""What `harmonia executions search` and `harmonia memo` print, on a store in this process."""

import json
from typing import Any

import anyio
import pytest

from harmonia_api.cli import memo, printing, search
from harmonia_api.cli.search import Wanted, query_of
from harmonia_api.cli.source import Refused
from harmonia_core import task_type
from harmonia_core.testing.harness import Harness

NOTHING = Wanted([], [], *[None] * 13, 50, None)
NOW, MAY = 1_780_000_000.0, 1_777_593_600.0


@task_type("cli.work")
async def work(ctx: Any, input: Any) -> Any:
    """Return what is given."""
    return input


@pytest.fixture
def store(request: pytest.FixtureRequest) -> str:
    """Return the URL of a store in which three executions have ended."""
    name = request.node.name.strip("]").replace("[", "-")
    url = f"memory://{name}"
    failing = {"a": {"type": "fail", "input": {"error": "too-much", "message": "The Limit\tis 100."}}}

    async def fill() -> None:
        async with Harness(work, url=url) as harness:
            await harness.run({"name": "w", "labels": {"team": "a"}, "tasks": {"a": {"type": "noop"}}})
            harness.clock.advance(1)
            await harness.run({"name": "v", "labels": {"team": "a", "env": "x"}, "tasks": failing})
            harness.clock.advance(1)
            await harness.run({"name": "u", "tasks": {"a": {"type": "cli.work", "memo": {"ttl": "P9000D"}}}})

    anyio.run(fill)
    return url


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().out.splitlines()


def on_terminal(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    for module in (printing, search, memo):
        monkeypatch.setattr(module, "terminal_width", lambda: width)


def test_what_is_found_is_printed_with_its_error_and_labels(
    store: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert search.search(NOTHING._replace(labels=["team=a"]), store, False) == 0
    header, failed, completed = lines(capsys)
    assert header.split() == ["ID", "STATUS", "STARTED", "TOOK", "WORKFLOW", "DETAILS"]
    assert failed.endswith("v 1.0.0   too-much: The Limit is 100.  env=x team=a")
    assert completed.endswith("w 1.0.0   team=a")
    search.search(NOTHING._replace(labels=["team=b"]), store, False)
    assert lines(capsys) == ["No executions."]


def test_a_narrow_terminal_gets_two_lines_and_the_match_stands_out(
    store: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    on_terminal(monkeypatch, 80)
    monkeypatch.setattr(search, "paint", lambda text, style: f"<{text}>" if style == "bold" else text)
    search.search(NOTHING._replace(error="limit"), store, False)
    first, second = lines(capsys)
    assert len(first) <= 80 and first.endswith("v 1.0.0")
    assert second == "  too-much: The <Limit> is 100.  env=x team=a"


def test_a_page_that_is_not_the_last_names_the_next(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    seen = []
    cursor = None
    for _ in range(3):
        search.search(NOTHING._replace(limit=1, cursor=cursor), store, True)
        page = json.loads(capsys.readouterr().out)
        seen += [one["workflow"]["name"] for one in page["executions"]]
        cursor = page["cursor"]
    assert (seen, cursor) == (["u", "v", "w"], None)
    search.search(NOTHING._replace(limit=1, ended_since="2000-01-01"), store, False)
    told = capsys.readouterr().err
    assert told.startswith("More: --cursor '")
    again = told.partition("'")[2].rstrip("'\n")
    search.search(NOTHING._replace(ended_since="2000-01-01", cursor=again), store, True)
    assert len(json.loads(capsys.readouterr().out)["executions"]) == 2


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("90s", NOW - 90), ("30m", NOW - 1800), ("2h", NOW - 7200), ("1.5d", NOW - 129_600),
        ("1w", NOW - 604_800), ("2026-05-01", MAY), ("2026-05-01T02:00:00+02:00", MAY),
    ],
)  # fmt: skip
def test_times_are_told_or_counted_back(text: str, moment: float) -> None:
    assert query_of(NOTHING._replace(since=text), NOW).created_from == moment
    assert query_of(NOTHING._replace(ended_until=text), NOW).ended_to == moment


def test_everything_that_is_wrong_is_said_at_once() -> None:
    wrong = NOTHING._replace(labels=["=x", "a"], status=["done"], since="soon", cursor="12.5 id")
    with pytest.raises(Refused) as refused:
        query_of(wrong, NOW)
    codes = [problem.code for problem in refused.value.problems]
    assert codes == ["status-unknown", "time-invalid", "cursor-invalid", "label-invalid"]
    assert query_of(NOTHING._replace(labels=["a", "b=", "c=d=e"]), NOW).labels == (
        ("a", None), ("b", ""), ("c", "d=e"),
    )  # fmt: skip


@pytest.mark.parametrize("width", [80, 200])
def test_kept_results_are_printed_and_forgotten(
    store: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    on_terminal(monkeypatch, width)
    assert memo.list_page("default", None, None, 50, None, store, False) == 0
    header, row = lines(capsys)
    assert header.split()[:3] == ["TYPE", "WORKFLOW", "LEFT"] and ("KEY" in header) is (width == 200)
    assert row.startswith("cli.work  u  ") and len(row) <= width
    memo.list_page("default", "cli.work", "u", 50, None, store, True)
    [found] = json.loads(capsys.readouterr().out)["results"]
    assert set(found) == {"key", "type", "workflow", "execution", "path", "at", "expires", "output"}
    assert memo.clear("default", "other", None, store, True) == 0
    assert json.loads(capsys.readouterr().out) == {"forgotten": 0}
    memo.clear("default", None, None, store, False)
    memo.list_page("default", None, None, 50, None, store, False)
    assert lines(capsys) == ["1 result forgotten.", "No results are kept."]
