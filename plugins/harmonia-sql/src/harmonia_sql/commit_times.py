"""How long commits take: the median of late, what is usual, and a warning when the disk is slow."""

import logging
import time
from collections import deque

logger = logging.getLogger(__name__)

# How many commits the median is of, and how many there must be before it says anything; seconds from which
# it is slow; seconds from which one alone is.
LAST, ENOUGH, SLOW, STALL = 9, 5, 0.1, 1.0
# Seconds between two warnings.
WARN_EVERY = 60.0
# What is usual moves by so much with each commit, but not with slow ones.
STEP = 1.05
# Usual before anything was seen, in seconds.
FIRST_GUESS = 0.001


class CommitTimes:
    """Judge commit times. One thread at a time notes them, any may read.

    subject: what is slow when commits are, with its place.
    """

    def __init__(self, subject: str) -> None:
        self._subject = subject
        self._last: deque[float] = deque(maxlen=LAST)
        self._usual = FIRST_GUESS
        self._warned = float("-inf")

    def took(self, seconds: float) -> None:
        """Note the time of one commit; warn if commits are slow, at most once a minute."""
        self._last.append(seconds)
        if seconds < SLOW:
            self._usual *= STEP if seconds > self._usual else 1 / STEP
        elif self.slow:
            self._warn(max(self.median, seconds if seconds >= STALL else 0.0))

    @property
    def median(self) -> float:
        """Return the median of the last few commits, in seconds; 0 if there were none."""
        ordered = sorted(self._last.copy())
        return ordered[len(ordered) // 2] if ordered else 0.0

    @property
    def slow(self) -> bool:
        """Tell whether commits are slow of late, or the last one stalled."""
        last = self._last
        return (len(last) >= ENOUGH and self.median >= SLOW) or bool(last and last[-1] >= STALL)

    def _warn(self, seconds: float) -> None:
        now = time.monotonic()
        if now - self._warned < WARN_EVERY:
            return
        self._warned = now
        logger.warning(
            "Commits take %.2g s (usually %.1g s): %s is slow.", seconds, self._usual, self._subject
        )
