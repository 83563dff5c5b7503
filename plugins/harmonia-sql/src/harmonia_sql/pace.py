"""Decide whether a lone unit is committed on the loop's thread: only while that is quick. Pure.

Lone is the next step of the execution that took the last one (a chain), or a unit after
a pause. Units of several executions in turn are worth a group: measured, from three
executions at once the writer's thread is quicker, and with ten more than twice as quick.
"""

# Seconds that half of the commits may take, and seconds granted for each row.
QUICK, PER_ROW = 0.003, 0.00001
# Seconds without a unit after which the next one counts as lone.
PAUSE = 0.002
# While commits are slow, every so many lone units one is tried again in place.
TRY_AGAIN = 64
# One commit of so many seconds is enough: the loop must not wait like that again.
STALL = 10 * QUICK
STEP = 1.1


class Pace:
    """Keep who came last, and a moving median of commit times: up or down by a tenth with each."""

    __slots__ = ("_enabled", "_last", "_median", "_refused", "_stalled", "_when")

    def __init__(self, enabled: bool) -> None:
        self._enabled, self._median, self._refused = enabled, QUICK / 4, 0
        self._stalled = False
        self._last: str | None = None
        self._when = float("-inf")

    def lone(self, execution_id: str | None, now: float) -> bool:
        """Note a unit handed over at a time (seconds); tell whether it is lone and commits are quick."""
        alone = execution_id == self._last or now - self._when >= PAUSE
        self._last, self._when = execution_id, now
        return alone and self._enabled and (self._median <= QUICK or self._try_again())

    def delivered(self, now: float) -> None:
        """Note when a result was handed back: a pause begins there."""
        self._when = now

    def took(self, seconds: float, weight: int) -> None:
        """Note how long a commit in place of so many rows took."""
        each = seconds - weight * PER_ROW
        self._stalled = each >= STALL
        if self._stalled:
            self._median = STALL
        else:
            step = STEP if each > self._median else 1 / STEP
            self._median = min(max(self._median * step, QUICK / 100), STALL)

    def grouped(self, seconds: float, weight: int) -> None:
        """Note how long a commit of the writer's thread took: after slow ones, it tells when that is over."""
        if self._median > QUICK or seconds - weight * PER_ROW >= STALL:
            self.took(seconds, weight)

    def _try_again(self) -> bool:
        self._refused += 1
        return self._refused % TRY_AGAIN == 0 and not self._stalled
