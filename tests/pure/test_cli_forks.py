"""What the command line shows of forks: the plan, the board that begins with results, the tree."""

from typing import Any

import pytest

from harmonia_api.cli.board import board_of
from harmonia_api.cli.fork_plan import plan_line, print_plan
from harmonia_api.cli.lineage import print_tree
from harmonia_core.model import events as e
from harmonia_core.model.events import Recorded

OLD = {"name": "order", "version": "1.0.0", "hash": "a"}
NEW = {"name": "order", "version": "1.1.0", "hash": "b"}
REPEAT = {"path": "pay", "type": "http", "idempotent": False, "ended": True, "undone": False}


def plan(**more: Any) -> dict[str, Any]:
    """Return the plan of a re-run."""
    return {
        "kind": "rerun", "origin": {"execution": "x1", "seq": 9}, "definition": {"from": OLD, "to": OLD},
        "changed": ["input"], "again": ["pay", "ship"], "reused": ["look"], "reopened": [],
        "repeats": [REPEAT], "undone": [], "dropped": [], "adopt_compensation": False, "adopted": [],
        "abandoned": [], **more,
    }  # fmt: skip


def test_a_plan_on_one_line_names_the_definition() -> None:
    line = plan_line(plan())
    assert line == (
        "rerun of x1 at event 9, by order 1.0.0 as before: 2 tasks again, 1 reused, 1 effect may repeat"
    )
    other = plan_line(plan(definition={"from": OLD, "to": NEW}, repeats=[]))
    assert "by order 1.1.0 instead of order 1.0.0: 2 tasks again, 1 reused" in other
    same = plan_line(plan(definition={"from": OLD, "to": {**OLD, "hash": "c"}}))
    assert "by order 1.0.0 instead of order 1.0.0 (another content)" in same


def test_a_plan_as_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    print_plan(plan(dropped=["gone"], undone=["look"]))
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == [
        "rerun      of execution x1 at event 9", "definition order 1.0.0 as before", "changed    input",
    ]  # fmt: skip
    assert [line.split("  ")[0] for line in lines[4:9]] == ["TASK", "pay", "ship", "look", "gone"]
    assert "may repeat (http, not idempotent, had succeeded)" in lines[5]
    assert lines[-1] == "2 tasks again, 1 reused, 1 effect may repeat. Nothing was begun."


def test_a_plan_says_what_nobody_undoes_any_more_and_what_is_taken_over(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lost = plan(kind="upgrade", repeats=[], abandoned=["look"])
    assert plan_line(lost).endswith("1 reused, undo of 1 task is lost (--adopt-compensation takes it over)")
    print_plan(lost)
    lines = capsys.readouterr().out.splitlines()
    assert lines[3] == "undo       of 1 task is lost (--adopt-compensation takes it over)"
    assert any(" ".join(line.split()) == "look reused nobody undoes it any more" for line in lines)
    taken = plan(kind="upgrade", repeats=[], adopt_compensation=True, adopted=["look"], abandoned=["pay"])
    assert plan_line(taken).endswith("1 reused, undo of 1 task is taken over, undo of 1 task is lost")
    print_plan(taken)
    lines = capsys.readouterr().out.splitlines()
    assert lines[3:5] == ["undo       of 1 task is taken over", "undo       of 1 task is lost"]
    assert any(" ".join(line.split()) == "look reused its undo is taken over" for line in lines)


def test_a_large_plan_is_cut(capsys: pytest.CaptureFixture[str]) -> None:
    print_plan(plan(again=[f"each[{n}]" for n in range(1000)], repeats=[]))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) < 212 and "… and 801 more; --json has all of them" in lines


def test_a_board_begins_with_what_is_reused_and_ends_with_the_rest() -> None:
    never = {"attempt": 0, "started_at": None, "ended_at": None}
    tasks = [{"path": id, "id": id, "type": "http", "status": "waiting", **never} for id in ("look", "pay")]
    tasks[0]["status"] = "succeeded"
    view = {"id": "x2", "workflow": OLD, "seq": 0, "status": "queued", "reason": None, "tasks": tasks}
    board = board_of({**view, **never})
    assert board.counts["succeeded"] == 1 and board.rows["look"].status == "succeeded"
    forked = e.ExecutionForked("x1", 9, "rerun", "order", "1.0.0", "a", "g", {})
    for seq, event in enumerate((forked, e.TaskScheduled("pay", 1), e.TaskSucceeded("pay", 1, None)), 1):
        board.take(Recorded("x2", seq, float(seq), None, None, event))
    assert (board.status, board.started, board.counts["succeeded"]) == ("running", 1.0, 2)


def node(id: str, relation: str = "start", *below: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return a node of the tree."""
    return {
        "id": id, "relation": relation, "seq": None, "path": None, "status": "completed", "workflow": OLD,
        "created_at": "2026-01-01T00:00:00.000000Z", "gone": False, "descendants": list(below), **more,
    }  # fmt: skip


TREE = node(
    "first", "start",
    node(
        "second", "rerun", node("third", "upgrade", seq=5, workflow=NEW, adopted=2), seq=12,
        status="terminated",
    ),
    node("fourth", "child", path="each[1]/ask"),
)  # fmt: skip


@pytest.mark.parametrize("width", [80, 200, None])
def test_the_tree_fits_its_lines(width: int | None, capsys: pytest.CaptureFixture[str]) -> None:
    print_tree({"id": "third", "root": TREE, "count": 4, "complete": True}, width)
    lines = capsys.readouterr().out.splitlines()
    fronts = ("first  ", "├─ second  ", "│  └─ third  ", "└─ fourth  ")
    assert all(line.startswith(front) for line, front in zip(lines, fronts, strict=True))
    assert "upgrade at 5, undo of 2 tasks taken over" in lines[2]
    assert "rerun at 12" in lines[1] and "child of task each[1]/ask" in lines[3]
    assert all(width is None or len(line) <= width for line in lines)
    assert ("this one" in lines[2]) is (width != 80) and ("2026-01-01" in lines[0]) is (width != 80)


def test_what_is_pruned_is_named_and_nothing_else_said(capsys: pytest.CaptureFixture[str]) -> None:
    gone = {**dict.fromkeys(node("x")), "id": "old", "gone": True, "descendants": [TREE]}
    print_tree({"id": "first", "root": gone, "count": 4, "complete": False}, 80)
    said = capsys.readouterr()
    assert said.out.splitlines()[0] == "old  pruned" and "--limit shows more" in said.err
