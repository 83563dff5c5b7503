"""Executions as plain lines on stderr, for pipes and logs: one for each change of a task's state.

Items of a map are counted, not listed, at most once a second.
"""

import sys
import time
from collections.abc import Iterable, Sequence
from typing import Any

import anyio

from harmonia_api.cli.board import FINAL, Board, Row
from harmonia_api.cli.boards import Boards, Change
from harmonia_api.cli.text import clean, counted
from harmonia_api.cli.words import progress, took
from harmonia_core.host import ActivityEntry, Recorded, SlotsRequested

_STEERED = frozenset({"ExecutionPaused", "ExecutionResumed", "ExecutionTerminated"})
EVERY = 1.0  # seconds between two lines about one map


class LineDisplay:
    """Print lines as things change."""

    def __init__(self, boards: Boards) -> None:
        self.boards = boards
        self._out = sys.stderr
        self._maps: dict[str, tuple[Board, Row]] = {}
        self._began: set[str] = set()
        self._queued: list[Board] = []

    def add(self, board: Board) -> None:
        self._write([*self._heading(board), *self._lines(self.boards.add(board))])

    def show(self, batch: Sequence[Recorded]) -> None:
        self._write(self._lines(self.boards.take(batch)))

    def heard(self, entry: ActivityEntry) -> None:
        if entry.kind == "log" and entry.level in ("warning", "error"):
            self._write([f"{entry.path}: {entry.level}: {clean(entry.text)}"])

    def say(self, text: str) -> None:
        self._write([text])

    async def run(self) -> None:
        while True:
            await anyio.sleep(EVERY)
            waiting, self._maps = self._maps, {}
            queued, self._queued = self._queued, []
            turn = "queued: it waits for its turn, see `harmonia limits list`"
            self._write([f"{self._prefix(board)}{turn}" for board in queued if board.status == "queued"])
            rows = (pair for pair in waiting.values() if pair[1].status not in FINAL)
            self._write([f"{self._prefix(board)}{row.path}: {progress(row)}" for board, row in rows])

    def result(self, board: Board, document: dict[str, Any]) -> None:
        """Leave it to the command to say it."""

    def close(self) -> None:
        """Do nothing: every line is flushed as it comes."""

    def _heading(self, board: Board) -> list[str]:
        if board.execution_id in self._began:
            return []
        self._began.add(board.execution_id)
        if board.origin is not None:
            return [f"{self._prefix(board)}goes on in execution {board.execution_id}"]
        return [f"{board.workflow}, {counted(len(board.rows), 'task')}, execution {board.execution_id}"]

    def _lines(self, changes: Iterable[Change]) -> list[str]:
        lines: list[str] = []
        for board, row, recorded in changes:
            lines += self._heading(board)
            path = getattr(recorded.event, "path", "")
            if row is not None and path == row.path:
                lines.append(self._prefix(board) + line(row))
            elif type(recorded.event).__name__ in _STEERED:
                why = f" ({clean(board.reason)})" if board.reason and board.status == "paused" else ""
                lines.append(f"{self._prefix(board)}execution {board.status}{why}")
            elif row is None and isinstance(recorded.event, SlotsRequested):
                self._queued.append(board)
            elif row is not None:
                self._maps[f"{board.execution_id} {row.path}"] = board, row
        return lines

    def _prefix(self, board: Board) -> str:
        return f"{board.execution_id} " if len(self.boards) > 1 else ""

    def _write(self, lines: Sequence[str]) -> None:
        if lines:
            try:
                self._out.write("".join(line + "\n" for line in lines))
                self._out.flush()
            except BrokenPipeError:
                self._out = open("/dev/null", "w")  # noqa: SIM115


def line(row: Row) -> str:
    """Return what has become of a task: `look: succeeded in 3.10 s (119/119)`."""
    text = f"{row.path}: {row.status}"
    if row.status in FINAL and row.started is not None:
        text += f" in {took(row, time.time())}"
    if row.attempt > 1:
        text += f", attempt {row.attempt}"
    if row.status == "backoff" and row.due is not None:
        text += f", again in {max(0.0, row.due - time.time()):.1f} s"
    if row.width is not None:
        text += f", {progress(row) if row.done else counted(row.width, 'item')}"
    if row.status in ("failed", "backoff", "attention") and row.error:
        text += f": {row.error}"
    elif row.reason:
        text += f" ({row.reason})"
    return text
