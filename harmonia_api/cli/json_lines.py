"""Executions as JSON lines on stdout: the execution, its events, its result."""

import sys
from collections.abc import Sequence
from typing import Any

import anyio

from harmonia_api.cli.board import Board
from harmonia_api.cli.boards import Boards
from harmonia_api.cli.printing import json_line
from harmonia_core.host import ActivityEntry, Recorded, event_view


class JsonDisplay:
    """Print one JSON document a line; a reader that has gone stops the printing, not the execution."""

    def __init__(self, boards: Boards) -> None:
        self.boards = boards
        self._out = sys.stdout
        self._named: set[str] = set()
        self._gone = False

    def add(self, board: Board) -> None:
        self._print(self._heading(board))
        for _, _, recorded in self.boards.add(board):
            self._print([event_view(recorded)])

    def show(self, batch: Sequence[Recorded]) -> None:
        documents: list[dict[str, Any]] = []
        for board, _, recorded in self.boards.take(batch):
            documents += self._heading(board)
            documents.append(event_view(recorded))
        self._print(documents)

    def heard(self, entry: ActivityEntry) -> None:
        """Ignore it: what attempts say is no history."""

    def say(self, text: str) -> None:
        print(text, file=sys.stderr)

    async def run(self) -> None:
        await anyio.sleep_forever()

    def result(self, board: Board, document: dict[str, Any]) -> None:
        self._print([{"type": "result", **document}])

    def close(self) -> None:
        """Do nothing: every batch is flushed as it comes."""

    def _heading(self, board: Board) -> list[dict[str, Any]]:
        if board.execution_id in self._named:
            return []
        self._named.add(board.execution_id)
        return [{"type": "execution", "id": board.execution_id}]

    def _print(self, documents: Sequence[dict[str, Any]]) -> None:
        if not documents or self._gone:
            return
        try:
            self._out.write("".join(json_line(document) + "\n" for document in documents))
            self._out.flush()
        except BrokenPipeError:
            self._gone = True
