"""Where the time of an execution went, from its events alone. Pure.

A task's time is cut into spans that follow one another: it waits for what it depends on, for its turn, for
something by name (a timer, a message, a limit), it runs, or it backs off. Events are known by their names,
so that one which says nothing about a task's time is passed over.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from harmonia_core.engine.walks import node_of
from harmonia_core.model.addresses import split_item
from harmonia_core.model.events import Recorded
from harmonia_core.model.graph import Graph, Join, Scope

DEPENDENCIES, QUEUE, RUNNING, BACKOFF = "dependencies", "queue", "running", "backoff"
BEGINS: Mapping[str, str] = {
    "TaskScheduled": RUNNING,
    "TaskDeferred": "deferred",
    "TimerSet": "timer",
    "MessageAwaited": "event",
    "ApprovalRequested": "approval",
    "ChildRequested": "child",
    "SlotsRequested": "limit",
    "SlotsGranted": QUEUE,
    "SlotsReturned": "limit",
    "RetryScheduled": BACKOFF,
    "AttemptLost": QUEUE,
    "TaskAttention": "attention",
}
ENDS: Mapping[str, str] = {
    "TaskSucceeded": "succeeded",
    "TaskFailed": "failed",
    "TaskSkipped": "skipped",
    "TaskUnreachable": "unreachable",
    "TaskCancelled": "cancelled",
}
OVER = frozenset(("ExecutionCompleted", "ExecutionFailed", "ExecutionCancelled", "ExecutionCompensated",
                  "ExecutionTerminated"))  # fmt: skip


class Span(NamedTuple):
    """Hold one stretch of a task's time. attempt: 0 before the first."""

    kind: str
    start: float
    end: float
    attempt: int = 0

    @property
    def seconds(self) -> float:
        """Return how long it is."""
        return self.end - self.start


@dataclass(slots=True)
class Track:
    """Hold the time of one task, item or undo.

    owner: path of the composite or map it lies in, empty for the workflow's own. open: the stretch that has
    begun and not ended: kind, start and attempt.
    """

    path: str
    type: str
    owner: str
    began: float
    status: str = "waiting"
    spans: list[Span] = field(default_factory=list)
    ended: float | None = None
    retries: int = 0
    losses: int = 0
    child: str | None = None
    open: tuple[str, float, int] | None = None

    def turn(self, kind: str | None, at: float, attempt: int) -> None:
        """End the open stretch and begin another one, or none."""
        if self.open is not None:
            was, start, number = self.open
            if at > start:
                self.spans.append(Span(was, start, at, number))
        self.open = None if kind is None else (kind, at, attempt)

    @property
    def totals(self) -> dict[str, float]:
        """Return the seconds of each kind."""
        found: dict[str, float] = {}
        for span in self.spans:
            found[span.kind] = found.get(span.kind, 0.0) + span.seconds
        return found

    def last(self, until: float) -> float:
        """Return its end, or what counts as it."""
        return until if self.ended is None else self.ended


@dataclass(slots=True)
class Timeline:
    """Hold where the time went. start, end: of the execution, end until now if it goes on.

    tracks: by path, in the order in which they were first heard of. spans: pauses, and waits of the execution
    as a whole. adoptions: when and by which engine. logs: ids, if it goes on in several. origin: of a fork.
    """

    graph: Graph
    start: float
    end: float
    over: bool = False
    status: str = "running"
    tracks: dict[str, Track] = field(default_factory=dict)
    spans: list[Span] = field(default_factory=list)
    adoptions: list[tuple[float, str]] = field(default_factory=list)
    logs: list[str] = field(default_factory=list)
    origin: Mapping[str, Any] | None = None
    open: tuple[str, float] | None = None

    @property
    def leaves(self) -> list[Track]:
        """Return the tracks that hold no others: what is summed up without counting time twice."""
        owners = {track.owner for track in self.tracks.values()}
        return [track for track in self.tracks.values() if track.path not in owners]


def timeline(graph: Graph, log: Iterable[Recorded], now: float) -> Timeline:
    """Return the timeline of a log, or of logs that go on in one another; until `now` if it has not ended."""
    found: Timeline | None = None
    for recorded in log:
        if found is None:
            found = Timeline(graph, recorded.at, recorded.at)
        _take(found, recorded)
    if found is None:
        return Timeline(graph, now, now)
    found.end = found.end if found.over else max(now, found.end)
    for track in found.tracks.values():
        track.turn(None, found.end, 0)
    _turn(found, None, found.end)
    _waits(found)
    return found


def _take(line: Timeline, recorded: Recorded) -> None:
    event, at = recorded.event, recorded.at
    kind, path = type(event).__name__, getattr(event, "path", "")
    line.end = max(line.end, at)
    if recorded.execution_id not in line.logs[-1:]:
        line.logs.append(recorded.execution_id)
        if getattr(event, "origin", None) is not None and len(line.logs) == 1:
            names = ("origin", "origin_seq", "kind")
            line.origin = {name: getattr(event, name, "continued") for name in names}
    if path and (kind in BEGINS or kind in ENDS or kind == "TimerFired"):
        _of_task(line, kind, path, recorded)
    elif not path:
        _of_execution(line, kind, recorded)


def _of_execution(line: Timeline, kind: str, recorded: Recorded) -> None:
    at = recorded.at
    if kind == "ExecutionAdopted":
        line.adoptions.append((at, getattr(recorded.event, "engine", "")))
    elif kind == "ExecutionPaused":
        _turn(line, "paused", at)
    elif kind == "SlotsRequested":
        _turn(line, "limit", at)
    elif kind in ("ExecutionResumed", "SlotsGranted"):
        _turn(line, None, at)
    elif kind in OVER:
        line.over, line.status = True, kind.removeprefix("Execution").lower()
        for track in line.tracks.values():
            if track.open is not None:
                track.turn(None, at, 0)
                track.status, track.ended = "cancelled", at


def _turn(line: Timeline, kind: str | None, at: float) -> None:
    if line.open is not None and at > line.open[1]:
        line.spans.append(Span(line.open[0], line.open[1], at))
    line.open = None if kind is None else (kind, at)


def _of_task(line: Timeline, kind: str, path: str, recorded: Recorded) -> None:
    event, at = recorded.event, recorded.at
    track = line.tracks.get(path)
    if track is None:
        track = line.tracks[path] = Track(path, _type(line.graph, path), _owner(line, path), at)
    attempt = getattr(event, "attempt", 0) or (track.open[2] if track.open else 0)
    if kind in ENDS:
        track.turn(None, at, attempt)
        track.status, track.ended = ENDS[kind], at
        return
    if kind == "TimerFired":
        if track.open is not None and track.open[0] != RUNNING:
            track.turn(QUEUE, at, attempt)
        return
    if track.ended is not None:  # what lies in a composite that is tried again begins anew
        track.ended, track.status = None, "waiting"
    track.retries += kind == "RetryScheduled"
    track.losses += kind == "AttemptLost"
    track.child = getattr(event, "child_id", track.child)
    track.turn(BEGINS[kind], at, attempt)
    track.status = {RUNNING: "running", BACKOFF: "backoff", QUEUE: "ready", "attention": "attention"}.get(
        BEGINS[kind], "blocked"
    )


def _type(graph: Graph, path: str) -> str:
    try:
        return node_of(graph, path).type
    except (KeyError, ValueError):
        return ""


def _owner(line: Timeline, path: str) -> str:
    """Return the path of what a task lies in: a map, or a composite whose round its address may name."""
    around, slash, _ = path.rpartition("/")
    if "/" not in path or path.endswith("]"):
        outer, index = split_item(path)
        if index is not None and outer in line.tracks:
            return outer
    if not slash:
        return ""
    return around if around in line.tracks else split_item(around)[0]


def _waits(line: Timeline) -> None:
    """Put in front of each track what it waited for before it was first heard of."""
    for track in line.tracks.values():
        if track.path.endswith("~undo") or track.type == "":
            continue
        since = opened(line, track)
        ready = min(max(since, met(line, track, since)), track.began)
        before = [Span(DEPENDENCIES, since, ready), Span(QUEUE, ready, track.began)]
        track.spans[:0] = [span for span in before if span.seconds > 0]


def opened(line: Timeline, track: Track) -> float:
    """Return when a task could first have begun: when what it lies in did; a step or an item, itself."""
    scope = scope_of(line.graph, line.tracks, track)
    if scope is None or scope.order is not None:
        return track.began
    owner = line.tracks.get(track.owner)
    return line.start if owner is None else min(track.began, _scheduled(owner, track.began))


def _scheduled(owner: Track, before: float) -> float:
    """Return when the attempt of a composite began in which something inside it began."""
    starts = [span.start for span in owner.spans if span.kind == RUNNING and span.start <= before]
    return starts[-1] if starts else owner.began


def scope_of(graph: Graph, tracks: Mapping[str, Track], track: Track) -> Scope | None:
    """Return the scope in which a task stands; None for an item."""
    if not track.owner:
        return graph.root if "/" not in track.path and not track.path.endswith("]") else None
    if track.path.endswith("]") and split_item(track.path)[0] == track.owner:
        return None
    try:
        return node_of(graph, track.owner).scope
    except (KeyError, ValueError):
        return None


def before(line: Timeline, track: Track) -> list[Track]:
    """Return the tracks of what a task depends on, as far as they were heard of."""
    scope = scope_of(line.graph, line.tracks, track)
    prefix, _, name = track.path.rpartition("/")
    place = None if scope is None or scope.order is not None else scope.index.get(name)
    if scope is None or place is None:
        return []
    names = (scope.tasks[one].id for one in scope.tasks[place].depends_on)
    paths = (f"{prefix}/{one}" if prefix else one for one in names)
    return [line.tracks[path] for path in paths if path in line.tracks]


def met(line: Timeline, track: Track, since: float) -> float:
    """Return when a task's dependencies were met."""
    scope = scope_of(line.graph, line.tracks, track)
    ends = sorted(one.ended for one in before(line, track) if one.ended is not None)
    if scope is None or not ends:
        return since
    join: Join = scope.tasks[scope.index[track.path.rpartition("/")[2]]].join
    needed = {"all": len(ends), "any": 1}.get(str(join.count), join.count)
    return ends[min(int(needed), len(ends)) - 1]
