"""The fact with which an execution begins that goes on from a state of another one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from harmonia_core.model.event import Event
from harmonia_core.model.refs import Stored

ForkKind = Literal["fork", "rerun", "restore", "upgrade"]


@dataclass(frozen=True, slots=True)
class ExecutionForked(Event):
    """Begin an execution from an earlier state of another one, perhaps changed; seq 1 of its log.

    origin, origin_seq: that one, and the last of its events that counts here. base: the state to go on
        from, as a snapshot encodes it. deadline: epoch seconds, its own. versions: as in ExecutionStarted.
    origin_hash: of the definition that the origin runs, if this one runs another.
    changed: what differs from the origin on purpose, by name and, for tasks, by path.
    again: the first of the paths that begin anew; again_count: how many do. checkpoint: its name.
    priority: its own, as its definition has it. adopted: how many tasks it can undo that the origin has done;
        the origin then never does.
    """

    origin: str
    origin_seq: int
    kind: ForkKind
    workflow: str
    version: str
    definition_hash: str
    graph_hash: str
    base: Stored
    labels: Mapping[str, str] = field(default_factory=dict)
    deadline: float | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    origin_hash: str | None = None
    comment: str | None = None
    changed: Sequence[str] = ()
    again: Sequence[str] = ()
    again_count: int = 0
    checkpoint: str | None = None
    priority: int = 0
    adopted: int = 0
