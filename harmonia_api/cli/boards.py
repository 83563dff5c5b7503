"""The boards of one command's executions, fed by what the engine publishes."""

from collections.abc import Iterator, Sequence

from harmonia_api.cli.board import Board, Row
from harmonia_core.host import ExecutionContinued, Recorded

_LAST = frozenset({"ExecutionCompleted", "ExecutionFailed", "ExecutionCancelled", "ExecutionTerminated"})
Change = tuple[Board, Row | None, Recorded]


class Boards:
    """Keep boards by execution id. newcomer: the board for the next execution that begins here.

    Events of an execution without a board yet wait for it, unless it carries out a task that is shown.
    """

    def __init__(self, newcomer: Board | None = None) -> None:
        self._newcomer = newcomer
        self._boards: dict[str, Board] = {}
        self._moved: dict[str, Board] = {}
        self._waiting: dict[str, list[Recorded]] = {}
        self._children: set[str] = set()

    def __iter__(self) -> Iterator[Board]:
        return iter(self._boards.values())

    def __len__(self) -> int:
        return len(self._boards)

    def get(self, execution_id: str) -> Board | None:
        """Return the board of an execution, if it has one; it may be that of what goes on from there."""
        return self._boards.get(execution_id) or self._moved.get(execution_id)

    def add(self, board: Board) -> Iterator[Change]:
        """Add a board and let it take what has waited for it, as `take` does."""
        self._boards[board.execution_id] = board
        self._children.discard(board.execution_id)
        following: str | None = board.execution_id
        while following is not None:
            yield from self.take(self._waiting.pop(following, ()))
            going_on = (key for key, waiting in self._waiting.items() if _origin(waiting[0]) == following)
            following = next(going_on, None)

    def take(self, batch: Sequence[Recorded]) -> Iterator[Change]:
        """Fold a batch event by event; yield each change while the row stands as it left it."""
        for recorded in batch:
            board = (
                self._boards.get(recorded.execution_id) or self._continued(recorded) or self._adopt(recorded)
            )
            if board is None and self._is_child(recorded):
                continue
            if board is None:
                self._waiting.setdefault(recorded.execution_id, []).append(recorded)
            elif recorded.seq > board.seq:
                yield board, board.take(recorded), recorded

    def _is_child(self, recorded: Recorded) -> bool:
        """Tell whether an event is of an execution that carries out a task of one with a board, or below."""
        parent = getattr(recorded.event, "parent_id", None)
        if parent is not None and (parent in self._boards or parent in self._children):
            self._children.add(recorded.execution_id)
        if recorded.execution_id not in self._children:
            return False
        if type(recorded.event).__name__ in _LAST:
            self._children.discard(recorded.execution_id)
        return True

    def _continued(self, recorded: Recorded) -> Board | None:
        """Return the board of an execution that goes on in this log, known by the new id from here."""
        origin = _origin(recorded)
        board = self._boards.pop(origin, None) if origin is not None else None
        if board is not None:
            self._moved[board.execution_id] = board
            board.origin, board.execution_id, board.seq = origin, recorded.execution_id, 0
            self._boards[recorded.execution_id] = board
        return board

    def _adopt(self, recorded: Recorded) -> Board | None:
        board, self._newcomer = self._newcomer, None
        if board is not None:
            board.execution_id = recorded.execution_id
            self._boards[recorded.execution_id] = board
        return board


def _origin(recorded: Recorded) -> str | None:
    event = recorded.event
    return event.origin if type(event) is ExecutionContinued else None
