"""What attempts said and the store does not have yet: bounded, in the order of positions.

Owned by whoever holds the activity's lock.
"""

from collections import deque
from collections.abc import Iterable

from pydantic_core import to_json

from harmonia_core.contracts.rows import ActivityRow

MOST_ROWS, MOST_SIZE = 20_000, 16 * 1024 * 1024
"""Rows, and characters of their JSON, that may wait; what is older is dropped."""
SLICE_ROWS, SLICE_SIZE = 500, 256 * 1024
"""Rows, and characters of their JSON, that one write holds."""


class ActivityQueue:
    """Hold rows until they are stored. size: characters of JSON of what waits."""

    def __init__(self) -> None:
        self.rows: deque[ActivityRow] = deque()
        self.size = 0
        self.writing: list[ActivityRow] = []
        self._dropped: dict[str, tuple[int, int]] = {}

    @property
    def full_slice(self) -> bool:
        """Tell whether as much waits as one write holds."""
        return len(self.rows) >= SLICE_ROWS or self.size >= SLICE_SIZE

    @property
    def empty(self) -> bool:
        """Tell whether there is nothing to write, notes about what was dropped included."""
        return not (self.rows or self._dropped)

    def put(self, row: ActivityRow) -> None:
        """Add the youngest row; make room for it by dropping the oldest."""
        self.rows.append(row)
        self.size += len(row.data)
        self._bound()

    def merge(self, rows: Iterable[ActivityRow]) -> None:
        """Add rows that belong between those that wait, and what is to be said about dropped ones."""
        new = [*rows, *self._notes()]
        if new:
            self.rows = deque(sorted([*self.rows, *new], key=_position))
            self.size += sum(len(row.data) for row in new)

    def begin(self, most: int) -> list[ActivityRow]:
        """Move the oldest rows, at most so many and at most a slice, to those being written."""
        rows, size = self.writing, 0
        while self.rows and len(rows) < min(most, SLICE_ROWS) and size < SLICE_SIZE:
            row = self.rows.popleft()
            rows.append(row)
            size += len(row.data)
        self.size -= size
        return list(rows)

    def end(self, stored: bool) -> None:
        """Forget what was being written; if it was not stored, put it back."""
        if not stored:
            self.rows.extendleft(reversed(self.writing))
            self.size += sum(len(row.data) for row in self.writing)
        self.writing = []
        self._bound()

    def of(self, execution_id: str) -> list[ActivityRow]:
        """Return what waits or is being written of one execution, in order."""
        return [row for row in (*self.writing, *self.rows) if row.execution_id == execution_id]

    def _bound(self) -> None:
        while len(self.rows) > MOST_ROWS or self.size > MOST_SIZE:
            row = self.rows.popleft()
            self.size -= len(row.data)
            count, _ = self._dropped.get(row.execution_id, (0, 0))
            self._dropped[row.execution_id] = count + 1, row.position

    def _notes(self) -> list[ActivityRow]:
        # Nobody has stored anything at the last dropped position, so the note takes its place.
        dropped, self._dropped = self._dropped, {}
        return [
            note(execution_id, position, "", 0, f"{count:,} entries were dropped: the store took nothing.")
            for execution_id, (count, position) in dropped.items()
        ]


def note(execution_id: str, position: int, path: str, attempt: int, text: str) -> ActivityRow:
    """Return a line of the engine's own. path: empty if it concerns the execution."""
    data = to_json({"text": text, "fields": {"by": "engine"}}).decode()
    return ActivityRow(execution_id, position, path, attempt, "log", "warning", data)


def _position(row: ActivityRow) -> int:
    return row.position
