"""States and counts in words and signs, the same wherever they are shown."""

from collections.abc import Mapping

from harmonia_api.cli.board import FINAL, Board, Row
from harmonia_api.cli.text import counted, duration

STYLES: Mapping[str, str] = {
    "running": "cyan",
    "ready": "cyan",
    "backoff": "yellow",
    "blocked": "cyan",
    "attention": "bold magenta",
    "succeeded": "green",
    "completed": "bold green",
    "failed": "bold red",
    "cancelling": "yellow",
    "compensating": "yellow",
    "compensated": "bold yellow",
    "paused": "bold yellow",
    "terminated": "bold red",
    "cancelled": "yellow",
    "skipped": "bright_black",
    "unreachable": "bright_black",
    "waiting": "bright_black",
}
SIGNS: Mapping[str, str] = {
    "running": "▶",
    "ready": "▷",
    "backoff": "↻",
    "blocked": "◷",
    "attention": "!",
    "succeeded": "✓",
    "failed": "✗",
    "cancelled": "⊘",
    "skipped": "–",
    "unreachable": "–",
    "waiting": "·",
}
ASCII_SIGNS: Mapping[str, str] = {
    "running": ">",
    "ready": ">",
    "backoff": "~",
    "blocked": "~",
    "attention": "!",
    "succeeded": "+",
    "failed": "x",
    "cancelled": "x",
    "skipped": "-",
    "unreachable": "-",
    "waiting": ".",
}


def took(row: Row, now: float) -> str:
    """Return how long a task has taken so far, empty if it has not begun."""
    return "" if row.started is None else duration((row.ended or now) - row.started)


def progress(row: Row) -> str:
    """Return the counts of a map: `45/119, 3 running`; empty for another task."""
    if row.width is None:
        return ""
    parts = [f"{row.done:,}/{row.width:,}"]
    if row.items:
        retrying = sum(item.status == "backoff" for item in row.items.values())
        running = len(row.items) - retrying
        parts += [f"{running} running"] if running else []
        parts += [f"{retrying} retrying"] if retrying else []
    parts += [f"{row.tally[status]} {status}" for status in ("failed", "cancelled") if row.tally[status]]
    return ", ".join(parts)


def outline(board: Board) -> str:
    """Return how far an execution is, on little room: `7/11 tasks, 2 active, 1 failed`."""
    ended = sum(board.counts[status] for status in FINAL)
    parts = [f"{ended:,}/{counted(len(board.rows), 'task')}"]
    parts += [f"{len(board.active):,} active"] if board.active else []
    parts += [
        f"{board.counts[status]:,} {status}" for status in ("attention", "failed") if board.counts[status]
    ]
    return ", ".join(parts)
