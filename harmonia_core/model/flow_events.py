"""Facts about scopes and questions: where a sequence stands, what variables hold, what was asked."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from harmonia_core.model.event import Event
from harmonia_core.model.outcomes import ErrorInfo
from harmonia_core.model.refs import Stored
from harmonia_core.model.values import Hole

Place = Literal[
    "when", "input", "output", "enter", "then", "caught", "undo", "reduce", "memo", "child", "given"
]


@dataclass(frozen=True, slots=True)
class StepEntered(Event):
    """Move the cursor of a sequence to a step, which begins anew.

    path: of the sequence. step: position of the step among its tasks. iteration: higher than before if
        the cursor went back; the steps from there on are then as if they had never been carried out.
    error: what is being handled from now on; variable: the scope's variable that holds it, if one does.
    raising: the step is the last one, and that error ends the sequence behind it.
    """

    path: str
    step: int
    iteration: int = 0
    error: ErrorInfo | None = None
    variable: str | None = None
    raising: bool = False


@dataclass(frozen=True, slots=True)
class VariablesSet(Event):
    """Give variables new values. path: of the composite that declares them, empty for the workflow."""

    path: str
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ScopeStopped(Event):
    """Begin to end what is inside a composite early. reason: `won`. by: path of the task that decided it."""

    path: str
    reason: str
    by: str


@dataclass(frozen=True, slots=True)
class Asked(Event):
    """Note that an expression over large values is being evaluated beside the core."""

    id: str
    path: str
    attempt: int
    place: Place


@dataclass(frozen=True, slots=True)
class Answered(Event):
    """Record what an open question evaluated to: a value with its holes, or an error.

    memo: the key under which the result of the task is to be kept. reused: the value is an earlier result, of
        this `execution` and `path`, made `at` this time (epoch seconds).
    """

    id: str
    value: Stored = None
    holes: tuple[Hole, ...] = ()
    error: ErrorInfo | None = None
    width: int | None = None
    memo: str | None = None
    reused: Mapping[str, Any] | None = None
