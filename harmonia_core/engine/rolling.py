"""Roll a long execution over: when it may be, what its successor begins with, and how that is read. Pure.

The base is a truth, unlike a snapshot: it is read whatever version wrote it, or the log is corrupt.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from pydantic_core import from_json

from harmonia_core.errors import StateCorrupt
from harmonia_core.model.commands import RollOver
from harmonia_core.model.events import Inheriting, Recorded
from harmonia_core.model.graph import Graph
from harmonia_core.model.refs import BlobRef, ItemsRef, Stored
from harmonia_core.model.snapshot import FORMAT, dump, read
from harmonia_core.model.state import ExecutionState, GraphState, TaskState, begin
from harmonia_core.model.statuses import FINAL_TASK, ExecutionStatus, TaskStatus

OLDEST_BASE = 4
"""The first format of snapshots that bases were written in."""


def roll_over(state: ExecutionState, limit: int) -> RollOver | None:
    """Return the command to go on in another log if this one is longer than `limit`, 0 for never."""
    if not limit or state.seq <= limit or not quiet(state):
        return None
    return RollOver(state.execution_id, state.seq + 1)


def quiet(state: ExecutionState) -> bool:
    """Tell whether the execution stands between two steps of one of its sequences, with nothing else begun.

    A step must have ended in this log, so that a successor gets somewhere before it rolls over itself.
    """
    active = state.scope.active
    if state.status is not ExecutionStatus.RUNNING or state.cancelling or state.timed_out:
        return False
    if state.undo.owed or state.undo.open or state.undo.wanted:
        return False
    if not active or active & (active - 1) or state.asks or state.answers:
        return False
    position = active.bit_length() - 1
    nodes, task = state.graph.root.tasks[position].scope, state.scope.task(position)
    inside = task.inside
    if nodes is None or nodes.order is None or inside is None or task.status is not TaskStatus.RUNNING:
        return False
    if task.reason is not None or inside.stopped or inside.cursor < 0 or inside.graph.active:
        return False
    step = inside.graph.task(inside.cursor)
    return step.status in FINAL_TASK and (step.ended_seq or 0) > 0 and inside.cursor != nodes.order.last


def base_of(state: ExecutionState) -> dict[str, Any]:
    """Return what the successor of an execution begins with.

    What ended in this log has a seq of at most 0 there, in the same order; outputs of maps, which are rows
    of this execution, name it.
    """
    moved: dict[str, Any] = from_json(dump(state._replace(scope=_graph(state.scope, state))))
    return moved


def _graph(scope: GraphState, state: ExecutionState) -> GraphState:
    return scope._replace(pages=tuple(tuple(_task(task, state) for task in page) for page in scope.pages))


def _task(task: TaskState, state: ExecutionState) -> TaskState:
    output, inside = task.output, task.inside
    if type(output) is ItemsRef and output.execution is None:
        output = replace(output, execution=state.execution_id)
    if inside is not None:
        inside = inside._replace(graph=_graph(inside.graph, state))
    ended = None if task.ended_seq is None else task.ended_seq - state.seq
    return task._replace(output=output, inside=inside, ended_seq=ended)


def beginning(graph: Graph, execution_id: str, first: Recorded | None, base: Any = None) -> ExecutionState:
    """Return the state before the first event of a log. base: of a successor, if its event only names it.

    Raises StateCorrupt for a base that is missing or cannot be read.
    """
    event = None if first is None else first.event
    if not isinstance(event, Inheriting):
        return begin(graph, execution_id)
    return restored(graph, execution_id, event.base if base is None else base)


def restored(graph: Graph, execution_id: str, base: Stored) -> ExecutionState:
    """Return the state that a successor begins with, before its first event; raise StateCorrupt."""
    written = base.get("format") if isinstance(base, Mapping) else None
    if type(written) is not int or not OLDEST_BASE <= written <= FORMAT:
        known = "" if type(written) is not int else f": a newer Harmonia wrote its format {written}"
        raise StateCorrupt(f"The state that execution {execution_id} goes on from cannot be read{known}.")
    try:
        state = read(graph, base)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        what = f"{type(error).__name__}: {error}"
        raise StateCorrupt(
            f"The state that execution {execution_id} goes on from cannot be read ({what})."
        ) from error
    return state._replace(execution_id=execution_id, seq=0, status=ExecutionStatus.QUEUED, ended_at=None)


def blobs_in(state: ExecutionState) -> Iterator[BlobRef]:
    """Yield the blobs that a state refers to; some of them more than once."""
    return (value for value in values_in(state) if type(value) is BlobRef)


def values_in(state: ExecutionState) -> Iterator[Stored]:
    """Yield every value that a state holds in place or by a reference, of tasks at any depth."""
    yield state.input
    yield from (entry.task.input for _, entry in state.undo.entries())
    yield from (owed.output for owed in state.undo.owed)
    yield from (answer.value for answer in state.answers.values())
    yield from _values(state.scope)


def _values(scope: GraphState) -> Iterator[Stored]:
    for page in scope.pages:
        for task in page:
            yield from _of_task(task)


def _of_task(task: TaskState) -> Iterator[Stored]:
    yield task.input
    yield task.output
    yield getattr(task.output, "prior", None)
    if task.items is not None:
        yield task.items.prior
        for item in task.items.flight.values():
            yield from _of_task(item)
    if task.inside is not None:
        yield from _values(task.inside.graph)


def successor_in(recorded: Recorded | None) -> str | None:
    """Return the id of the execution that goes on, if this event says that one does."""
    return getattr(recorded.event, "successor", None) if recorded is not None else None
