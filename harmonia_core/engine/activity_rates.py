"""How much one attempt may have stored: so many log lines a second, more at once after silence.

A long line counts as several. What is refused is counted, so that it can be said.
"""

from dataclasses import dataclass

from harmonia_core.engine.activity import ActivityEntry

BURST = 10.0
"""Seconds of the rate that an attempt may say at once."""
_LONG = 1024
"""Characters of JSON that count as one line more."""
_MANY = 1000
"""Buckets up to which nobody looks for those that are full again."""

Speaker = tuple[str, str, int]


@dataclass(slots=True)
class _Bucket:
    """Hold what is left for an attempt, and how much it was refused since that was last said."""

    left: float
    at: float
    skipped: int = 0


class Rates:
    """Admit log lines by attempt. rate: lines a second, 0 for any number."""

    def __init__(self, rate: float) -> None:
        self._rate, self._most = rate, rate * BURST
        self._buckets: dict[Speaker, _Bucket] = {}
        self.skipped: set[Speaker] = set()

    def admits(self, entry: ActivityEntry) -> bool:
        """Tell whether an entry may be stored; say with `spent` what it took. Counts refusals."""
        if not self._rate:
            return True
        speaker = entry.execution_id, entry.path, entry.attempt
        bucket = self._buckets.get(speaker)
        if bucket is None:
            self._buckets[speaker] = _Bucket(self._most, entry.at)
            return True
        self._fill(bucket, entry.at)
        if bucket.left >= 1.0:
            return True
        bucket.skipped += 1
        self.skipped.add(speaker)
        return False

    def spent(self, entry: ActivityEntry, size: int) -> None:
        """Take from an attempt's bucket what an admitted entry costs. size: characters of its JSON."""
        bucket = self._buckets.get((entry.execution_id, entry.path, entry.attempt))
        if bucket is not None:
            bucket.left -= 1 + size // _LONG

    def take_skipped(self) -> list[tuple[Speaker, float, int]]:
        """Return who was refused since the last time: when last, and how often."""
        found = []
        for speaker in sorted(self.skipped):
            bucket = self._buckets[speaker]
            found.append((speaker, bucket.at, bucket.skipped))
            bucket.skipped = 0
        self.skipped.clear()
        return found

    def tidy(self, now: float) -> None:
        """Forget buckets that are full again, if there are many."""
        if len(self._buckets) > _MANY:
            for bucket in self._buckets.values():
                self._fill(bucket, now)
            self._buckets = {
                speaker: bucket
                for speaker, bucket in self._buckets.items()
                if bucket.left < self._most or bucket.skipped
            }

    def _fill(self, bucket: _Bucket, now: float) -> None:
        # A clock that goes back gives nothing; the time from there on counts again.
        bucket.left = min(self._most, bucket.left + max(0.0, now - bucket.at) * self._rate)
        bucket.at = now
