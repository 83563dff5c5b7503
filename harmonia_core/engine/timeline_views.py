"""A timeline as people and programs see it; what there is very much of is put together. Pure."""

import re
from collections import Counter
from collections.abc import Sequence
from statistics import median
from typing import Any

from harmonia_core.clock import rfc3339
from harmonia_core.engine.critical_path import Link, critical_path
from harmonia_core.engine.timeline import Span, Timeline, Track

SHOWN = 10
"""Items or rounds of one task that are listed each; of more there is one row for all."""
STRETCHES = 200
"""Stretches in which some of many ran, at most; those that lie next to each other are put together."""
_NUMBERS = re.compile(r"\[\d+\]")
View = dict[str, Any]


def timeline_view(line: Timeline) -> View:
    """Return a timeline in its public JSON shape; seconds are those since its start."""
    path = critical_path(line)
    totals: dict[str, float] = {}
    for track in line.leaves:
        for kind, seconds in track.totals.items():
            totals[kind] = totals.get(kind, 0.0) + seconds
    return {
        "start": rfc3339(line.start),
        "end": rfc3339(line.end),
        "seconds": round(line.end - line.start, 6),
        "over": line.over,
        "status": line.status,
        "logs": line.logs,
        "origin": line.origin,
        "adoptions": [{"at": rfc3339(at), "engine": engine} for at, engine in line.adoptions],
        "spans": [_span(line, span) for span in line.spans],
        "tasks": _rows(line, _decisive(path)),
        "critical_path": [_link(line, link) for link in path],
        "totals": {kind: round(seconds, 6) for kind, seconds in sorted(totals.items())},
    }


def _decisive(path: Sequence[Link]) -> set[str]:
    found = {link.path for link in path}
    for link in path:
        found |= _decisive(link.inside)
    return found


def _span(line: Timeline, span: Span) -> View:
    shape: View = {"kind": span.kind, "start": _since(line, span.start), "end": _since(line, span.end)}
    return {**shape, "attempt": span.attempt} if span.attempt else shape


def _since(line: Timeline, moment: float) -> float:
    return round(moment - line.start, 6)


def _link(line: Timeline, link: Link) -> View:
    return {
        "path": link.path,
        "start": _since(line, link.start),
        "end": _since(line, link.end),
        "seconds": round(link.seconds, 6),
        "kinds": {kind: round(seconds, 6) for kind, seconds in link.kinds.items()},
        "child": link.child,
        "links": link.links,
        "inside": [_link(line, one) for one in link.inside],
    }


def _rows(line: Timeline, decisive: set[str]) -> list[View]:
    """Return a row for each task, or one for all items or rounds of a task where there are many."""
    names = {path: _NUMBERS.sub("[*]", path) for path in line.tracks}
    many = {name for name, count in Counter(names.values()).items() if count > SHOWN}
    groups: dict[str, list[Track]] = {}
    for track in _ordered(line):
        name = names[track.path]
        groups.setdefault(name if name in many else track.path, []).append(track)
    return [
        _group(line, name, tracks, decisive) if name in many else _row(line, tracks[0], decisive)
        for name, tracks in groups.items()
    ]


def _ordered(line: Timeline) -> list[Track]:
    """Return the tracks, each before what lies in it, otherwise in the order in which they began."""
    inside: dict[str, list[Track]] = {}
    for track in line.tracks.values():
        owner = track.owner if track.owner in line.tracks else ""
        inside.setdefault(owner, []).append(track)
    found: list[Track] = []
    waiting = inside.get("", [])[::-1]
    while waiting:
        track = waiting.pop()
        found.append(track)
        waiting += inside.get(track.path, [])[::-1]
    return found


def _row(line: Timeline, track: Track, decisive: set[str]) -> View:
    return {
        "path": track.path,
        "type": track.type,
        "status": track.status,
        "count": 1,
        "start": _since(line, track.began),
        "end": None if track.ended is None else _since(line, track.ended),
        "retries": track.retries,
        "losses": track.losses,
        "child": track.child,
        "critical": track.path in decisive,
        "spans": [_span(line, span) for span in track.spans],
        "totals": {kind: round(seconds, 6) for kind, seconds in track.totals.items()},
    }


def _group(line: Timeline, name: str, tracks: Sequence[Track], decisive: set[str]) -> View:
    ends = [track.last(line.end) for track in tracks]
    took = [track.last(line.end) - track.began for track in tracks]
    totals: Counter[str] = Counter()
    for track in tracks:
        totals.update(track.totals)
    return {
        "path": name,
        "type": tracks[0].type,
        "status": None,
        "statuses": dict(Counter(track.status for track in tracks)),
        "count": len(tracks),
        "start": _since(line, min(track.began for track in tracks)),
        "end": None if any(track.ended is None for track in tracks) else _since(line, max(ends)),
        "took": {"min": round(min(took), 6), "median": round(median(took), 6), "max": round(max(took), 6)},
        "retries": sum(track.retries for track in tracks),
        "losses": sum(track.losses for track in tracks),
        "critical": any(track.path in decisive for track in tracks),
        "spans": [_span(line, span) for span in _together(line, tracks)],
        "totals": {kind: round(seconds, 6) for kind, seconds in totals.items()},
    }


def _together(line: Timeline, tracks: Sequence[Track]) -> list[Span]:
    """Return the stretches in which any of many tasks had begun and not ended."""
    found: list[Span] = []
    least = (line.end - line.start) / STRETCHES
    for start, end in sorted((track.began, track.last(line.end)) for track in tracks):
        if found and start - found[-1].end <= least:
            found[-1] = found[-1]._replace(end=max(found[-1].end, end))
        else:
            found.append(Span("running", start, end))
    return found
