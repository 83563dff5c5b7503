"""What the store is like at a time: how slow, how unreliable, and when it is gone altogether."""

from collections.abc import Sequence
from random import Random

from harmonia_core.contracts.rows import Unit
from harmonia_core.errors import StateUnavailable


class Weather:
    """Draw delays and failures. calm: neither happens any more.

    slow: seconds that a message takes at most. faulty: share of questions and commits that fail.
    outages: (from, to) in virtual seconds, in which nothing succeeds.
    """

    def __init__(self, draws: Random, slow: float, faulty: float) -> None:
        self._draws = draws
        self._slow, self._faulty = slow, faulty
        self.outages: list[tuple[float, float]] = []
        self.calm = False

    def delay(self) -> float:
        """Return how long a message of a question is on its way; often no time at all."""
        if self.calm or self._draws.random() < 0.6:
            return 0.0
        return self._draws.random() * self._slow

    def commit(self) -> tuple[bool, float, float]:
        """Return whether a commit happens in place, how long it takes to the store, and back."""
        if self.calm or self._draws.random() < 0.3:
            return True, 0.0, 0.0
        return False, self._draws.random() * self._slow, self._draws.random() * self._slow

    def grouped(self, units: Sequence[Unit]) -> list[Sequence[Unit]]:
        """Return units as the transactions in which they are written."""
        if len(units) < 2 or self.calm or self._draws.random() < 0.5:
            return [units]
        place = self._draws.randrange(1, len(units))
        return [units[place:], units[:place]]

    def failure(self, now: float) -> StateUnavailable | None:
        """Return why a commit fails that arrives now, if it does."""
        if self.calm:
            return None
        if any(begin <= now < end for begin, end in self.outages):
            return StateUnavailable("The store is gone.")
        if self._faulty and self._draws.random() < self._faulty:
            return StateUnavailable("The store has refused a commit.")
        return None

    def doubt(self) -> bool:
        """Tell whether the answer to a commit is lost."""
        return not self.calm and bool(self._faulty) and self._draws.random() < self._faulty

    def lost_on_the_way(self) -> bool:
        """Tell whether what a dead engine had sent never arrives."""
        return self._draws.random() < 0.5

    def check(self, now: float, after: bool = False) -> None:
        """Raise StateUnavailable if a question fails that arrives now. after: what it asked for is done."""
        if after:
            if self.doubt():
                raise StateUnavailable("The answer of the store was lost.")
            return
        failure = self.failure(now)
        if failure is not None:
            raise failure
