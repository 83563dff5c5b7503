"""Executions and events as people and programs see them. Pure."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic_core import from_json

from harmonia_core.clock import rfc3339
from harmonia_core.contracts.rows import ExecutionRow
from harmonia_core.engine.awaiting import awaits
from harmonia_core.engine.control_views import control_view, with_held
from harmonia_core.engine.undo_views import counts, listed, undo_path, with_undos
from harmonia_core.engine.walks import inside_path, node_of
from harmonia_core.ids import item_path
from harmonia_core.model.codec import encode
from harmonia_core.model.events import Recorded
from harmonia_core.model.family import Family
from harmonia_core.model.graph import Scope, TaskNode
from harmonia_core.model.refs import public
from harmonia_core.model.state import ExecutionState, GraphState, TaskState
from harmonia_core.model.statuses import FINAL_EXECUTION, FINAL_TASK, ExecutionStatus, TaskStatus
from harmonia_core.model.undo import UndoEntry

_GOING_ON = frozenset({ExecutionStatus.CONTINUED})


def _time(seconds: float | None) -> str | None:
    return None if seconds is None else rfc3339(seconds)


def event_view(recorded: Recorded) -> dict[str, Any]:
    """Return an event in its public JSON shape, envelope and data."""
    data = from_json(encode(recorded.event))
    return {
        "execution_id": recorded.execution_id,
        "seq": recorded.seq,
        "at": rfc3339(recorded.at),
        "actor": recorded.actor,
        "causation": recorded.causation,
        "type": type(recorded.event).__name__,
        "v": recorded.event.V,
        "data": {name.removesuffix("@"): value for name, value in data.items()},
    }


def head_view(row: ExecutionRow, alive: bool | None = None) -> dict[str, Any]:
    """Return a head row as one line of a listing."""
    owner = None if row.owner is None else {"engine": row.owner, "epoch": row.epoch, "alive": alive}
    return {
        "id": row.execution_id,
        "workflow": {"name": row.workflow, "version": row.version, "hash": row.definition_hash},
        "namespace": row.namespace,
        "status": row.status,
        "reason": row.reason,
        "labels": from_json(row.labels),
        "created_at": rfc3339(row.created_at),
        "started_at": _time(row.started_at),
        "ended_at": _time(row.ended_at),
        "seq": row.seq,
        "owner": owner,
        "root_id": row.root_id,
        "parent_id": row.parent_id,
        "origin": from_json(row.origin) if row.origin else None,
        "error": from_json(row.error) if row.error else None,
    }


def execution_view(row: ExecutionRow, state: ExecutionState, alive: bool | None) -> dict[str, Any]:
    """Return an execution whole, tasks in definition order, what is inside a task behind it."""
    rest = TaskStatus.CANCELLED if state.status in FINAL_EXECUTION - _GOING_ON else None
    tasks = list(_tasks(state.graph.root, state.scope, "", rest))
    for task in tasks:
        awaited = awaits(state.inbox, task["path"])
        if awaited is not None:
            task["awaits"] = awaited
    statuses = Counter(task["status"] for task in tasks if task["path"] == task["id"])
    undos = {entry.path: _undo(state, number, entry, rest) for number, entry in listed(state)}
    tasks = list(with_undos(tasks, undos)) if undos else tasks
    with_held(state, tasks)
    view = head_view(row, alive)
    view |= {
        "status": state.status.value,
        "reason": state.reason,
        "input": public(state.input),
        "output": public(state.output),
        "error": state.error.as_json() if state.error and state.status in FINAL_EXECUTION else None,
        "failed_tasks": list(state.failed),
        "ended_at": _time(state.ended_at),
        "seq": state.seq,
        **_family(state.family),
        **control_view(state),
        "counts": dict(statuses),
        "tasks": tasks,
    }
    recorded = counts(state)
    if recorded is not None:
        view["undo"] = recorded
    return view


def _family(family: Family) -> dict[str, Any]:
    """Return what is said of the task that an execution carries out, if it does."""
    if family.parent_id is None:
        return {}
    return {"parent_path": family.path, "waited_for": family.reports == "end"}


def _undo(state: ExecutionState, number: int, entry: UndoEntry, rest: TaskStatus | None) -> dict[str, Any]:
    path = undo_path(entry)
    view = _task(node_of(state.graph, path), path, entry.task, rest)
    return {**view, "undoes": entry.path, "number": number}


def _tasks(nodes: Scope, scope: GraphState, prefix: str, rest: TaskStatus | None) -> Iterator[dict[str, Any]]:
    """Yield the tasks of a scope, each before what it holds. rest: what those count as that never ended."""
    for node in nodes.tasks:
        yield from _with_inner(node, prefix + node.id, scope.task(node.index), rest)


def _with_inner(
    node: TaskNode, path: str, task: TaskState, rest: TaskStatus | None
) -> Iterator[dict[str, Any]]:
    yield _task(node, path, task, rest)
    if task.items is not None and node.item is not None:
        for index in sorted(task.items.flight):
            yield from _with_inner(node.item, item_path(path, index), task.items.flight[index], rest)
    if task.inside is not None and node.scope is not None:
        if task.status in FINAL_TASK:
            rest = TaskStatus.CANCELLED if node.scope.order is None else TaskStatus.SKIPPED
        prefix = f"{inside_path(path, node.scope, task.inside)}/"
        yield from _tasks(node.scope, task.inside.graph, prefix, rest)


def _task(node: TaskNode, path: str, task: TaskState, rest: TaskStatus | None) -> dict[str, Any]:
    view = {
        "path": path,
        "id": node.id,
        "type": node.type,
        "status": status_of(task, rest).value,
        "reason": task.reason,
        "attempt": task.attempt,
        "max_attempts": 1 + (node.retry.max_retries if node.retry else 0),
        "started_at": _time(task.started_at),
        "ended_at": _time(task.ended_at),
        "next_at": _time(task.due),
        "input": public(task.input),
        "output": public(task.output),
        "error": task.error.as_json() if task.error else None,
    }
    if task.holes:
        view["holes"] = [hole.as_json() for hole in task.holes]
    if task.items is not None:
        view["items"] = _items(task)
    if task.child is not None:
        view["child"] = task.child
    return view


def status_of(task: TaskState, rest: TaskStatus | None) -> TaskStatus:
    """Return a task's status. rest: what it counts as if it never ended in something that has ended.

    That is `cancelled` in a workflow or a graph, and `skipped` in a sequence that never came to it.
    """
    return task.status if rest is None or task.status in FINAL_TASK else rest


def _items(task: TaskState) -> Mapping[str, int]:
    items = task.items
    assert items is not None
    ended = items.cursor - len(items.flight)
    return {
        "count": items.width,
        "begun": items.cursor,
        "in_flight": len(items.flight),
        "succeeded": items.succeeded,
        "failed": items.failed,
        "cancelled": ended - items.succeeded - items.failed,
    }
