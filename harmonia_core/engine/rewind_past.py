"""What the log of an execution says about its past: one look through it, up to a point. Pure."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from harmonia_core.engine.evolve import evolve
from harmonia_core.engine.undo_folds import to_undo
from harmonia_core.model import events as e
from harmonia_core.model.addresses import heads, undone_by
from harmonia_core.model.graph import Graph
from harmonia_core.model.inbox import Message
from harmonia_core.model.rewinding import Origin
from harmonia_core.model.state import ExecutionState
from harmonia_core.model.statuses import TaskStatus

EVERY = 256
_ENDS: Mapping[type, TaskStatus] = {
    e.TaskSucceeded: TaskStatus.SUCCEEDED,
    e.TaskFailed: TaskStatus.FAILED,
    e.TaskSkipped: TaskStatus.SKIPPED,
    e.TaskCancelled: TaskStatus.CANCELLED,
    e.TaskUnreachable: TaskStatus.UNREACHABLE,
}


class Entry(NamedTuple):
    """Hold when a sequence came to a step."""

    seq: int
    step: int
    iteration: int


class End(NamedTuple):
    """Hold how and when a task or an item ended."""

    seq: int
    status: TaskStatus


class Write(NamedTuple):
    """Hold variables that were written: those of which scope, and by whom; empty if by nobody inside."""

    seq: int
    owner: str
    writer: str
    values: Mapping[str, Any]


class Past:
    """Hold the past of an execution up to a point.

    state: there; last: at the end of the log. scheduled: when each path first began, over the whole log;
    began: when a composite began anew, and with which iteration. taken: which messages a task was given.
    """

    def __init__(self, origin: Origin, point: int | None) -> None:
        self.graph: Graph = origin.graph
        self.beginning, self._log = origin.beginning, origin.log
        self.entered: dict[str, list[Entry]] = {}
        self.began: dict[str, list[Entry]] = {}
        self.ends: dict[str, End] = {}
        self.scheduled: dict[str, int] = {}
        self.writes: list[Write] = []
        self.received: dict[str, Message] = {}
        self.taken: list[Write] = []
        self.first_vars: Mapping[str, Any] = origin.beginning.vars
        self._kept = [origin.beginning]
        self.state = self.last = origin.beginning
        self._writer = ""
        self._looked_at: dict[int, ExecutionState] = {}
        self.succeeded: set[str] = set()
        for recorded in origin.log:
            self.last = evolve(self.last, recorded)
            if not recorded.seq % EVERY:
                self._kept.append(self.last)
            if type(recorded.event) is e.TaskScheduled:
                self.scheduled.setdefault(recorded.event.path, recorded.seq)
            elif type(recorded.event) is e.TaskSucceeded:
                self.succeeded.add(recorded.event.path)
            if point is None or recorded.seq <= point:
                self.state = self.last
                self._note(recorded)
        self.point = self.state.seq
        self.undone = (origin.undone - self.scheduled.keys()) | origin.undone_after | undone_in(self.last)

    @property
    def inherited(self) -> bool:
        """Tell whether something had ended before the log began."""
        return any(task.attempt for page in self.beginning.scope.pages for task in page)

    def before(self, seq: int) -> ExecutionState:
        """Return the state before an event."""
        found = self._looked_at.get(seq)
        if found is not None:
            return found
        state = self._kept[(seq - 1) // EVERY]
        for recorded in self._between(state.seq, seq):
            state = evolve(state, recorded)
        return state

    def look_at(self, seqs: Iterable[int]) -> None:
        """Remember the states before these events, by one look through the log."""
        state = self.beginning
        for seq in sorted(set(seqs)):
            state = max(state, self._kept[(seq - 1) // EVERY], key=lambda one: one.seq)
            for recorded in self._between(state.seq, seq):
                state = evolve(state, recorded)
            self._looked_at[seq] = state

    def _between(self, after: int, before: int) -> Sequence[e.Recorded]:
        return self._log[after : before - 1]

    def _note(self, recorded: e.Recorded) -> None:
        note = _NOTES.get(type(recorded.event))
        if note is not None:
            note(self, recorded.event, recorded.seq, recorded.at)
        if type(recorded.event) not in (e.TaskScheduled, e.VariablesSet):
            self._writer = ""
        status = _ENDS.get(type(recorded.event))
        if status is not None:
            self.ends[recorded.event.path] = End(recorded.seq, status)  # type: ignore[attr-defined]

    def _started(self, event: e.ExecutionStarted, seq: int, at: float) -> None:
        self.first_vars = event.vars

    def _scheduled(self, event: e.TaskScheduled, seq: int, at: float) -> None:
        self._writer = event.path
        task = self.last.task(event.path)
        if task is not None and task.inside is not None:
            self.began.setdefault(event.path, []).append(Entry(seq, -1, task.inside.iteration))

    def _entered(self, event: e.StepEntered, seq: int, at: float) -> None:
        self.entered.setdefault(event.path, []).append(Entry(seq, event.step, event.iteration))
        if event.variable is not None and event.error is not None:
            # Nobody inside has written it: whether it holds depends on when alone.
            values = {event.variable: event.error.as_json()}
            self.writes.append(Write(seq, event.path, event.path, values))

    def _written(self, event: e.VariablesSet, seq: int, at: float) -> None:
        self.writes.append(Write(seq, event.path, self._writer, event.values))

    def _received(self, event: e.MessageReceived, seq: int, at: float) -> None:
        self.received[event.message_id] = Message(
            event.message_id, event.name, event.correlation, event.data, at, event.expires
        )

    def _taken(self, event: e.MessageTaken, seq: int, at: float) -> None:
        self.taken.append(Write(seq, "", event.path, dict.fromkeys(event.message_ids)))

    def entries(self, path: str) -> list[Entry]:
        """Return the steps that a sequence came to since it last began as a whole.

        The first may be the one at which it stood when the log began, with 0 for its seq.
        """
        if path in self.began:
            since = self.began[path][-1].seq
            return [entry for entry in self.entered.get(path, ()) if entry.seq > since]
        task = self.beginning.task(path)
        stood = None if task is None else task.inside
        first = [] if stood is None or stood.cursor < 0 else [Entry(0, stood.cursor, stood.iteration)]
        return first + self.entered.get(path, [])

    def reused(self, path: str, kept: str = "") -> bool:
        """Tell whether a result is still gone on from: nothing around it has failed or begun anew.

        kept: what lies around it and is gone on from as it ended, whatever lies around that.
        """
        found = [(outer, rest) for outer, rest in heads(path) if len(outer) >= len(kept)]
        for outer, rest in found[:-1]:
            end = self.ends.get(outer)
            if end is not None and end.status is not TaskStatus.SUCCEEDED:
                return False
            round = _round(rest)
            if outer in self.began and round is not None and self.began[outer][-1].iteration > round:
                return False
        end = self.ends.get(path)
        if end is not None:
            return end.status is TaskStatus.SUCCEEDED
        task = self.state.task(path) if path not in self.scheduled else None
        return task is not None and task.status is TaskStatus.SUCCEEDED


_NOTES: Mapping[type, Any] = {
    e.ExecutionStarted: Past._started,
    e.TaskScheduled: Past._scheduled,
    e.StepEntered: Past._entered,
    e.VariablesSet: Past._written,
    e.MessageReceived: Past._received,
    e.MessageTaken: Past._taken,
}


def _round(rest: str) -> int | None:
    """Return the number that what lies behind a path begins with."""
    return int(rest[1 : rest.index("]")]) if rest.startswith("[") else None


def undone_in(state: ExecutionState) -> frozenset[str]:
    """Return the tasks whose results are undone, or are about to be."""
    undo = state.undo
    found = set()
    for number, entry in undo.entries():
        begun = entry.task.attempt > 0 or entry.task.status is TaskStatus.SUCCEEDED
        if begun or any(to_undo(undo, number, one.path) for one in undo.open):
            found.add(entry.path)
    return frozenset(path for path in found if undone_by(path) is None)


def lies_below(paths: Collection[str], path: str) -> bool:
    """Tell whether a path is one of these, or lies in one."""
    return any(outer in paths for outer, _ in heads(path))
