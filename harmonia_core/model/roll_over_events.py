"""Facts about a long execution that goes on as another one, in a log of its own."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from harmonia_core.model.event import Event
from harmonia_core.model.refs import Stored


@dataclass(frozen=True, slots=True)
class ExecutionRolledOver(Event):
    """End the execution as `continued`. successor: id of the one that goes on from its state."""

    successor: str


@dataclass(frozen=True, slots=True)
class ExecutionContinued(Event):
    """Begin an execution that goes on where another one ended; seq 1 of its log.

    origin, origin_seq: that one, and where it ended. base: the state to go on from, as a snapshot encodes
        it. versions: as in ExecutionStarted, of those who begin it.
    """

    origin: str
    origin_seq: int
    workflow: str
    version: str
    definition_hash: str
    graph_hash: str
    base: Stored
    versions: Mapping[str, str] = field(default_factory=dict)
