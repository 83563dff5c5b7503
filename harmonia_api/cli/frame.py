"""One picture of the executions at work, as lines of styled text that fit a terminal. Pure.

Every task has a line while all fit; otherwise what failed and what is active is shown, and the rest
counted. Items of a map get lines of their own once they take a second or need another attempt.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import NamedTuple

from harmonia_api.cli.board import FINAL, Board, Row
from harmonia_api.cli.text import clean, counted, cut, duration
from harmonia_api.cli.words import STYLES, outline, progress, took

Span = tuple[str, str]
Line = list[Span]
SLOW = 1.0  # seconds after which an item of a map gets a line
DIM = "bright_black"


class Look(NamedTuple):
    """Say how to draw. width, height: in characters; now: epoch seconds; signs: by status."""

    width: int
    height: int
    now: float
    signs: Mapping[str, str]


def frame(boards: Sequence[Board], look: Look) -> list[Line]:
    """Return at most `look.height` lines about all executions, each with its share."""
    lines: list[Line] = []
    for number, board in enumerate(boards):
        left = len(boards) - number
        room = (look.height - len(lines)) // left
        if room < 2 and left > 1:
            lines.append(_fitted([(f"… and {counted(left, 'execution')} more", DIM)], look.width))
            break
        lines += _execution(board, look, max(1, room))
    return lines


def _execution(board: Board, look: Look, room: int) -> list[Line]:
    head: Line = [
        (board.workflow, "bold"),
        ("  ", ""),
        (board.status, STYLES.get(board.status, "")),
        (f"  {_elapsed(board, look.now)}  {outline(board)}", DIM),
        (f"  {clean(board.reason)}" if board.reason and board.status == "paused" else "", DIM),
    ]
    head = _fitted(head, look.width)
    if room < 3:
        return [head]
    rows = list(_chosen(board, look, room - 1))
    names = min(max((len(_name(row)) for row in rows), default=0), max(12, look.width // 3))
    lines = [head, *(_task(row, look, names) for row in rows)]
    hidden = len(board.active) + len(board.failed) - len(rows) if len(board.rows) >= room else 0
    if hidden > 0:
        more = counted(hidden + (len(lines) == room), "task")
        lines[room - 1 :] = [_fitted([(f"  … and {more} more at work or failed", DIM)], look.width)]
    return lines[:room]


def _elapsed(board: Board, now: float) -> str:
    return "" if board.started is None else duration((board.ended or now) - board.started)


def _chosen(board: Board, look: Look, room: int) -> Iterable[Row]:
    if len(board.rows) > room:
        return _foremost(board, room)
    spare = room - len(board.rows)
    return _with_inner(board, look.now, spare)


def _with_inner(board: Board, now: float, spare: int) -> Iterator[Row]:
    for row in board.rows.values():
        yield row
        within = (f"{row.path}/", f"{row.path}[", f"{row.path}~")
        for path, inner in board.inner.items():
            if spare > 0 and path.startswith(within):
                spare -= 1
                yield inner
        for item in sorted(row.items.values(), key=lambda item: item.started or now):
            if spare > 0 and (item.attempt > 1 or now - (item.started or now) >= SLOW):
                spare -= 1
                yield item


def _foremost(board: Board, room: int) -> list[Row]:
    """Return failed tasks (a third of the room), active ones and, while it runs, those that ended last."""
    failed = board.failed[: max(1, room // 3)]
    active = list(islice(board.active.values(), room - len(failed)))
    left = room - len(failed) - len(active)
    recent = list(board.recent)[-left:] if left > 0 and board.ended is None else []
    return [*failed, *active, *recent]


def _name(row: Row) -> str:
    return f"  {row.path}" if any(sign in row.path for sign in "[/~") else row.path


def _task(row: Row, look: Look, names: int) -> Line:
    style = STYLES.get(row.status, "")
    length = took(row, look.now).rjust(8) if row.started is not None else " " * 8
    kind = f"  {row.type:<12}" if look.width >= 120 and row.type else ""
    line: Line = [
        (f"{look.signs.get(row.status, ' ')} ", style),
        (f"{cut(_name(row), names):<{names}}", "" if row.status not in ("waiting", "skipped") else DIM),
        (f"{kind}{length}  ", DIM),
        *_detail(row, look.now, style),
    ]
    return _fitted(line, look.width)


def _detail(row: Row, now: float, style: str) -> Iterator[Span]:
    if row.status not in ("succeeded", "waiting") and not (row.status == "running" and row.width is not None):
        yield (row.status, style)
        yield ("  ", "")
    if row.width is not None:
        yield (progress(row) + "  ", "" if row.status not in FINAL else DIM)
    if row.attempt > 1:
        yield (f"attempt {row.attempt}  ", "yellow")
    if row.status in ("backoff", "blocked") and row.due is not None:
        yield (f"{duration(row.due - now)} left  ", DIM)
    if row.error and row.status in ("failed", "backoff", "attention"):
        yield (row.error, style)
    elif row.reason and row.status in ("skipped", "unreachable", "attention", "blocked"):
        yield (row.reason if row.status != "unreachable" else f"blocked by {row.reason}", DIM)
    elif row.note and row.status not in FINAL:
        yield (row.note, DIM)


def _fitted(line: Line, width: int) -> Line:
    """Return a line cut at the width."""
    fitted: Line = []
    for text, style in line:
        room = width - sum(len(text) for text, _ in fitted)
        if room <= 0:
            break
        fitted.append((cut(text, room), style))
    return fitted
