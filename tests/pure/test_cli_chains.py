"""What is shown of an execution that goes on in another log: one board, known by both ids."""

from typing import Any

from harmonia_api.cli.board import Board
from harmonia_api.cli.boards import Boards
from harmonia_core.model import events as e
from harmonia_core.model.events import Recorded


def told(id: str, *events: Any) -> list[Recorded]:
    return [Recorded(id, seq, float(seq), None, None, event) for seq, event in enumerate(events, 1)]


STARTED = e.ExecutionStarted("w", "1", "d", "g", None, {}, {}, "one")
RUNS = e.TaskScheduled("loop", 1)


def goes_on(origin: str) -> e.ExecutionContinued:
    return e.ExecutionContinued(origin, 3, "w", "1", "d", "g", {})


FIRST = told("one", STARTED, RUNS, e.ExecutionRolledOver("two"))
SECOND = told("two", goes_on("one"), e.TaskSucceeded("loop", 1, None), e.ExecutionRolledOver("three"))
THIRD = told("three", goes_on("two"), e.ExecutionCompleted({"a": 1}))


def fresh(id: str = "") -> Board:
    return Board(id, "w 1", [("loop", "loop")])


def test_one_board_follows_the_chain() -> None:
    board = fresh()
    boards = Boards(board)
    list(boards.take(FIRST))
    assert (board.execution_id, board.status, board.ended) == ("one", "running", None)
    assert len(list(boards.take(SECOND))) == 3
    assert (board.execution_id, board.origin, board.rows["loop"].status) == ("two", "one", "succeeded")
    list(boards.take(THIRD))
    assert (board.status, board.started, board.ended) == ("completed", 1.0, 2.0)
    assert boards.get("one") is boards.get("two") is boards.get("three") is board and len(boards) == 1
    assert board.result("completed", {"a": 1})["id"] == "three"


def test_what_has_waited_for_a_board_is_taken_along_the_chain() -> None:
    boards = Boards()
    for batch in (FIRST, SECOND, THIRD):
        assert not list(boards.take(batch))
    board = fresh("one")
    assert len(list(boards.add(board))) == len(FIRST) + len(SECOND) + len(THIRD)
    assert (board.execution_id, board.status) == ("three", "completed")


def test_another_board_is_not_taken_for_it() -> None:
    boards = Boards()
    list(boards.add(fresh("other")))
    assert not list(boards.take(SECOND)) and boards.get("two") is None
