"""Events of waiting under limits: asked for slots, and given them."""

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
    itself says how many. input, holes: of a first attempt, which goes on with them. since: epoch seconds;
    of what gives its slots back, as nothing may begin now, and keeps its place; None for now.
    """

    path: str
    attempt: int
    wants: Sequence[Mapping[str, Any]]
    input: Stored = None
    holes: tuple[Hole, ...] = ()
    policy: SlotPolicy = "queue"
    since: float | None = None


@dataclass(frozen=True, slots=True)
class SlotsGranted(Event):
    """Let a task, or the execution, begin what it waited for: it holds its slots until that has ended."""

    path: str
    attempt: int
