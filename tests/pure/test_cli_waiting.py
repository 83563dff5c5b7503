"""What the command line says of tasks that wait for messages and people."""

import pytest
from test_cli_display import START, board, picture, told
from test_cli_nested import shape, view

from harmonia_api.cli.board import board_of
from harmonia_api.cli.lines import line
from harmonia_api.cli.page import page
from harmonia_core.model import events as e


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (e.MessageAwaited("a", [{"name": "paid", "correlation": {"n": 1}}]), 'message paid ({"n":1})'),
        (e.MessageAwaited("a", [{"name": "x"}, {"name": "y", "correlation": 1}]), "message x or y (1)"),
        (e.MessageAwaited("a", [{"name": "x"}, {"name": "y"}], "all"), "messages x and y"),
        (e.ApprovalRequested("a", "Pay\x1b[2J?", ["ann", "bob"]), "approval by ann or bob: Pay [2J?"),
        (e.ApprovalRequested("a", "Pay?"), "approval: Pay?"),
        (e.ApprovalEscalated("a", ["eve"]), "approval, escalated to eve"),
    ],
)  # fmt: skip
def test_what_is_waited_for_is_said_in_words(event: e.Event, said: str) -> None:
    one = told(board("a"), START, e.TaskScheduled("a", 1), event)
    assert line(one.rows["a"]) == f"a: blocked (waits for {said})"
    assert picture(one)[1] == f"◷ a  3.00 s  blocked  waits for {said}"
    assert all(len(row) <= 40 for row in picture(one, width=40))


def test_a_deadline_counts_down_beside_what_is_waited_for() -> None:
    asked = e.ApprovalRequested("a", "Pay?", due=109.0, deadline=109.0)
    one = told(board("a"), START, e.TaskScheduled("a", 1), asked)
    assert picture(one)[1] == "◷ a  3.00 s  blocked  6.00 s left  waits for approval: Pay?"


def test_the_page_and_a_restored_board_say_what_is_waited_for(capsys: pytest.CaptureFixture[str]) -> None:
    messages = {"messages": [{"name": "paid", "correlation": 17}], "mode": "any"}
    approval = {"approval": "Pay?", "assignees": ["ann"], "escalate_to": [], "deadline": None}
    shown = view(
        shape("m", "m", "blocked", reason="event", awaits=messages),
        shape("p", "p", "blocked", reason="approval", awaits=approval, next_at="2026-01-01T00:00:00.000000Z"),
    )
    page(shown)
    out = capsys.readouterr().out
    assert "waits for message paid (17)" in out
    assert "waits for approval by ann: Pay?, until 2026-01-01T00:00:00.000000Z" in out
    assert line(board_of(shown).rows["m"]) == "m: blocked (waits for message paid (17))"
