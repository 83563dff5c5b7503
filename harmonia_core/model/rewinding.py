"""What is said and what is found out when an execution is to begin from the past of another one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple

from harmonia_core.model.events import Recorded
from harmonia_core.model.graph import Graph
from harmonia_core.model.refs import BlobRef, ItemsRef
from harmonia_core.model.state import ExecutionState

_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Origin:
    """Hold the past of an execution.

    beginning: its state before the first event. log: all of its events. undone: paths of results
    that have been undone by others than this execution, of whom it has them. undone_after: of results
    that have been undone by those who went on with its entries.
    """

    graph: Graph
    beginning: ExecutionState
    log: Sequence[Recorded]
    undone: frozenset[str] = frozenset()
    undone_after: frozenset[str] = frozenset()


class AtSeq(NamedTuple):
    """Begin with the state at a seq: a fork, a restored checkpoint."""

    seq: int


class FromTasks(NamedTuple):
    """Begin with the last state, in which these tasks and what follows from them have not been carried out.

    paths: empty for what has failed, or for everything if nothing has.
    """

    paths: tuple[str, ...] = ()


Point = AtSeq | FromTasks
UNCHANGED = object()
"""Stands for the input of the origin."""


@dataclass(frozen=True, slots=True)
class Changes:
    """Say what is to be different.

    input: of the workflow. inputs: of tasks that run again, by path; each stands in place of the task's
    template once. vars: of the workflow. adopt_compensation: take over what the origin has not undone, for
    an origin that ends.
    """

    input: Any = UNCHANGED
    inputs: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)
    vars: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)
    adopt_compensation: bool = False


NO_CHANGES = Changes()


class Repeat(NamedTuple):
    """Name a task that had begun before and begins again: what it does may happen a second time.

    ended: whether it had succeeded. undone: its result has been undone.
    """

    path: str
    idempotent: bool
    ended: bool
    undone: bool = False


class Need(NamedTuple):
    """Name outputs that stand as rows of another execution, and have to be kept as a blob of their own.

    path: of the map. ref: all of its outputs. indexes: of those to keep, None for all of them, as a list.
    """

    path: str
    ref: BlobRef | ItemsRef
    indexes: tuple[int, ...] | None = None

    def content(self, outputs: Sequence[Any]) -> Any:
        """Return what the blob holds. outputs: of all the items, as far as they are wanted."""
        if self.indexes is None:
            return list(outputs)
        return [[index, outputs[index]] for index in self.indexes]


@dataclass(frozen=True, slots=True)
class Rewound:
    """Hold what an execution begins with, and what that means.

    state: at seq 0, the base of the execution. again: paths that run again or for the first time.
    reopened: maps and composites that go on. reused: paths whose results are taken over. repeats: of
    what runs again, what had begun before. dropped: what another version has no place for. undone: paths
    that run again because their results have been undone. needs: outputs to keep; see `placed`.
    adopted: paths of what can be undone from here on; abandoned: of what could be undone by the origin alone.
    """

    state: ExecutionState
    again: tuple[str, ...] = ()
    reopened: tuple[str, ...] = ()
    reused: tuple[str, ...] = ()
    repeats: tuple[Repeat, ...] = ()
    dropped: tuple[str, ...] = ()
    undone: tuple[str, ...] = ()
    needs: tuple[Need, ...] = ()
    adopted: tuple[str, ...] = ()
    abandoned: tuple[str, ...] = ()
