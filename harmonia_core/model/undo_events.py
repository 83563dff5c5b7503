"""Facts about compensation: what can be undone, what is being undone, and what a person decided."""

from dataclasses import dataclass
from typing import Literal

from harmonia_core.model.event import Event
from harmonia_core.model.outcomes import ErrorInfo
from harmonia_core.model.refs import Stored
from harmonia_core.model.values import Hole

WhyUndone = Literal["failed", "requested"]
Resolution = Literal["retry", "skip", "fail", "done"]


@dataclass(frozen=True, slots=True)
class UndoRecorded(Event):
    """Note how a task that has succeeded can be undone.

    path: of the task. number: order of completion, from 1. input, holes: of the undo, as they were known
        when the task succeeded. error: why they could not be known; a person must undo it then.
    """

    path: str
    number: int
    input: Stored = None
    holes: tuple[Hole, ...] = ()
    error: ErrorInfo | None = None


@dataclass(frozen=True, slots=True)
class UndoOwed(Event):
    """Note that an attempt whose result was refused has succeeded all the same, so that it can be undone."""

    path: str
    attempt: int
    output: Stored = None


@dataclass(frozen=True, slots=True)
class CompensationBegun(Event):
    """Begin to undo what has been done, the last first.

    path: of the map or composite inside which, empty for the whole execution. cause: `failed`, it would
        end as failed with `error`; `requested`, somebody wants it.
    """

    path: str
    cause: WhyUndone
    error: ErrorInfo | None = None


@dataclass(frozen=True, slots=True)
class ExecutionCompensated(Event):
    """End the execution: what it had done is undone. error, failed_tasks: why, if it had failed."""

    error: ErrorInfo | None = None
    failed_tasks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TaskResolved(Event):
    """Note what a person has decided about a task or an undo; the event behind it says what follows."""

    path: str
    resolution: Resolution
    comment: str | None = None
