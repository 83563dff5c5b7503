"""Facts about executions that people steer in place: paused, resumed, terminated, of another priority."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from harmonia_core.model.control import PausedBy, TimersInPause
from harmonia_core.model.event import Event

ChildAction = Literal["pause", "resume", "terminate"]


@dataclass(frozen=True, slots=True)
class ExecutionPaused(Event):
    """Begin nothing new until it is resumed; attempts in flight end, and what comes in is kept.

    timers: `run`, what is due acts at resume; `hold`, what is left of each wait, retry and total timeout
        is left at resume. by: `parent`, the task that it carries out is paused; `request`, somebody wants it.
    """

    timers: TimersInPause = "run"
    reason: str | None = None
    by: PausedBy = "request"


@dataclass(frozen=True, slots=True)
class ExecutionResumed(Event):
    """Go on. by: `parent`, the pause came from there, too; `request`, somebody wants it."""

    by: PausedBy = "request"


@dataclass(frozen=True, slots=True)
class ExecutionTerminated(Event):
    """End the execution at once: nothing is waited for, carried out at the end, or undone.

    upgrade: which `execution` goes on in its place from event `seq`, by which `definition_hash`; with the
        `labels` that it is to have beside those of this one and the `comment`, if there are any;
        `adopt_compensation` if it takes over what could be undone here.
    """

    reason: str | None = None
    upgrade: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class ExecutionPrioritised(Event):
    """Give the execution another priority, from -100 to 100."""

    priority: int


@dataclass(frozen=True, slots=True)
class ChildControlRequested(Event):
    """Ask the execution that carries a task out for what happens to this one: pause, resume, terminate."""

    path: str
    child_id: str
    action: ChildAction
    timers: TimersInPause = "run"
