"""What a command shows while executions run: nothing, plain lines, JSON lines, or a live tree."""

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from harmonia_api.cli.board import Board
from harmonia_api.cli.boards import Boards

if TYPE_CHECKING:
    from harmonia_core.host import ActivityEntry, Recorded


class Display(Protocol):
    """Show executions. Everything but `heard` is called on the event loop's thread and is quick."""

    boards: Boards

    def add(self, board: Board) -> None:
        """Show one execution more."""
        ...

    def show(self, batch: "Sequence[Recorded]") -> None:
        """Show what has just been recorded."""
        ...

    def heard(self, entry: "ActivityEntry") -> None:
        """Take what an attempt says; called in any thread."""
        ...

    def say(self, text: str) -> None:
        """Show a line of the command itself."""
        ...

    async def run(self) -> None:
        """Keep what is shown up to date, until cancelled."""
        ...

    def result(self, board: Board, document: dict[str, Any]) -> None:
        """Show how an execution has come to rest."""
        ...

    def close(self) -> None:
        """Stop showing; the terminal is left as it was found."""
        ...


def create_display(boards: Boards, json: bool) -> Display:
    """Return the display for this process's streams."""
    if json:
        from harmonia_api.cli.json_lines import JsonDisplay

        return JsonDisplay(boards)
    if sys.stderr.isatty() and os.environ.get("TERM") != "dumb":
        from harmonia_api.cli.live import LiveDisplay

        return LiveDisplay(boards)
    from harmonia_api.cli.lines import LineDisplay

    return LineDisplay(boards)
