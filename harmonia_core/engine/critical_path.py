"""Which chain of tasks decided when an execution ended, and how much each of them contributed. Pure."""

from collections.abc import Sequence
from typing import NamedTuple

from harmonia_core.engine.timeline import Timeline, Track, before, scope_of

SHOWN = 10
"""Links of one chain inside a map or a loop that are listed, the last ones; the others are counted."""


class Link(NamedTuple):
    """Hold what one task contributed: from where the one before it had ended to its own end.

    kinds: the seconds of each kind in that time. inside: the chain within it. links: how long that one is.
    """

    path: str
    start: float
    end: float
    kinds: dict[str, float]
    child: str | None = None
    inside: tuple["Link", ...] = ()
    links: int = 0

    @property
    def seconds(self) -> float:
        """Return its contribution."""
        return self.end - self.start


def critical_path(line: Timeline) -> tuple[Link, ...]:
    """Return the chain through the workflow's own tasks, the first of them first."""
    owned: dict[str, list[Track]] = {}
    for track in line.tracks.values():
        if not track.path.endswith("~undo"):
            owned.setdefault(track.owner, []).append(track)
    return _links(line, owned, "", line.start, line.end)


def _links(
    line: Timeline, owned: dict[str, list[Track]], owner: str, start: float, end: float
) -> tuple[Link, ...]:
    """Return the links through what lies in a composite or a map between two moments."""
    inside = [track for track in owned.get(owner, ()) if track.last(line.end) <= end and track.spans]
    inside = [track for track in inside if track.last(line.end) > start]
    if not inside:
        return ()
    found: list[Link] = []
    chain = _chain(line, inside)
    for track in chain:
        first, last = max(start, found[-1].end if found else start), track.last(line.end)
        if last > first:
            found.append(_link(line, owned, track, first, last))
    return tuple(found)


def _link(line: Timeline, owned: dict[str, list[Track]], track: Track, start: float, end: float) -> Link:
    kinds: dict[str, float] = {}
    for span in track.spans:
        shared = min(span.end, end) - max(span.start, start)
        if shared > 0:
            kinds[span.kind] = kinds.get(span.kind, 0.0) + shared
    within = _links(line, owned, track.path, start, end)
    return Link(track.path, start, end, kinds, track.child, within[-SHOWN:], len(within))


def _chain(line: Timeline, inside: Sequence[Track]) -> list[Track]:
    """Return what decided the end, the first first: each is what the next one waited for last."""
    scope = scope_of(line.graph, line.tracks, inside[0])
    if scope is not None and scope.order is not None:
        return sorted(inside, key=lambda track: (track.last(line.end), track.began))
    if scope is None:
        return _slots(line, inside)
    found = [max(inside, key=lambda track: track.last(line.end))]
    while earlier := [one for one in before(line, found[-1]) if one in inside and one.ended is not None]:
        found.append(max(earlier, key=lambda track: track.last(line.end)))
    return found[::-1]


def _slots(line: Timeline, items: Sequence[Track]) -> list[Track]:
    """Return the items that made room for one another: each began when the one before it had ended."""
    by_end = sorted(items, key=lambda track: track.last(line.end))
    found, place = [by_end[-1]], len(by_end) - 1
    while place > 0:
        began = found[-1].began
        place -= 1
        while place >= 0 and by_end[place].last(line.end) > began:
            place -= 1
        if place < 0:
            break
        found.append(by_end[place])
    return found[::-1]
