"""Decide whether a lone unit is committed on the loop's thread: only while that is quick. Pure."""

# Seconds that half of the commits may take, and seconds granted for each row.
QUICK, PER_ROW = 0.003, 0.00001
# While commits are slow, every so many lone units one is tried again in place.
TRY_AGAIN = 64
STEP = 1.1


class Pace:
    """Keep a moving median of commit times: up or down by a tenth with each."""

    __slots__ = ("_enabled", "_median", "_refused")

    def __init__(self, enabled: bool) -> None:
        self._enabled, self._median, self._refused = enabled, QUICK / 4, 0

    def in_place(self) -> bool:
        """Tell whether the next lone unit may be committed in place."""
        if not self._enabled:
            return False
        if self._median <= QUICK:
            return True
        self._refused += 1
        return self._refused % TRY_AGAIN == 0

    def took(self, seconds: float, weight: int) -> None:
        """Note how long a commit in place of so many rows took."""
        longer = seconds - weight * PER_ROW > self._median
        self._median = min(max(self._median * (STEP if longer else 1 / STEP), QUICK / 100), QUICK * 10)
