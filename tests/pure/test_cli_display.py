"""What the command line shows of executions: the board that events are folded into, and its picture."""

import time
from collections.abc import Iterable

import pytest

from harmonia_api.cli.board import Board
from harmonia_api.cli.boards import Boards
from harmonia_api.cli.frame import Line, Look, frame
from harmonia_api.cli.lines import line
from harmonia_api.cli.text import clean, duration
from harmonia_api.cli.words import ASCII_SIGNS, SIGNS, STYLES, outline, progress
from harmonia_core.host import Recorded, TaskStatus
from harmonia_core.model import events as e
from harmonia_core.model.outcomes import ErrorInfo

BUSY = ErrorInfo("server", "busy", "try\nlater \x1b[2J")


def board(*tasks: str, execution: str = "x") -> Board:
    return Board(execution, "demo 1.0.0", [(task, "python") for task in tasks])


def told(target: Board, *events: e.Event, at: float = 100.0) -> Board:
    for event in events:
        target.take(Recorded(target.execution_id, target.seq + 1, at, None, None, event))
    return target


def texts(lines: Iterable[Line]) -> list[str]:
    return ["".join(text for text, _ in spans).rstrip() for spans in lines]


def picture(*boards: Board, width: int = 80, height: int = 22, now: float = 103.0) -> list[str]:
    return texts(frame(boards, Look(width, height, now, SIGNS)))


START = e.ExecutionStarted("demo", "1.0.0", "", "", {}, {}, {}, "x")


def test_a_board_follows_a_task_through_its_life() -> None:
    one = told(board("a", "b"), START, e.TaskScheduled("a", 1))
    assert (one.status, one.rows["a"].status, list(one.active)) == ("running", "running", ["a"])
    told(one, e.RetryScheduled("a", 1, BUSY, 104.5), at=102.0)
    assert line(one.rows["a"]).startswith("a: backoff, again in 0.0 s: busy: try later [2J")
    assert picture(one)[1] == "↻ a  3.00 s  backoff  1.50 s left  busy: try later [2J"
    told(
        one,
        e.TimerFired("a", "retry"),
        e.TaskScheduled("a", 2, first=False),
        e.TaskSucceeded("a", 2, 1),
        at=105.0,
    )
    assert one.rows["a"].ended == 105.0
    assert line(one.rows["a"]) == "a: succeeded in 5.00 s, attempt 2"
    told(one, e.TaskSkipped("b", "when"), e.ExecutionCompleted(None), at=106.0)
    assert (one.active, outline(one)) == ({}, "2/2 tasks")
    assert picture(one) == [
        "demo 1.0.0  completed  6.00 s  2/2 tasks",
        "✓ a  5.00 s  attempt 2",
        "– b          skipped  when",
    ]


def test_items_of_a_map_are_counted_and_slow_ones_are_shown() -> None:
    one = told(board("look", "after"), START, e.TaskScheduled("look", 1, width=1200))
    for item in range(5):
        told(one, e.TaskScheduled(f"look[{item}]", 1))
    told(one, e.TaskSucceeded("look[0]", 1, 0), e.RetryScheduled("look[1]", 1, BUSY, 110.0))
    told(one, e.TaskFailed("look[2]", 1, BUSY))
    row = one.rows["look"]
    assert progress(row) == "2/1,200, 2 running, 1 retrying, 1 failed"
    assert picture(one, now=100.5) == [
        "demo 1.0.0  running  0.50 s  0/2 tasks, 1 active",
        "▶ look   0.50 s  2/1,200, 2 running, 1 retrying, 1 failed",
        "· after",
    ]
    assert [text.split()[1] for text in picture(one)[1:]] == [
        "look",
        "look[1]",
        "look[3]",
        "look[4]",
        "after",
    ]
    told(one, e.TaskFailed("look", 1, ErrorInfo("task", "item-failed", "item 2")))
    assert (row.items, [row.path for row in one.failed]) == ({}, ["look"])


@pytest.mark.parametrize(("width", "height"), [(80, 22), (200, 48), (20, 3), (10, 1)])
def test_a_picture_of_ten_thousand_tasks_fits_and_shows_what_matters(width: int, height: int) -> None:
    names = [f"task_{number}" for number in range(10_000)]
    one = told(board(*names), START, *(e.TaskScheduled(name, 1) for name in names[:3000]))
    told(one, *(e.TaskSucceeded(name, 1, None) for name in names[:2000]))
    told(one, *(e.TaskFailed(name, 1, BUSY) for name in names[2000:2002]))
    shown = picture(one, width=width, height=height)
    assert len(shown) == (height if height > 2 else 1)
    assert max(map(len, shown)) <= width
    if height > 20:
        assert shown[0] == "demo 1.0.0  running  3.00 s  2,002/10,000 tasks, 998 active, 2 failed"
        assert [text.split()[1] for text in shown[1:4]] == ["task_2000", "task_2001", "task_2002"]
        assert shown[-1] == f"  … and {1000 - (height - 2)} tasks more at work or failed"


def test_drawing_does_not_grow_with_the_number_of_tasks() -> None:
    names = [f"task_{number}" for number in range(10_000)]
    many = told(board(*names), START, *(e.TaskScheduled(name, 1) for name in names[:1000]))
    few = told(board(*names[:1000]), START, *(e.TaskScheduled(name, 1) for name in names[:1000]))

    def cost(one: Board) -> float:
        best = []
        for _ in range(5):
            began = time.perf_counter()
            picture(one)
            best.append(time.perf_counter() - began)
        return min(best)

    assert cost(many) < 5 * cost(few)


def test_what_ended_is_no_longer_listed_when_not_everything_fits() -> None:
    names = [f"task_{number}" for number in range(100)]
    one = told(board(*names), START, *(e.TaskScheduled(name, 1) for name in names))
    told(one, *(e.TaskSucceeded(name, 1, None) for name in names[1:]), e.TaskFailed(names[0], 1, BUSY))
    assert [text.split()[1] for text in picture(one, height=5)[1:]] == [
        "task_0",
        "task_97",
        "task_98",
        "task_99",
    ]
    told(one, e.ExecutionFailed(BUSY, (names[0],)))
    assert [text.split()[1] for text in picture(one, height=5)[1:]] == ["task_0"]


def test_several_executions_share_the_height() -> None:
    boards = [told(board("a", "b", "c", "d", execution=str(number)), START) for number in range(3)]
    shown = picture(*boards, height=9)
    assert len(shown) <= 9
    assert sum(text.startswith("demo") for text in shown) == 3
    crowded = picture(*boards * 10, height=9)
    assert len(crowded) <= 9
    assert crowded[-1].startswith("… and ")


def test_events_wait_for_a_board_and_are_taken_once() -> None:
    boards = Boards()
    batch = [Recorded("x", seq, 100.0, None, None, e.TaskScheduled("a", seq)) for seq in (1, 2, 3)]
    assert list(boards.take(batch)) == []
    late = board("a")
    late.seq = 1  # restored from a state that holds the first event
    assert [recorded.seq for _, _, recorded in boards.add(late)] == [2, 3]
    assert list(boards.take(batch)) == []


def test_a_newcomer_gets_the_first_execution_that_begins() -> None:
    expected = board("a", execution="")
    boards = Boards(expected)
    list(boards.take([Recorded("new", 1, 100.0, None, None, START)]))
    assert boards.get("new") is expected and expected.execution_id == "new"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1, "0.00 s"),
        (0.004, "0.00 s"),
        (9.99, "9.99 s"),
        (9.996, "10.0 s"),
        (59.94, "59.9 s"),
        (59.97, "1 m 00 s"),
        (125.4, "2 m 05 s"),
        (3600, "1 h 00 m"),
        (90_061, "25 h 01 m"),
    ],
)
def test_durations_are_for_people(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_what_tasks_say_cannot_steer_a_terminal() -> None:
    assert clean("a\r\n\tb\x1b]0;title\x07\x9b2J é") == "a b ]0;title 2J é"


def test_every_status_has_a_sign_and_a_style() -> None:
    statuses = {status.value for status in TaskStatus}
    assert statuses == set(SIGNS) == set(ASCII_SIGNS)
    assert statuses <= set(STYLES)
    assert all(sign.isascii() for sign in ASCII_SIGNS.values())
