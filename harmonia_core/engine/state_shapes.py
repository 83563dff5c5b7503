"""A state in plain shapes that can be shown and compared: tasks, variables, scopes, timers, messages. Pure.

Everything that a state says is in one of them, its execution's id and its seq apart. Items of maps that have
ended are a run of marks: `97s 1f 2.` is 97 succeeded, one failed, two open.
"""

from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any, NamedTuple

from harmonia_core.clock import rfc3339
from harmonia_core.engine.awaiting import awaits
from harmonia_core.engine.projections import open_timers
from harmonia_core.engine.walks import inside_path, node_of
from harmonia_core.ids import item_path
from harmonia_core.model.addresses import UNDO
from harmonia_core.model.graph import Scope, TaskNode
from harmonia_core.model.inbox import Message
from harmonia_core.model.refs import public
from harmonia_core.model.state import ExecutionState, GraphState, InsideState, MapState, TaskState

Shape = dict[str, Any]
TIMES = frozenset(("started_at", "ended_at", "begun_at", "next_at", "total_deadline", "deadline"))


class Standing(NamedTuple):
    """Hold a task, an item in flight or an undo with its place."""

    path: str
    node: TaskNode
    task: TaskState


def when(seconds: float | None) -> str | None:
    """Return a moment as people and programs see it."""
    return None if seconds is None else rfc3339(seconds)


def standings(state: ExecutionState) -> Iterator[Standing]:
    """Yield every task and item that the state holds, each before what is inside it; then the undos."""
    yield from _scope(state.graph.root, state.scope, "")
    for number in range(1, state.undo.length + 1):
        entry = state.undo.entry(number)
        path = entry.path + UNDO
        yield Standing(path, node_of(state.graph, path), entry.task)


def _scope(nodes: Scope, scope: GraphState, prefix: str) -> Iterator[Standing]:
    for node in nodes.tasks:
        task, path = scope.task(node.index), prefix + node.id
        yield Standing(path, node, task)
        if task.items is not None or task.inside is not None:
            yield from within(node, task, path)


def within(node: TaskNode, task: TaskState, path: str) -> Iterator[Standing]:
    """Yield what a task holds."""
    if task.items is not None and node.item is not None:
        for index in sorted(task.items.flight):
            item, place = task.items.flight[index], item_path(path, index)
            yield Standing(place, node.item, item)
            yield from within(node.item, item, place)
    if task.inside is not None and node.scope is not None:
        yield from _scope(node.scope, task.inside.graph, f"{inside_path(path, node.scope, task.inside)}/")


def task_shape(task: TaskState) -> Shape:
    """Return what a task is, but for what is inside it."""
    shape: Shape = {
        "status": task.status.value,
        "reason": task.reason,
        "attempt": task.attempt,
        "input": public(task.input),
        "output": public(task.output),
        "error": task.error.as_json() if task.error else None,
        "started_at": when(task.started_at),
        "ended_at": when(task.ended_at),
        "next_at": when(task.due),
    }
    if task.begun_at != task.started_at:
        shape["begun_at"] = when(task.begun_at)
    if task.losses:
        shape["losses"] = task.losses
    if task.holes:
        shape["holes"] = [hole.as_json() for hole in task.holes]
    if task.total_deadline is not None:
        shape["total_deadline"] = when(task.total_deadline)
    if task.child is not None:
        shape["child"] = task.child
    if task.items is not None:
        shape["items"] = items_shape(task.items)
    return shape


def items_shape(items: MapState) -> Shape:
    """Return how far a map is, and how its items stand, as runs of equal ones."""
    marks = b"".join(items.marks)
    runs = [f"{len(list(run))}{chr(mark)}" for mark, run in groupby(marks)]
    shape: Shape = {"count": items.width, "begun": items.cursor, "succeeded": items.succeeded}
    shape |= {"failed": items.failed, "marks": " ".join(runs)}
    if items.stopped:
        shape["stopped"] = True
    return shape


def variables(state: ExecutionState) -> Shape:
    """Return the values of all variables by the path of what declares them, empty for the workflow."""
    found = {"": dict(state.vars)} if state.vars else {}
    for path, inside in _insides(state):
        if inside.vars:
            found[path] = dict(inside.vars)
    return found


def scopes(state: ExecutionState) -> Shape:
    """Return where the composites stand that have begun, by path."""
    return {path: _inside(node, inside) for path, node, inside in _composites(state)}


def _insides(state: ExecutionState) -> Iterator[tuple[str, InsideState]]:
    return ((path, inside) for path, _, inside in _composites(state))


def _composites(state: ExecutionState) -> Iterator[tuple[str, Scope, InsideState]]:
    for path, node, task in standings(state):
        if task.inside is not None and node.scope is not None:
            yield path, node.scope, task.inside


def _inside(nodes: Scope, inside: InsideState) -> Shape:
    sequence = nodes.order is not None
    shape: Shape = {"kind": "sequence" if sequence else "graph", "iteration": inside.iteration}
    if sequence:
        shape["step"] = nodes.tasks[inside.cursor].id if inside.cursor >= 0 else None
        shape["jumps"] = inside.jumps
    if inside.error is not None:
        shape["handling"] = inside.error.as_json()
    if inside.raising:
        shape["raising"] = True
    if inside.stopped is not None:
        shape["stopped"] = inside.stopped
    return shape


def timers(state: ExecutionState) -> list[Shape]:
    """Return what the execution waits for by the clock, soonest first; an empty path is its own deadline."""
    rows = sorted(open_timers(state), key=lambda row: (row.due, row.path, row.kind))
    return [{"path": row.path, "kind": row.kind, "due": when(row.due)} for row in rows]


def messages(state: ExecutionState) -> Shape:
    """Return the messages that nobody has taken, by id, and what is waited for, by path."""
    inbox = state.inbox
    paths = [*inbox.waiting, *(path for path in inbox.approvals if path not in inbox.waiting)]
    waiting = {path: awaits(inbox, path) for path in paths}
    return {"kept": {one.id: _message(one) for one in inbox.kept}, "waiting": waiting}


def _message(message: Message) -> Shape:
    times = {"at": when(message.at), "expires": when(message.expires)}
    return {"name": message.name, "correlation": message.correlation, "data": message.data, **times}


def execution_shape(state: ExecutionState) -> Shape:
    """Return what the execution itself is."""
    return {
        "workflow": {"name": state.graph.name, "version": state.graph.version,
                     "hash": state.graph.definition_hash},
        "status": state.status.value,
        "reason": state.reason,
        "input": public(state.input),
        "output": public(state.output),
        "error": state.error.as_json() if state.error else None,
        "failed_tasks": list(state.failed),
        "labels": dict(state.labels),
        "cancelling": state.cancelling,
        "timed_out": state.timed_out,
        "started_at": when(state.started_at),
        "ended_at": when(state.ended_at),
        "deadline": when(state.deadline),
    }  # fmt: skip


def canonical_shape(state: ExecutionState) -> Shape:
    """Return everything that a state says, as JSON in which tasks stand under their paths."""
    return {
        "execution": execution_shape(state),
        "tasks": {one.path: task_shape(one.task) for one in standings(state)},
        "variables": variables(state),
        "scopes": scopes(state),
        "timers": timers(state),
        "messages": messages(state),
    }


def without_times(shape: Mapping[str, Any]) -> Shape:
    """Return a shape of a task or an execution without its moments, which two executions never share."""
    return {name: value for name, value in shape.items() if name not in TIMES}
