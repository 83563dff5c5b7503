"""Executions as a live tree on a terminal: redrawn when something changed, at most ten times a second.

A picture that is dear to draw is drawn less often, so that drawing never takes more than
about a twentieth of the loop's time.
"""

import sys
import time
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any

import anyio
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from harmonia_api.cli.board import Board
from harmonia_api.cli.boards import Boards, Change
from harmonia_api.cli.frame import Line, Look, frame
from harmonia_api.cli.text import clean
from harmonia_api.cli.words import ASCII_SIGNS, SIGNS
from harmonia_core.host import ActivityEntry, Recorded

FASTEST, SLOWEST = 0.1, 0.5  # seconds between two pictures: after a change, without one
SHARE = 20


class LiveDisplay:
    """Draw on stderr."""

    def __init__(self, boards: Boards) -> None:
        self.boards = boards
        self._console = Console(file=sys.stderr, highlight=False, markup=False, emoji=False)
        self._signs = SIGNS if "utf" in (sys.stderr.encoding or "").lower() else ASCII_SIGNS
        self._live = Live(console=self._console, auto_refresh=False, redirect_stdout=False)
        self._changed, self._closed = True, False
        self._live.start()

    def add(self, board: Board) -> None:
        _exhaust(self.boards.add(board))
        self._changed = True

    def show(self, batch: Sequence[Recorded]) -> None:
        _exhaust(self.boards.take(batch))
        self._changed = True

    def heard(self, entry: ActivityEntry) -> None:
        board = self.boards.get(entry.execution_id)
        row = board.row(entry.path) if board is not None else None
        if row is not None:
            row.note = clean(_note(entry))
            self._changed = True

    def say(self, text: str) -> None:
        self._console.print(Text(clean(text)))

    async def run(self) -> None:
        quiet = 0.0
        while True:
            cost = 0.0
            if self._changed or quiet >= SLOWEST:
                began, quiet = time.perf_counter(), 0.0
                self._draw()
                cost = time.perf_counter() - began
            pause = max(FASTEST, SHARE * cost)
            quiet += pause
            await anyio.sleep(pause)

    def result(self, board: Board, document: dict[str, Any]) -> None:
        """Leave it to the command to say it, below the last picture."""

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._draw()
            self._live.stop()

    def _draw(self) -> None:
        self._changed = False
        size = self._console.size
        look = Look(size.width, max(3, size.height - 2), time.time(), self._signs)
        self._live.update(Group(*map(_text, frame(tuple(self.boards), look))), refresh=True)


def _exhaust(changes: Iterable[Change]) -> None:
    """Let the boards take what they yield; the next picture shows it."""
    deque(changes, maxlen=0)


def _text(line: Line) -> Text:
    return Text.assemble(*line, no_wrap=True, overflow="ellipsis")


def _note(entry: ActivityEntry) -> str:
    if entry.kind == "progress" and entry.fraction is not None:
        return f"{entry.fraction:.0%} {entry.text}"
    return entry.text
