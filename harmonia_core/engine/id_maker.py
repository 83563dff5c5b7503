"""Random bytes for ids, fetched in stock: a system call per id costs more than the id."""

import os
from collections.abc import Callable

from harmonia_core.ids import uuid7

STOCK = 4096
PIECE = 10


class IdMaker:
    """Make time-ordered ids. now: epoch seconds; draw: gives so many random bytes."""

    def __init__(self, now: Callable[[], float], draw: Callable[[int], bytes] = os.urandom) -> None:
        self._now, self._draw = now, draw
        self._stock, self._place = b"", 0

    def __call__(self) -> str:
        """Return a new UUIDv7."""
        if self._place + PIECE > len(self._stock):
            self._stock, self._place = self._draw(STOCK), 0
        piece = self._stock[self._place : self._place + PIECE]
        self._place += PIECE
        return uuid7(int(self._now() * 1000), piece)
