"""Name the points at which a process may die, and let it die at one of them.

A point is a moment and what happens there: `before outcome`, `after outcome`. Units are known by what they
hold, so the product need not say anything; one unit is at several points at once.
"""

import os
import signal
from collections.abc import Callable, Iterable
from typing import NamedTuple

import anyio

from harmonia_core.contracts.rows import Unit

EVENTS = {
    "ExecutionStarted": "start",
    "ExecutionForked": "fork",
    "ExecutionContinued": "continuation",
    "ExecutionAdopted": "adoption",
    "ExecutionRolledOver": "roll-over",
    "ExecutionPaused": "steering",
    "ExecutionResumed": "steering",
    "ExecutionPrioritised": "steering",
    "ExecutionCompleted": "end",
    "ExecutionFailed": "end",
    "ExecutionCancelled": "end",
    "ExecutionTerminated": "end",
    "ExecutionCompensated": "end",
    "CancelRequested": "cancel",
    "TaskScheduled": "intent",
    "TaskSucceeded": "outcome",
    "TaskFailed": "outcome",
    "TaskCancelled": "outcome",
    "RetryScheduled": "retry",
    "TaskDeferred": "deferral",
    "TaskAttention": "attention",
    "TaskResolved": "decision",
    "AttemptLost": "loss",
    "LateResultRefused": "late-result",
    "TimerFired": "timer-fired",
    "ChildRequested": "child-request",
    "ChildCancelRequested": "child-request",
    "ChildControlRequested": "child-request",
    "Asked": "question",
    "Answered": "answer",
    "StepEntered": "step",
    "ScopeStopped": "stop",
    "VariablesSet": "variables",
    "MessageReceived": "message",
    "MessageTaken": "message",
    "MessageAwaited": "message-awaited",
    "MessageEmitted": "message-sent",
    "ApprovalRequested": "approval",
    "ApprovalDecided": "approval",
    "ApprovalEscalated": "approval",
    "ApprovalDelegated": "approval",
    "CompensationBegun": "compensation",
    "UndoRecorded": "undo-recorded",
    "UndoOwed": "undo-recorded",
    "SlotsRequested": "slot-wanted",
    "SlotsGranted": "slot-grant",
}
"""What a unit is called that holds an event of a type; others have no point of their own."""
ROWS = {
    "requests": "outbox",
    "consumed": "request-taken",
    "timers": "timer-set",
    "closed_timers": "timer-closed",
    "tokens": "deferral",
    "closed_slots": "slot-release",
    "promotions": "slot-grant",
}
"""What a unit is called that writes rows of a kind."""
COLLECTIONS = {
    "harmonia.memo": "memo",
    "harmonia.checkpoints": "checkpoint",
    "harmonia.messages": "message-moved",
    "harmonia.subscriptions": "message-awaited",
    "harmonia.outgoing": "message-moved",
    "harmonia.start-keys": "start-key",
    "harmonia.limits": "limit",
    "harmonia.workflows": "publication",
    "harmonia.versions": "publication",
    "harmonia.contents": "publication",
}
CALLS = {
    "open": "engine-opened",
    "add_request": "request-registered",
    "upload": "artifact",
    "beat": "heartbeat",
    "add_activity": "activity",
    "prune": "prune",
    "sweep": "prune",
}
"""Methods of a state backend, other than those that take units, that write."""


class Point(NamedTuple):
    """Say what happens at a moment. when: `before` or `after`."""

    when: str
    names: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.when} {'+'.join(self.names)}"


def names_of(unit: Unit) -> tuple[str, ...]:
    """Return what a unit is called, in alphabetical order; `empty` if it only says that all is as it was."""
    found = {EVENTS[row.type] for row in unit.events if row.type in EVENTS}
    found |= {name for field, name in ROWS.items() if getattr(unit, field)}
    found |= {COLLECTIONS.get(one.collection, "document") for one in unit.documents}
    found |= {"blob" if one.upload_id is None else "artifact" for one in unit.blobs}
    if unit.snapshot is not None:
        found.add("snapshot")
    if unit.created is not None and unit.created.parent_id is not None and "start" in found:
        found = found - {"start"} | {"child-start"}
    if any("~undo" in row.data for row in unit.events if row.type in ("TaskScheduled", "TaskSucceeded")):
        found.add("undo")
    return tuple(sorted(found)) or (("empty",) if unit.head else ("other",))


class Fate:
    """Count the points that one life of a process passes, and end it at one of them.

    die_at: number of the point, from 1; None to live. killed: the process kills itself there (SIGKILL);
    otherwise it is `dead` from then on, and what belongs to it must do nothing more. last_words: called
    right before that, for what the world must know to go on. late: units that it would have written since.
    """

    def __init__(self, die_at: int | None = None, *, killed: bool = False) -> None:
        self.passed: list[Point] = []
        self.dead = False
        self.late: list[Unit] = []
        self.happened = anyio.Event()
        self.last_words: Callable[[], None] = lambda: None
        self._die_at, self._killed = die_at, killed

    def reach(self, when: str, names: Iterable[str]) -> bool:
        """Pass a point, or die there; tell whether the process is dead."""
        if not self.dead:
            self.passed.append(Point(when, tuple(names)))
            if len(self.passed) == self._die_at:
                self.last_words()
                if self._killed:
                    os.kill(os.getpid(), signal.SIGKILL)
                self.dead = True
                self.happened.set()
        return self.dead
