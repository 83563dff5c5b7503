"""Notes of a history in memory, numbered in the order in which things happened."""

from itertools import count
from typing import Any

from recorded_history import History, read_history


class Notes:
    """Take notes. Their `at` is a number, one more with each: who comes later has a greater one."""

    def __init__(self) -> None:
        self.notes: list[dict[str, Any]] = []
        self._numbers = count(1)

    def __call__(self, type: str, **fields: Any) -> None:
        self.notes.append({"type": type, "at": next(self._numbers), **fields})

    def history(self) -> History:
        """Return the history so far."""
        return read_history(self.notes)
