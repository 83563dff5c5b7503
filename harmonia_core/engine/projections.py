"""What a batch changes beside the log: task rows, timers. Pure; rebuildable from the log."""

from collections.abc import Iterable

from pydantic_core import to_json

from harmonia_core.contracts.rows import TaskRow, TimerRow
from harmonia_core.engine.child_folds import CANCELLING
from harmonia_core.engine.control_folds import is_held
from harmonia_core.engine.inbox_folds import INBOX_FOLDS
from harmonia_core.engine.task_folds import TASK_FOLDS
from harmonia_core.engine.walks import begun, node_of
from harmonia_core.model import events as e
from harmonia_core.model.addresses import UNDO, split_item, undone_by
from harmonia_core.model.events import Recorded
from harmonia_core.model.state import ExecutionState, TaskState
from harmonia_core.model.statuses import FINAL_EXECUTION, FINAL_TASK, ExecutionStatus

ClosedTimer = tuple[str, str, str]

_ROWLESS = frozenset({e.Asked, e.LateResultRefused, e.StepEntered, e.VariablesSet, e.ScopeStopped,
                       e.UndoOwed, e.UndoRecorded, e.CompensationBegun, e.TaskResolved,
                       e.ChildControlRequested,
                       *INBOX_FOLDS})  # fmt: skip
_SET = frozenset({e.TimerSet, e.TimerFired, e.RetryScheduled, e.TaskDeferred, e.ChildCancelRequested,
                  e.ApprovalRequested, e.ApprovalEscalated})  # fmt: skip
_ENDS = frozenset({e.TaskSucceeded, e.TaskFailed, e.TaskCancelled, e.TaskSkipped, e.TaskAttention})
_OF_EXECUTION = frozenset({e.ExecutionStarted, e.ExecutionCompleted, e.ExecutionFailed, e.ExecutionCancelled,
                           e.ExecutionCompensated, e.ExecutionTerminated})  # fmt: skip
_OF_ALL = frozenset({e.ExecutionRolledOver, e.ExecutionContinued})
_TIMELESS = frozenset({ExecutionStatus.QUEUED, ExecutionStatus.CONTINUED})


def task_rows(before: ExecutionState, state: ExecutionState, recorded: Iterable[Recorded]) -> list[TaskRow]:
    """Return the rows of the tasks and items that a batch touched, as they stand after it."""
    touched: dict[str, list[Recorded]] = {}
    if before.status is ExecutionStatus.QUEUED:
        touched |= {path: [] for path in inherited(before)}
    for record in recorded:
        path = touched_path(record)
        if path:
            touched.setdefault(path, []).append(record)
    if before.control.pause is not state.control.pause and _held_changes(before, state):
        for path, _ in begun(state.graph, state):  # what was held is due later now
            touched.setdefault(path, [])
    return [
        row_of(state, path, state.task(path) or ended_item(before.task(path), records))
        for path, records in touched.items()
    ]


def _held_changes(before: ExecutionState, after: ExecutionState) -> bool:
    """Tell whether another pause may have changed what is held, or when it is due."""
    return before.control.holds or after.control.holds


def inherited(state: ExecutionState) -> list[str]:
    """Return which tasks have a row before the first event; none unless it goes on from another's state."""
    nodes = state.graph.root.tasks
    tasks = ((node.id, state.scope.task(node.index)) for node in nodes)
    return [path for path, task in tasks if task.attempt or task.status in FINAL_TASK]


def touched_path(record: Recorded) -> str:
    """Return the path of the task or item whose row an event changes; empty if it changes none."""
    event = record.event
    return "" if type(event) in _ROWLESS else getattr(event, "path", "")


def row_of(state: ExecutionState, path: str, task: TaskState) -> TaskRow:
    """Return the row of a task or an item that stands so."""
    scope, place = "", state.graph.root.index.get(path)
    if place is not None:
        kind = state.graph.root.tasks[place].type
    else:
        node = node_of(state.graph, path)
        kind, (scope, place) = node.type, split_item(path)
        undone = undone_by(path)
        if undone is not None:
            scope, place = UNDO, state.undo.number(undone) or 0
        elif place is None:
            scope, place = path.rpartition("/")[0], node.index
    return TaskRow(
        state.execution_id,
        scope,
        place,
        path,
        kind,
        str(task.status),
        task.reason,
        task.attempt,
        task.started_at,
        task.ended_at,
        task.ended_seq,
        task.due,
    )


def final_error(state: ExecutionState) -> str | None:
    """Return the error of an execution that has ended, as JSON; None before its end or without one."""
    if state.error is None or state.status not in FINAL_EXECUTION:
        return None
    return to_json(state.error.as_json()).decode()


def ended_item(stood: TaskState | None, recorded: Iterable[Recorded]) -> TaskState:
    """Return an item, or a task of a round that is over, as its events leave it; the state has forgotten it.

    stood: as it was before the batch; None if it began in it.
    """
    task = stood or TaskState()
    for record in recorded:
        task = TASK_FOLDS[type(record.event)](task, record.event, record)
    return task


def timer_rows(
    before: ExecutionState, after: ExecutionState, recorded: Iterable[Recorded]
) -> tuple[list[TimerRow], list[ClosedTimer]]:
    """Return the timers that a batch sets, as they stand after it, and those it closes."""
    opened: list[TimerRow] = []
    closed: list[ClosedTimer] = []
    execution = before.execution_id
    paths = _touched(before, recorded)
    if before.control.pause is not after.control.pause and _held_changes(before, after):
        paths |= dict.fromkeys(path for state in (before, after) for path, _ in begun(state.graph, state))
    for path in paths:
        old, new = _timers(before, path), _timers(after, path)
        opened += [TimerRow(execution, path, kind, due) for kind, due in new.items() if old.get(kind) != due]
        closed += [(execution, path, kind) for kind in old if kind not in new]
    return opened, closed


def _touched(before: ExecutionState, recorded: Iterable[Recorded]) -> dict[str, None]:
    """Return the paths whose timers may have changed, each once; empty for the execution itself."""
    paths: dict[str, None] = {}
    for record in recorded:
        event = record.event
        kind = type(event)
        if kind is e.TaskScheduled:
            if event.total_deadline is not None:  # type: ignore[attr-defined]
                paths[event.path] = None  # type: ignore[attr-defined]
        elif kind in _SET or (kind in _ENDS and _timers(before, event.path)):  # type: ignore[attr-defined]
            paths[event.path] = None  # type: ignore[attr-defined]
        elif kind in _OF_EXECUTION:
            paths[""] = None
        elif kind in _OF_ALL:
            paths |= dict.fromkeys(("", *(path for path, _ in begun(before.graph, before))))
    return paths


def _timers(state: ExecutionState, path: str) -> dict[str, float]:
    """Return what a task, an item or (empty path) the execution itself waits for: due time by kind."""
    if state.status in _TIMELESS:
        return {}
    if not path:
        ended = state.timed_out or state.status in FINAL_EXECUTION
        return {} if ended or state.deadline is None else {"deadline": state.deadline}
    task = state.task(path)
    if task is None or task.status in FINAL_TASK:
        return {}
    held = state.control.pause is not None and state.control.holds
    found = {} if task.due is None or (held and is_held(task)) else {due_kind(task): task.due}
    if task.total_deadline is not None and not held and task.reason not in ("total-timeout", CANCELLING):
        found["total"] = task.total_deadline
    return found


def open_timers(state: ExecutionState) -> list[TimerRow]:
    """Return every timer that a state waits for; what an adopter puts in its heap."""
    paths = ["", *(path for path, _ in begun(state.graph, state))]
    return [
        TimerRow(state.execution_id, path, kind, due)
        for path in paths
        for kind, due in _timers(state, path).items()
    ]


def due_kind(task: TaskState) -> str:
    """Return the kind of the timer that a task's `due` stands for."""
    return {"retry": "retry", "timer": "wait", "approval": "approval"}.get(task.reason or "", "attempt")
