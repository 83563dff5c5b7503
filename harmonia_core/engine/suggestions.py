"""Suggest the nearest known name, at bounded cost: a large file may be full of faults. Pure."""

from collections.abc import Collection

from harmonia_core.model.paths import nearest

_COMPARISONS = 50_000


class Names:
    """Hold the names of one kind; remembers answers, and stops comparing when it has worked enough."""

    def __init__(self, known: Collection[str]) -> None:
        self._known = known
        self._answers: dict[str, str | None] = {}
        self._left = _COMPARISONS

    def nearest(self, name: str) -> str | None:
        """Return the known name that looks most like this one, or None."""
        if name not in self._answers:
            self._left -= len(self._known)
            self._answers[name] = nearest(name, self._known) if self._left >= 0 else None
        return self._answers[name]

    def hint(self, name: str) -> str | None:
        """Return the suggestion of a problem about an unknown name."""
        near = self.nearest(name)
        return near and f"did you mean {near!r}?"
