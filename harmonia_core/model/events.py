"""Facts about executions: past tense, frozen, JSON-able, versioned by `V`.

Rule 1: an event carries everything that folding needs, so folding never evaluates,
reads a clock or draws a number. Rule 2: a class is never changed in a way that an
old log would notice; it gets a new `V` and an upcaster in `upcasters`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from harmonia_core.model.child_events import ChildCancelRequested as ChildCancelRequested
from harmonia_core.model.child_events import ChildRequested as ChildRequested
from harmonia_core.model.control_events import ChildControlRequested as ChildControlRequested
from harmonia_core.model.control_events import ExecutionPaused as ExecutionPaused
from harmonia_core.model.control_events import ExecutionPrioritised as ExecutionPrioritised
from harmonia_core.model.control_events import ExecutionResumed as ExecutionResumed
from harmonia_core.model.control_events import ExecutionTerminated as ExecutionTerminated
from harmonia_core.model.event import Event as Event
from harmonia_core.model.family import Reports
from harmonia_core.model.flow_events import Answered as Answered
from harmonia_core.model.flow_events import Asked as Asked
from harmonia_core.model.flow_events import Place as Place
from harmonia_core.model.flow_events import ScopeStopped as ScopeStopped
from harmonia_core.model.flow_events import StepEntered as StepEntered
from harmonia_core.model.flow_events import VariablesSet as VariablesSet
from harmonia_core.model.message_events import ApprovalDecided as ApprovalDecided
from harmonia_core.model.message_events import ApprovalDelegated as ApprovalDelegated
from harmonia_core.model.message_events import ApprovalEscalated as ApprovalEscalated
from harmonia_core.model.message_events import ApprovalRequested as ApprovalRequested
from harmonia_core.model.message_events import DecisionRefused as DecisionRefused
from harmonia_core.model.message_events import MessageAwaited as MessageAwaited
from harmonia_core.model.message_events import MessageEmitted as MessageEmitted
from harmonia_core.model.message_events import MessageReceived as MessageReceived
from harmonia_core.model.message_events import MessageRefused as MessageRefused
from harmonia_core.model.message_events import MessageTaken as MessageTaken
from harmonia_core.model.outcomes import ErrorInfo
from harmonia_core.model.refs import Stored
from harmonia_core.model.roll_over_events import ExecutionContinued as ExecutionContinued
from harmonia_core.model.roll_over_events import ExecutionRolledOver as ExecutionRolledOver
from harmonia_core.model.undo_events import CompensationBegun as CompensationBegun
from harmonia_core.model.undo_events import ExecutionCompensated as ExecutionCompensated
from harmonia_core.model.undo_events import TaskResolved as TaskResolved
from harmonia_core.model.undo_events import UndoOwed as UndoOwed
from harmonia_core.model.undo_events import UndoRecorded as UndoRecorded
from harmonia_core.model.values import Hole

TimerKind = Literal["wait", "retry", "attempt", "total", "deadline"]
Cause = Literal["orphaned", "forced", "delivery", "unknown"]


@dataclass(frozen=True, slots=True)
class ExecutionStarted(Event):
    """Begin an execution; always seq 1 of one that is no fork.

    deadline: epoch seconds. versions: distribution name to version, of Harmonia and
        of whatever provides the task types.
    """

    workflow: str
    version: str
    definition_hash: str
    graph_hash: str
    input: Stored
    vars: Mapping[str, Any]
    labels: Mapping[str, str]
    root_id: str
    deadline: float | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    parent_id: str | None = None
    parent_path: str = ""
    parent_attempt: int = 0
    depth: int = 0
    reports: Reports = "end"
    priority: int = 0


@dataclass(frozen=True, slots=True)
class ExecutionAdopted(Event):
    """Note that another engine goes on with the execution, under a higher epoch.

    previous: the engine that owned it until then, None if nobody did or the record does not say.
    cause: `orphaned`, that engine was gone; `forced`, a person took it from one that still showed its sign
        of life; `delivery`, only to bring it a request, nobody owns it afterwards; `unknown`, written by
        a version that did not say.
    """

    V = 2

    engine: str
    epoch: int
    previous: str | None = None
    cause: Cause = "unknown"


@dataclass(frozen=True, slots=True)
class CancelRequested(Event):
    """Ask the execution to end; what runs is interrupted. compensate: then what it has done is undone."""

    reason: str | None = None
    compensate: bool = False


@dataclass(frozen=True, slots=True)
class ExecutionCompleted(Event):
    """End the execution well."""

    output: Stored


@dataclass(frozen=True, slots=True)
class ExecutionFailed(Event):
    """End the execution as failed. failed_tasks: paths in the order of their failure."""

    error: ErrorInfo
    failed_tasks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ExecutionCancelled(Event):
    """End the execution as cancelled."""

    reason: str | None = None


@dataclass(frozen=True, slots=True)
class TaskScheduled(Event):
    """Record the intent to run an attempt, before anything happens.

    first: the input and its holes are part of the event; later attempts and
        re-dispatches go on with what the first one recorded.
    width: for a map, the number of its items.
    total_deadline: epoch seconds, set with the first attempt if the task has one.
    """

    path: str
    attempt: int
    first: bool = True
    input: Stored = None
    holes: tuple[Hole, ...] = ()
    width: int | None = None
    total_deadline: float | None = None


@dataclass(frozen=True, slots=True)
class TaskDeferred(Event):
    """Leave an attempt open until its completion token is used. due: its timeout, if it has one."""

    path: str
    attempt: int
    token_hash: str
    due: float | None = None


@dataclass(frozen=True, slots=True)
class TimerSet(Event):
    """Begin a durable wait of a task until `due` (epoch seconds)."""

    path: str
    due: float


@dataclass(frozen=True, slots=True)
class TimerFired(Event):
    """Note that a timer is due. path: empty for the execution's own deadline."""

    path: str
    kind: TimerKind


@dataclass(frozen=True, slots=True)
class RetryScheduled(Event):
    """End an attempt as failed and set the next one for `due` (epoch seconds).

    delay: seconds; jitter: the number drawn in [-1, 1], recorded so that the
        delay can be explained.
    """

    path: str
    attempt: int
    error: ErrorInfo
    due: float
    delay: float = 0.0
    jitter: float = 0.0


@dataclass(frozen=True, slots=True)
class AttemptLost(Event):
    """Note that the process running an attempt is gone; its outcome is unknown.

    counted: among the losses after which a person must decide; false if that process had ended something
        since it took over, for then its loss does not point at this attempt.
    """

    V = 2

    path: str
    attempt: int
    counted: bool = True


@dataclass(frozen=True, slots=True)
class TaskSucceeded(Event):
    """End a task well. given: a person skipped it and gave the output, so there is nothing to undo."""

    path: str
    attempt: int
    output: Stored
    given: bool = False


@dataclass(frozen=True, slots=True)
class TaskFailed(Event):
    """End a task as failed for good."""

    path: str
    attempt: int
    error: ErrorInfo


@dataclass(frozen=True, slots=True)
class TaskSkipped(Event):
    """End a task that has nothing to do. reason: `when`, `dependencies-skipped`, `resolved` by a person."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class TaskUnreachable(Event):
    """End a task whose dependencies can no longer be met. blocked_by: path of the first that blocks."""

    path: str
    blocked_by: str


@dataclass(frozen=True, slots=True)
class TaskCancelled(Event):
    """End a task because its execution is being cancelled or is out of time."""

    path: str
    attempt: int


@dataclass(frozen=True, slots=True)
class TaskAttention(Event):
    """Stop a task until a person decides.

    reason: `lost`, `lost-repeatedly`; `failed`, `undo-failed`, with the error.
    """

    path: str
    reason: str
    error: ErrorInfo | None = None


@dataclass(frozen=True, slots=True)
class LateResultRefused(Event):
    """Note a result that came after its attempt had ended otherwise; nothing else changes."""

    path: str
    attempt: int
    outcome: str


class Recorded(NamedTuple):
    """Hold an event with its envelope. seq: from 1, gapless. at: epoch seconds."""

    execution_id: str
    seq: int
    at: float
    actor: Mapping[str, Any] | None
    causation: str | None
    event: Event
