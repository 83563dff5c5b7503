"""What `decide` asks for: imperative, self-contained, without time or randomness.

The shell turns each command into its event (drawing what must be drawn) and,
once the event is recorded, carries out the effect that goes with it. Named
tuples, because several are made for every task.
"""

from typing import NamedTuple

from harmonia_core.model.events import Place
from harmonia_core.model.graph import TaskNode
from harmonia_core.model.outcomes import ErrorInfo
from harmonia_core.model.refs import Stored
from harmonia_core.model.values import Expression, Hole, Template


class Ask(NamedTuple):
    """Evaluate something beside the core; answered by (path, place).

    attempt: of the task, 0 before its first. subject: the template or condition.
    item: index of the map item whose roots `item` and `index` are readable.
    """

    path: str
    place: Place
    subject: Template | Expression
    attempt: int = 0
    item: int | None = None
    node: TaskNode | None = None


class Answer(NamedTuple):
    """Hold what an Ask evaluated to; an error is an answer.

    width: number of items, when the question was a map's input.
    """

    value: Stored = None
    holes: tuple[Hole, ...] = ()
    error: ErrorInfo | None = None
    width: int | None = None


class ScheduleTask(NamedTuple):
    """Begin an attempt. first: input and holes are new and to be recorded."""

    path: str
    node: TaskNode
    attempt: int
    first: bool
    input: Stored = None
    holes: tuple[Hole, ...] = ()
    width: int | None = None


class StartTimer(NamedTuple):
    """Let a task wait for `seconds` from now."""

    path: str
    seconds: float


class SucceedTask(NamedTuple):
    """End a task well with an output that the engine itself knows."""

    path: str
    attempt: int
    output: Stored


class FailTask(NamedTuple):
    """End a task as failed for good, without an attempt's doing."""

    path: str
    attempt: int
    error: ErrorInfo


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


Command = (
    Ask
    | ScheduleTask
    | StartTimer
    | SucceedTask
    | FailTask
    | SkipTask
    | MarkUnreachable
    | CancelTask
    | HoldTask
    | CompleteExecution
    | FailExecution
    | CancelExecution
)
AnswerKey = tuple[str, str]
Answers = dict[AnswerKey, Answer]
