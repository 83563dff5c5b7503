"""Fold what can be undone and what is being undone. Pure and total, as `evolve` is."""

from collections.abc import Callable, Mapping
from typing import Any

from harmonia_core.engine.task_folds import change
from harmonia_core.engine.walks import around, inside_path, levels, node_of
from harmonia_core.model import events as e
from harmonia_core.model.addresses import undone_by
from harmonia_core.model.events import Recorded
from harmonia_core.model.graph import TaskNode
from harmonia_core.model.outcomes import ErrorInfo
from harmonia_core.model.state import ExecutionState, TaskState
from harmonia_core.model.statuses import FINAL_TASK, ExecutionStatus, TaskStatus
from harmonia_core.model.undo import Compensation, Owed, UndoEntry, UndoState, lies_in

_ENDS = frozenset({e.TaskFailed, e.TaskCancelled, e.TaskSkipped})
_LEAVES = _ENDS | {e.RetryScheduled, e.TaskAttention}
_LIVELY = frozenset({ExecutionStatus.RUNNING, ExecutionStatus.CANCELLING, ExecutionStatus.COMPENSATING})


def stands(state: ExecutionState, held: int, undo: UndoState) -> ExecutionStatus:
    """Return the status of an execution of which so many tasks, and these undos, are in attention."""
    status = state.status
    if (undo.held and status in _LIVELY) or (held and status is ExecutionStatus.RUNNING):
        return ExecutionStatus.ATTENTION
    if status is not ExecutionStatus.ATTENTION or held or undo.held:
        return status
    if undo.compensation("") is not None:
        return ExecutionStatus.COMPENSATING
    return ExecutionStatus.CANCELLING if state.cancelling else ExecutionStatus.RUNNING


def followed(before: ExecutionState, state: ExecutionState, recorded: Recorded, path: str) -> ExecutionState:
    """Return the state after what an event of a task means for undoing: owed, no longer undone, begun."""
    event, undo = recorded.event, state.undo
    kind = type(event)
    if kind is e.TaskSucceeded:
        if node_of(state.graph, path).undo is None or event.given:  # type: ignore[attr-defined]
            return _forgotten(state, path)
        owed = Owed(path, event.output)  # type: ignore[attr-defined]
        return state._replace(undo=undo._replace(owed=(*undo.owed, owed)))
    if kind is e.TaskScheduled:
        if not event.first or not counts_inside(node_of(state.graph, path)):  # type: ignore[attr-defined]
            return state
        return state._replace(undo=undo._replace(since={**undo.since, path: undo.length}))
    if kind in _LEAVES and undo.compensation(path) is not None:
        undo = undo._replace(open=tuple(one for one in undo.open if one.path != path))
        state = state._replace(undo=undo)
    return _forgotten(state, path) if kind in _ENDS else state


def counts_inside(node: TaskNode) -> bool:
    """Tell whether it may matter which entries lie inside a task."""
    holds = node.scope is not None or node.item is not None
    return holds and (node.undo is not None or node.on_failure == "compensate")


def _forgotten(state: ExecutionState, path: str) -> ExecutionState:
    since = state.undo.since
    if path not in since:
        return state
    rest = {other: number for other, number in since.items() if other != path}
    return state._replace(undo=state.undo._replace(since=rest))


def undo_moved(state: ExecutionState, recorded: Recorded, path: str) -> ExecutionState:
    """Fold an event of an undo into its entry."""
    undo = state.undo
    number = undo.number(undone_by(path) or "")
    if number is None or undo.entry(number).task.status in FINAL_TASK:
        return state._replace(seq=recorded.seq)
    old = undo.entry(number).task
    new = change(node_of(state.graph, path), old, recorded)
    undo = _placed(undo, number, old, new)
    status = stands(state, state.scope.held, undo)
    return state._replace(seq=recorded.seq, undo=undo, status=status)


def _placed(undo: UndoState, number: int, old: TaskState, new: TaskState) -> UndoState:
    """Return the state in which one undo has moved, its counters moved along."""
    moved = undo.with_task(number, new)
    held = undo.held + (new.status is TaskStatus.ATTENTION) - (old.status is TaskStatus.ATTENTION)
    if new.status not in FINAL_TASK:
        working = undo.working if number in undo.working else (*undo.working, number)
        return moved._replace(working=working, held=held)
    ended = moved._replace(
        working=tuple(other for other in undo.working if other != number),
        held=held,
        standing=undo.standing - 1,
        ended=undo.ended + 1,
    )
    return ended._replace(open=tuple(_trimmed(ended, one) for one in undo.open))


def _trimmed(undo: UndoState, one: Compensation) -> Compensation:
    """Return a compensation whose cursor stands at the youngest entry that is still to be undone."""
    cursor = one.cursor
    while cursor > one.since and not to_undo(undo, cursor, one.path):
        cursor -= 1
    return one._replace(cursor=cursor if cursor > one.since else 0)


def to_undo(undo: UndoState, number: int, path: str) -> bool:
    """Tell whether an entry lies inside a map or a composite and is not undone yet."""
    entry = undo.entry(number)
    return entry.task.status not in FINAL_TASK and lies_in(entry.path, path)


def _owed(state: ExecutionState, event: e.UndoOwed, at: Recorded) -> ExecutionState:
    undo = state.undo
    if is_open(state, event.path):
        return state._replace(undo=undo._replace(owed=(*undo.owed, Owed(event.path, event.output))))
    task = TaskState(TaskStatus.READY)
    return state._replace(undo=_with(undo, UndoEntry(event.path, task, _too_late(event.path))))


def is_open(state: ExecutionState, path: str) -> bool:
    """Tell whether what lies around a task has not ended, so that the input of its undo can be known."""
    if any(task.status in FINAL_TASK for task in around(state, path)):
        return False
    level = levels(state, path)[-1]
    if level.inside is None:
        return level.position >= 0
    return path.startswith(f"{inside_path(level.owner, level.nodes, level.inside)}/")


def _too_late(path: str) -> ErrorInfo:
    message = f"{path} succeeded after what it lies in had ended; what undoes it cannot be known."
    return ErrorInfo("expression", "scope-ended", message, retryable=False)


def _with(undo: UndoState, entry: UndoEntry) -> UndoState:
    """Return the state with one more entry, which is undone first of all that is being undone."""
    undo = undo.with_entry(entry)
    number = undo.length
    moved = (one._replace(cursor=number) if lies_in(entry.path, one.path) else one for one in undo.open)
    return undo._replace(open=tuple(moved))


def _recorded(state: ExecutionState, event: e.UndoRecorded, at: Recorded) -> ExecutionState:
    task = TaskState(TaskStatus.READY, input=event.input, holes=event.holes)
    undo, path = state.undo, event.path
    if path in undo.since:
        undo = _replaced(undo, path, at)
    undo = _with(undo, UndoEntry(path, task, event.error))
    undo = undo._replace(owed=tuple(owed for owed in undo.owed if owed.path != path))
    answers = {key: answer for key, answer in state.answers.items() if key != (path, "undo")}
    return _forgotten(state._replace(undo=undo, answers=answers), path)


def _replaced(undo: UndoState, path: str, at: Recorded) -> UndoState:
    """Return the state in which what lies inside a composite is undone by the undo of the composite."""
    for number in range(undo.since[path] + 1, undo.length + 1):
        if to_undo(undo, number, path):
            old = undo.entry(number).task
            new = old._replace(status=TaskStatus.SKIPPED, reason="replaced", ended_at=at.at, ended_seq=at.seq)
            undo = undo.with_task(number, new)._replace(standing=undo.standing - 1)
    return undo


def _begun(state: ExecutionState, event: e.CompensationBegun, at: Recorded) -> ExecutionState:
    undo = state.undo
    since = undo.since.get(event.path, 0)
    one = _trimmed(undo, Compensation(event.path, event.error, undo.length, since))
    undo = undo._replace(open=(*undo.open, one))
    if event.path:
        return state._replace(undo=undo)
    error = event.error or state.error
    return state._replace(undo=undo, status=ExecutionStatus.COMPENSATING, error=error)


UNDO_FOLDS: Mapping[type, Callable[[ExecutionState, Any, Recorded], ExecutionState]] = {
    e.UndoOwed: _owed,
    e.UndoRecorded: _recorded,
    e.CompensationBegun: _begun,
}
