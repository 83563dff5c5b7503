"""Events of waiting under limits: asked for slots, given them, given them back before anything began."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from harmonia_core.model.event import Event
from harmonia_core.model.refs import Stored
from harmonia_core.model.values import Hole

SlotPolicy = Literal["queue", "skip", "cancel-older"]


@dataclass(frozen=True, slots=True)
class SlotsRequested(Event):
    """Let a task wait until its limits have room for it; with an empty path, the execution as a whole.

    attempt: the one that is to begin. wants: of each limit `{key, units}`, with `max` if the definition
    itself says how many. input, holes: of a first attempt, which goes on with them.
    """

    path: str
    attempt: int
    wants: Sequence[Mapping[str, Any]]
    input: Stored = None
    holes: tuple[Hole, ...] = ()
    policy: SlotPolicy = "queue"


@dataclass(frozen=True, slots=True)
class SlotsGranted(Event):
    """Let a task, or the execution, begin what it waited for: it holds its slots until that has ended."""

    path: str
    attempt: int


@dataclass(frozen=True, slots=True)
class SlotsReturned(Event):
    """Give slots back that came while the execution was paused; the task keeps its place."""

    path: str
