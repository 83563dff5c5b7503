"""What a batch changes beside the log: task rows, timers. Pure; rebuildable from the log."""

from collections.abc import Iterable

from harmonia_core.contracts.rows import TaskRow, TimerRow
from harmonia_core.engine.outcomes import node_of
from harmonia_core.engine.task_folds import TASK_FOLDS
from harmonia_core.model import events as e
from harmonia_core.model.events import Recorded
from harmonia_core.model.graph import Graph
from harmonia_core.model.state import ExecutionState, TaskState, split

ClosedTimer = tuple[str, str, str]

_ENDS = (e.TaskSucceeded, e.TaskFailed, e.TaskCancelled)


def task_rows(state: ExecutionState, recorded: Iterable[Recorded]) -> list[TaskRow]:
    """Return the rows of the tasks and items that a batch touched, as they stand after it."""
    touched: dict[str, Recorded] = {}
    for record in recorded:
        path = getattr(record.event, "path", "")
        if path and type(record.event) not in (e.Asked, e.LateResultRefused):
            touched[path] = record
    return [_row(state, path, record) for path, record in touched.items()]


def _row(state: ExecutionState, path: str, last: Recorded) -> TaskRow:
    task_id, index = split(path)
    position = state.graph.root.index[task_id]
    task = state.task(path) or ended_item(last)
    node = node_of(state.graph, path)
    return TaskRow(
        state.execution_id,
        task_id if index is not None else "",
        position if index is None else index,
        path,
        node.type,
        task.status.value,
        task.reason,
        task.attempt,
        task.started_at,
        task.ended_at,
        task.ended_seq,
        task.due,
    )


def ended_item(last: Recorded) -> TaskState:
    """Return what an item's ending event says of it; the state has forgotten it already."""
    return TASK_FOLDS[type(last.event)](TaskState(), last.event, last)


def timer_rows(
    before: ExecutionState, recorded: Iterable[Recorded]
) -> tuple[list[TimerRow], list[ClosedTimer]]:
    """Return the timers that a batch sets and those it closes."""
    opened: dict[tuple[str, str], TimerRow] = {}
    closed: list[ClosedTimer] = []
    execution = before.execution_id
    for record in recorded:
        event = record.event
        for kind, path, due in _sets(event):
            opened[path, kind] = TimerRow(execution, path, kind, due)
        for path, kind in _closes(event, before):
            if opened.pop((path, kind), None) is None:
                closed.append((execution, path, kind))
    return list(opened.values()), closed


def _sets(event: e.Event) -> list[tuple[str, str, float]]:
    kind = type(event)
    if kind is e.TaskScheduled:
        total = event.total_deadline  # type: ignore[attr-defined]
        return [] if total is None else [("total", event.path, total)]  # type: ignore[attr-defined]
    if isinstance(event, e.RetryScheduled):
        return [("retry", event.path, event.due)]
    if isinstance(event, e.TimerSet):
        return [("wait", event.path, event.due)]
    if isinstance(event, e.TaskDeferred) and event.due is not None:
        return [("attempt", event.path, event.due)]
    if isinstance(event, e.ExecutionStarted) and event.deadline is not None:
        return [("deadline", "", event.deadline)]
    return []


def _closes(event: e.Event, before: ExecutionState) -> list[tuple[str, str]]:
    kind = type(event)
    if kind is e.TaskScheduled:
        return []
    if isinstance(event, e.TimerFired):
        return [(event.path, event.kind)]
    if isinstance(event, _ENDS):
        return _of_task(event.path, before)
    if isinstance(event, e.ExecutionCompleted | e.ExecutionFailed | e.ExecutionCancelled):
        return [("", "deadline")] if before.deadline is not None else []
    return []


def _of_task(path: str, before: ExecutionState) -> list[tuple[str, str]]:
    task = before.task(path)
    if task is None or (task.due is None and task.total_deadline is None):
        return []
    return [(path, kind) for kind in ("retry", "wait", "attempt", "total")]


def open_timers(state: ExecutionState) -> list[TimerRow]:
    """Return every timer that a state waits for; what an adopter puts in its heap."""
    found: list[TimerRow] = []
    if state.deadline is not None and not state.timed_out:
        found.append(TimerRow(state.execution_id, "", "deadline", state.deadline))
    for path, task in begun(state.graph, state):
        if task.due is not None:
            found.append(TimerRow(state.execution_id, path, due_kind(task), task.due))
        if task.total_deadline is not None and task.reason != "total-timeout":
            found.append(TimerRow(state.execution_id, path, "total", task.total_deadline))
    return found


def due_kind(task: TaskState) -> str:
    """Return the kind of the timer that a task's `due` stands for."""
    return {"retry": "retry", "timer": "wait"}.get(task.reason or "", "attempt")


def begun(graph: Graph, state: ExecutionState) -> list[tuple[str, TaskState]]:
    """Return the tasks and items that have begun and are not final, by path."""
    found: list[tuple[str, TaskState]] = []
    mask = state.scope.active
    while mask:
        low = mask & -mask
        mask ^= low
        position = low.bit_length() - 1
        node, task = graph.root.tasks[position], state.scope.task(position)
        found.append((node.id, task))
        if task.items is not None:
            found.extend((f"{node.id}[{index}]", item) for index, item in task.items.flight.items())
    return found
