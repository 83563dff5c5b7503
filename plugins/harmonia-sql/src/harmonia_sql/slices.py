"""How much one transaction of upkeep deletes: as much as fits into a few milliseconds. Pure."""

from collections.abc import Sequence

from harmonia_sql.pruning import Weight

# Seconds that a transaction may be at work before it commits. Half of it may be waiting, for the
# interpreter or a server's answers, and does not depend on the rows.
GOAL = 0.020
# Rows at first, at least and at most.
FIRST, LEAST, MOST = 500, 400, 5000
# More rows than this are deleted piece by piece.
LARGE = 4000
# Executions in one statement.
TOGETHER = 64


class Slices:
    """Follow how quick the store is. rows: how many the next transaction may delete."""

    def __init__(self) -> None:
        self.rows = FIRST

    def took(self, seconds: float) -> None:
        """Note how long a transaction was at work; half as much next time if it was too long."""
        factor = 0.5 if seconds > GOAL else 1.25 if seconds < GOAL / 2 else 1.0
        self.rows = int(min(max(self.rows * factor, LEAST), MOST))

    def next(self, waiting: Sequence[Weight]) -> int:
        """Return how many of those that wait fit into the next transaction; 0 if the first is too large."""
        if waiting[0].rows > LARGE:
            return 0
        count, rows = 1, waiting[0].rows
        while count < min(len(waiting), TOGETHER) and rows + waiting[count].rows <= self.rows:
            rows += waiting[count].rows
            count += 1
        return count
