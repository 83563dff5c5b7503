"""What `decide` asks for: imperative, self-contained, without time or randomness.

The shell turns each command into its event (drawing what must be drawn) and,
once the event is recorded, carries out the effect that goes with it. Named
tuples, because several are made for every task.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from harmonia_core.model.asking import Answer as Answer
from harmonia_core.model.asking import AnswerKey as AnswerKey
from harmonia_core.model.asking import Answers as Answers
from harmonia_core.model.asking import Ask as Ask
from harmonia_core.model.asking import Choice as Choice
from harmonia_core.model.asking import Fold as Fold
from harmonia_core.model.asking import Named as Named
from harmonia_core.model.graph import RetryPolicy, TaskNode
from harmonia_core.model.memo import Reused
from harmonia_core.model.message_events import WaitMode
from harmonia_core.model.message_inputs import ApprovalInput
from harmonia_core.model.outcomes import ErrorInfo
from harmonia_core.model.refs import Stored
from harmonia_core.model.undo_events import WhyUndone
from harmonia_core.model.values import Hole


class ScheduleTask(NamedTuple):
    """Begin an attempt. first: input and holes are new and to be recorded. memo: its result is kept there."""

    path: str
    node: TaskNode
    attempt: int
    first: bool
    input: Stored = None
    holes: tuple[Hole, ...] = ()
    width: int | None = None
    memo: str | None = None


class ScheduleReused(ScheduleTask):
    """Record a task whose earlier result is used again; nothing is dispatched."""

    __slots__ = ()


class ReuseResult(NamedTuple):
    """End a task well with an earlier result. reused: where that comes from."""

    path: str
    attempt: int
    output: Stored
    reused: Reused


class StartTimer(NamedTuple):
    """Let a task wait for `seconds` from now, or until a moment (epoch seconds)."""

    path: str
    seconds: float
    until: float | None = None


class AwaitMessage(NamedTuple):
    """Let a task wait for messages; see the event."""

    path: str
    wants: tuple[Mapping[str, Any], ...]
    mode: WaitMode
    shared: bool


class TakeMessages(NamedTuple):
    """Give kept messages to a task that waits for them."""

    path: str
    message_ids: tuple[str, ...]


class EmitMessage(NamedTuple):
    """Send a message. ttl: seconds from now."""

    path: str
    message_id: str
    name: str
    correlation: Any
    data: Any
    to: str | None
    ttl: float | None


class RequestApproval(NamedTuple):
    """Let a task wait for a person's decision."""

    path: str
    wish: ApprovalInput


class SucceedTask(NamedTuple):
    """End a task well with an output that the engine itself knows."""

    path: str
    attempt: int
    output: Stored


class FailTask(NamedTuple):
    """End a task as failed without an attempt's doing, for good unless its policy lets it begin anew.

    hold: instead of failing for good it is stopped until a person decides, for this reason.
    """

    path: str
    attempt: int
    error: ErrorInfo
    retry: RetryPolicy | None = None
    hold: str | None = None


class EnterStep(NamedTuple):
    """Move the cursor of a sequence; see the event."""

    path: str
    step: int
    iteration: int
    error: ErrorInfo | None = None
    variable: str | None = None
    raising: bool = False


class SetVariables(NamedTuple):
    """Give variables of a composite, or with an empty path of the workflow, new values."""

    path: str
    values: Mapping[str, Any]


class StopScope(NamedTuple):
    """Begin to end the tasks inside a composite. by: path of the task that decided it."""

    path: str
    reason: str
    by: str


class RequestChild(NamedTuple):
    """Start the execution that carries a task out. parent_id: of the execution whose task it is."""

    parent_id: str
    path: str
    attempt: int
    definition_hash: str
    detached: bool
    pinned: bool


class CancelChild(NamedTuple):
    """Let the execution that carries a task out end as cancelled."""

    path: str
    child_id: str


class SkipTask(NamedTuple):
    """End a task that has nothing to do."""

    path: str
    reason: str


class MarkUnreachable(NamedTuple):
    """End a task whose dependencies can no longer be met."""

    path: str
    blocked_by: str


class CancelTask(NamedTuple):
    """End a task that is not running but has begun."""

    path: str
    attempt: int


class HoldTask(NamedTuple):
    """Stop a task until a person decides."""

    path: str
    reason: str
    error: ErrorInfo | None = None


class RecordUndo(NamedTuple):
    """Note how a task that has succeeded can be undone; see the event."""

    path: str
    number: int
    input: Stored = None
    holes: tuple[Hole, ...] = ()
    error: ErrorInfo | None = None


class BeginCompensation(NamedTuple):
    """Begin to undo what was done in a map, a composite or the whole execution; see the event."""

    path: str
    cause: WhyUndone
    error: ErrorInfo | None = None


class EndCompensated(NamedTuple):
    """End the execution, all of it undone."""

    error: ErrorInfo | None
    failed_tasks: tuple[str, ...]


class CompleteExecution(NamedTuple):
    """End the execution well."""

    output: Stored


class FailExecution(NamedTuple):
    """End the execution as failed."""

    error: ErrorInfo
    failed_tasks: tuple[str, ...]


class CancelExecution(NamedTuple):
    """End the execution as cancelled."""

    reason: str | None


class RollOver(NamedTuple):
    """End the execution here and let another one go on from its state. seq: of the event that says so."""

    execution_id: str
    seq: int


Command = (
    Ask
    | ScheduleTask
    | StartTimer
    | AwaitMessage
    | TakeMessages
    | EmitMessage
    | RequestApproval
    | SucceedTask
    | ReuseResult
    | FailTask
    | SkipTask
    | MarkUnreachable
    | CancelTask
    | HoldTask
    | RecordUndo
    | BeginCompensation
    | EndCompensated
    | EnterStep
    | SetVariables
    | StopScope
    | RequestChild
    | CancelChild
    | CompleteExecution
    | FailExecution
    | CancelExecution
    | RollOver
)
