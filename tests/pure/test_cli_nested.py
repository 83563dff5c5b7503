"""What the command line shows of tasks inside tasks: rows that come and go, lines, the page, recovery."""

from collections.abc import Iterable
from typing import Any

import pytest
from test_cli_display import BUSY, START, board, picture, told

from harmonia_api.cli.board import Board, board_of
from harmonia_api.cli.boards import Boards
from harmonia_api.cli.lines import LineDisplay, line
from harmonia_api.cli.page import page
from harmonia_api.cli.recover import _types
from harmonia_api.cli.words import outline, progress
from harmonia_core.definitions.load import load_data
from harmonia_core.host import Recorded
from harmonia_core.model import events as e

WHEN = "2026-01-01T00:01:40Z"


def scheduled(*paths: str, **more: Any) -> list[e.Event]:
    return [e.TaskScheduled(path, 1, **more) for path in paths]


def names(one: Board, **more: Any) -> list[str]:
    """Return the paths of the picture's lines, in order."""
    return [text.split()[1] for text in picture(one, **more)[1:]]


# The board


def test_a_task_inside_has_a_row_from_its_begin_to_its_end() -> None:
    one = told(board("c", "after"), START, *scheduled("c", "c/a", "c/a/deep"))
    assert (list(one.inner), list(one.active)) == (["c/a", "c/a/deep"], ["c", "c/a", "c/a/deep"])
    told(one, e.TaskSucceeded("c/a/deep", 1, 1), at=101.0)
    told(one, e.TaskFailed("c/a", 1, BUSY), at=102.0)
    assert (one.inner, list(one.active)) == ({}, ["c"])
    assert one.failed == [] and one.counts["failed"] == 0, "only the workflow's own tasks are counted"
    assert outline(one) == "0/2 tasks, 1 active"
    told(one, e.TaskFailed("c", 1, BUSY), at=103.0)
    assert [row.path for row in one.failed] == ["c"]


def test_a_task_inside_keeps_what_its_events_say() -> None:
    one = told(board("c"), START, *scheduled("c", "c[1]/call"))
    told(one, e.RetryScheduled("c[1]/call", 1, BUSY, 104.5), at=102.0)
    row = one.inner["c[1]/call"]
    assert (row.status, row.due, row.started) == ("backoff", 104.5, 100.0)
    told(one, e.TimerFired("c[1]/call", "retry"), e.TaskScheduled("c[1]/call", 2, first=False), at=105.0)
    assert one.inner["c[1]/call"] is row and (row.status, row.attempt) == ("running", 2)


@pytest.mark.parametrize("end", [e.TaskSkipped("c/b", "when"), e.TaskUnreachable("c/b", "c/a")])
def test_a_task_inside_that_never_begins_is_told_once_and_not_kept(end: e.Event) -> None:
    one = told(board("c"), START, *scheduled("c"))
    row = one.take(Recorded("x", one.seq + 1, 100.0, None, None, end))
    assert row is not None and row.path == "c/b" and (one.inner, list(one.active)) == ({}, ["c"])


def test_items_of_a_map_inside_are_counted_in_its_row() -> None:
    one = told(board("c"), START, *scheduled("c"), *scheduled("c/m", width=4))
    told(one, *scheduled("c/m[0]", "c/m[1]", "c/m[2]"))
    told(one, e.TaskSucceeded("c/m[0]", 1, 0), e.TaskFailed("c/m[1]", 1, BUSY))
    row = one.inner["c/m"]
    assert list(one.inner) == ["c/m"] and progress(row) == "2/4, 1 running, 1 failed"
    assert row.error == "item 1: busy: try later [2J"
    told(one, e.TaskSucceeded("c/m[2]", 1, 0), e.TaskFailed("c/m", 1, BUSY))
    assert one.inner == {} and list(one.active) == ["c"]


def test_what_goes_on_inside_items_has_no_rows_but_the_items_have() -> None:
    one = told(board("m"), START, *scheduled("m", width=3), *scheduled("m[0]", "m[0]/a", "m[1]", "m[1]/a"))
    told(one, e.TaskFailed("m[0]/a", 1, BUSY), e.TaskFailed("m[0]", 1, BUSY))
    assert one.inner == {} and list(one.active) == ["m"]
    assert progress(one.rows["m"]) == "1/3, 1 running, 1 failed"


def test_a_path_leads_to_the_row_that_shows_it() -> None:
    one = told(board("c", "m"), START, *scheduled("c", "c[2]/a"), *scheduled("c[2]/n", width=2))
    told(one, *scheduled("m", width=2), *scheduled("m[1]"))

    def shown(path: str) -> str | None:
        row = one.row(path)
        return None if row is None else row.path

    assert [shown(path) for path in ("c", "c[2]/a", "c[2]/n[1]")] == ["c", "c[2]/a", "c[2]/n"]
    assert [shown(path) for path in ("m", "m[1]", "m[1]/deep[0]/er")] == ["m", "m", "m"]
    assert shown("c[2]/gone") == "c", "one that is not at work is shown by what holds it"
    assert shown("strange/task") is None
    told(one, e.TaskSucceeded("c[2]/a", 1, None))
    assert shown("c[2]/a") == "c"


def test_variables_and_steps_change_no_row() -> None:
    one = told(board("c"), START, *scheduled("c"))
    silent = (e.StepEntered("c", 0), e.VariablesSet("c", {"n": 1}), e.ScopeStopped("c", "won", "c/a"))
    for event in silent:
        assert one.take(Recorded("x", one.seq + 1, 100.0, None, None, event)) is None
    assert (one.status, one.rows["c"].status, one.seq) == ("running", "running", 5)


# The picture


def test_tasks_inside_stand_below_what_holds_them() -> None:
    one = told(board("a", "ab", "z"), START, *scheduled("a", "ab", "z", "z[0]/s", "ab/x", "a/t", "a/t/u"))
    assert names(one) == ["a", "a/t", "a/t/u", "ab", "ab/x", "z", "z[0]/s"]
    shown = picture(one)
    assert shown[1].startswith("▶ a  ") and shown[2].startswith("▶   a/t  "), "those inside are set in"


def test_tasks_inside_take_the_room_that_is_left_and_no_more() -> None:
    inside = [f"c/t{n}" for n in range(10)]
    one = told(board("c", "after"), START, *scheduled("c", *inside))
    assert names(one, height=6) == ["c", "c/t0", "c/t1", "c/t2", "after"]
    assert names(one, height=3) == ["c", "after"]
    assert len(picture(one, height=6)) == 6


def test_a_map_inside_shows_its_counts() -> None:
    one = told(board("c"), START, *scheduled("c"), *scheduled("c/m", width=4), *scheduled("c/m[0]"))
    assert picture(one)[2].split(None, 2)[2] == "3.00 s  0/4, 1 running"


@pytest.mark.parametrize("height", [5, 20])
def test_a_workflow_that_does_not_fit_shows_tasks_inside_among_the_active(height: int) -> None:
    tasks = [f"t{n}" for n in range(100)]
    one = told(board(*tasks), START, *scheduled("t50", "t50/inside"))
    assert names(one, height=height)[:2] == ["t50", "t50/inside"]
    assert len(picture(one, height=height)) <= height


# Lines


def said(display: LineDisplay, one: Board, events: Iterable[e.Event], capsys: Any) -> list[str]:
    """Return the lines that events lead to."""
    for event in events:
        display.show([Recorded("x", one.seq + 1, 100.0, None, None, event)])
    found: str = capsys.readouterr().err
    return found.splitlines()


def test_each_change_of_a_task_inside_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    one = board("c")
    boards = Boards()
    display = LineDisplay(boards)
    display.add(one)
    assert said(display, one, [START], capsys) == ["demo 1.0.0, 1 task, execution x"]
    begun = said(display, one, [*scheduled("c"), e.StepEntered("c", 0), *scheduled("c[0]/a")], capsys)
    assert begun == ["c: running", "c[0]/a: running"]
    ended = [e.TaskFailed("c[0]/a", 1, BUSY), e.TaskSkipped("c[0]/b", "when"), e.VariablesSet("c", {"n": 1})]
    assert [text.partition(" in ")[0] for text in said(display, one, ended, capsys)] == [
        "c[0]/a: failed",
        "c[0]/b: skipped (when)",
    ]


def test_items_are_counted_wherever_their_map_is(capsys: pytest.CaptureFixture[str]) -> None:
    one = board("c", "m")
    display = LineDisplay(Boards())
    display.add(one)
    begin = [START, *scheduled("c"), *scheduled("c/n", width=2), *scheduled("m", width=2)]
    assert said(display, one, begin, capsys)[1:] == [
        "c: running",
        "c/n: running, 2 items",
        "m: running, 2 items",
    ]
    inside = [*scheduled("c/n[0]", "m[0]", "m[0]/deep"), e.TaskSucceeded("m[0]/deep", 1, 1)]
    assert said(display, one, inside, capsys) == []
    assert [row.path for _, row in display._maps.values()] == ["c/n", "m"]
    assert line(one.inner["c/n"]) == "c/n: running, 2 items"


# What is restored, and the page


def shape(path: str, id: str, status: str = "running", **more: Any) -> dict[str, Any]:
    """Return a task of an execution's public shape."""
    empty = dict.fromkeys(("ended_at", "next_at", "reason", "input", "output", "error"))
    begun = {"attempt": 1, "max_attempts": 3, "started_at": WHEN}
    return {"path": path, "id": id, "type": "work", "status": status, **empty, **begun, **more}


def view(*tasks: dict[str, Any]) -> dict[str, Any]:
    return {
        **{"id": "x", "workflow": {"name": "demo", "version": "1.0.0"}, "status": "running", "seq": 9},
        **{"started_at": WHEN, "ended_at": None, "reason": None, "owner": None, "labels": {}},
        **{"input": {}, "output": None, "error": None, "tasks": list(tasks)},
    }


ITEMS = {"count": 5, "begun": 3, "in_flight": 1, "succeeded": 1, "failed": 1, "cancelled": 0}
NESTED = view(
    shape("c", "c", type="loop"),
    shape("c[1]/body", "body", type="sequence"),
    shape("c[1]/body/done", "done", "succeeded"),
    shape("c[1]/body/call", "call", "backoff", attempt=2),
    shape("c[1]/body/later", "later", "waiting"),
    shape("c[1]/body/rows", "rows", type="map", items=ITEMS),
    shape("c[1]/body/rows[2]", "rows"),
    shape("m", "m", type="map", items=ITEMS),
    shape("m[2]", "m", type="group"),
    shape("m[2]/a", "a"),
)


def test_a_board_is_restored_with_what_is_at_work_inside() -> None:
    one = board_of(NESTED)
    assert list(one.rows) == ["c", "m"] and one.counts == {"running": 2, "waiting": 0}
    inside = ["c[1]/body", "c[1]/body/call", "c[1]/body/rows"]
    assert [path for path in one.inner if path.startswith("c")] == inside
    call, rows = one.inner["c[1]/body/call"], one.inner["c[1]/body/rows"]
    assert (call.type, call.status, call.attempt, call.started) == ("work", "backoff", 2, 1767225700.0)
    assert progress(rows).startswith("2/5")
    assert list(one.rows["m"].items) == [2]
    told(one, e.TaskSucceeded("c[1]/body/call", 2, None), e.TaskSucceeded("c[1]/body", 1, None))
    assert "c[1]/body" not in one.inner and "c[1]/body" not in one.active


def test_tasks_inside_items_leave_a_restored_board_as_they_leave_a_live_one() -> None:
    """Nothing inside an item is kept, so that nothing of it can stay behind when it ends."""
    one = board_of(NESTED)
    told(one, e.TaskSucceeded("m[2]/a", 1, None), e.TaskSucceeded("m[2]", 1, None))
    assert [path for path in (*one.inner, *one.active) if path.startswith("m")] == ["m"]


def test_the_page_sets_in_what_lies_inside(capsys: pytest.CaptureFixture[str]) -> None:
    page(NESTED)
    printed = capsys.readouterr().out
    lines = [text for text in printed.splitlines() if "running" in text or "backoff" in text]
    found = [text.rstrip() for text in lines[1:]]
    assert [text.startswith("  ") for text in found] == [False, *[True] * 4, False, True, True]
    assert found[0].startswith("c ") and found[1].startswith("  c[1]/body ")
    assert "5 items: 1 succeeded, 1 failed, 1 in flight" in found[3]


# Recovery


def test_the_types_of_a_definition_are_found_at_any_depth() -> None:
    def work(name: str, **more: Any) -> dict[str, Any]:
        return {"type": name, "input": {"type": "data", "task": {"type": "data"}}, **more}

    tasks = {
        "a": work("one", catch=[{"task": work("two")}], **{"finally": {"steps": {"s": work("three")}}}),
        "b": {
            "type": "parallel",
            "branches": {"x": {"task": work("four")}, "y": {"tasks": {"t": work("five")}}},
        },
        "c": {
            "type": "decision",
            "cases": [{"when": True, "task": work("six")}],
            "default": {"task": work("seven")},
        },
        "d": {"type": "map", "input": {"items": [{"type": "data"}]}, "task": work("eight")},
        "e": {
            "type": "loop",
            "times": 2,
            "vars": {"type": "data"},
            "output": {"type": "data"},
            "task": work("nine"),
        },
        "f": work("ten", metadata={"type": "data"}),
    }
    definition = load_data({"name": "w", "tasks": tasks}).definition
    assert definition is not None
    numbers = {"one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"}
    assert set(_types(definition.as_data()["tasks"])) == numbers | {"parallel", "decision", "map", "loop"}
    assert list(_types([])) == []
