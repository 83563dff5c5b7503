"""What the command line shows of undos: rows under their tasks while they run, lines, the page."""

from typing import Any

import pytest
from test_cli_display import BUSY, START, board, picture, told
from test_cli_nested import names, scheduled

from harmonia_api.cli.board import Board, board_of
from harmonia_api.cli.lines import line
from harmonia_api.cli.page import page
from harmonia_core.model import events as e

FAILED = e.TaskFailed("ship", 1, BUSY)


def compensating() -> Board:
    """Return the board of an execution whose second undo is running."""
    one = told(board("reserve", "charge", "ship"), START, *scheduled("reserve", "charge", "ship"))
    told(one, e.TaskSucceeded("reserve", 1, 1), e.UndoRecorded("reserve", 1), e.TaskSucceeded("charge", 1, 1))
    told(one, e.UndoRecorded("charge", 2), FAILED, e.CompensationBegun("", "failed", BUSY))
    told(one, *scheduled("charge~undo"), e.TaskSucceeded("charge~undo", 1, None), *scheduled("reserve~undo"))
    return one


@pytest.mark.parametrize("width", [80, 200])
def test_an_undo_stands_under_its_task_while_it_runs(width: int) -> None:
    one = compensating()
    assert names(one, width=width) == ["reserve", "reserve~undo", "charge", "ship"]
    assert "compensating" in picture(one, width=width)[0]
    told(one, e.TaskSucceeded("reserve~undo", 1, None), e.ExecutionCompensated(BUSY, ("ship",)))
    assert one.status == "compensated" and not one.inner and not one.active
    result = one.result("compensated", None)
    assert result["failed_tasks"] == ["ship"] and result["error"]["code"] == BUSY.code


def test_one_that_needs_a_person_says_why() -> None:
    one = told(compensating(), e.TaskAttention("reserve~undo", "undo-failed", BUSY))
    row = one.inner["reserve~undo"]
    assert line(row).startswith(f"reserve~undo: attention: {BUSY.code}: ")
    assert any("attention" in text and BUSY.code in text for text in picture(one, width=120))
    assert [row.path for row in one.active.values()] == ["reserve~undo"]


def test_what_a_block_undoes_leaves_the_status_alone() -> None:
    one = told(board("c"), START, *scheduled("c", "c/a"), e.CompensationBegun("c", "failed", BUSY))
    assert one.status == "running"
    told(one, *scheduled("c/a~undo", "m[3]~undo"))
    assert set(one.inner) >= {"c/a~undo", "m[3]~undo"}


def view(**undo: Any) -> dict[str, Any]:
    task = {
        "path": "charge", "id": "charge", "type": "noop", "status": "succeeded", "reason": None, "attempt": 1,
        "max_attempts": 1, "started_at": None, "ended_at": None, "next_at": None, "input": {}, "output": {},
        "error": None,
    }  # fmt: skip
    return {
        "id": "x", "workflow": {"name": "w", "version": "1"}, "status": "attention", "reason": None,
        "owner": None, "error": None, "started_at": None, "ended_at": None, "labels": {}, "input": {},
        "output": None, "seq": 9,
        "tasks": [task, {**task, "path": "charge~undo", "id": "undo", "output": None, **undo}],
    }  # fmt: skip


def test_the_page_has_it_behind_its_task(capsys: pytest.CaptureFixture[str]) -> None:
    page(view(status="attention", reason="undo-failed", error=BUSY.as_json()))
    [line] = [line for line in capsys.readouterr().out.splitlines() if line.startswith("  charge~undo")]
    assert "attention" in line and BUSY.code in line


def test_a_board_is_restored_with_what_is_being_undone() -> None:
    assert list(board_of(view(status="attention")).active) == ["charge~undo"]
    assert not board_of(view(status="succeeded")).active
