"""Fold how people steer an execution: paused, resumed, of another priority. Pure and total."""

from collections.abc import Callable, Mapping
from typing import Any

from harmonia_core.engine.undo_folds import stands
from harmonia_core.engine.walks import positions
from harmonia_core.model import events as e
from harmonia_core.model.control import FREE, Control, Pause
from harmonia_core.model.events import Recorded
from harmonia_core.model.inbox import EMPTY, Inbox
from harmonia_core.model.slots import LIMIT
from harmonia_core.model.state import PAGE_BITS, PAGE_MASK, ExecutionState, GraphState, TaskState
from harmonia_core.model.statuses import ExecutionStatus
from harmonia_core.model.undo import UndoState

BY_PARENT = "paused by its parent"


def started_with(event: e.ExecutionStarted | e.ExecutionForked) -> Control:
    """Return how an execution is steered that has just been started."""
    return Control(priority=event.priority) if event.priority else FREE


def _paused(state: ExecutionState, event: e.ExecutionPaused, at: Recorded) -> ExecutionState:
    pause, before = Pause(event.timers, event.reason, event.by, at.at), state.control.pause
    if before is not None:  # now somebody wants what its parent has asked for
        pause = pause._replace(timers=before.timers, since=before.since)
    reason = event.reason or (BY_PARENT if event.by == "parent" else None)
    control = state.control._replace(pause=pause)
    return state._replace(status=ExecutionStatus.PAUSED, reason=reason, control=control)


def _resumed(state: ExecutionState, event: e.ExecutionResumed, at: Recorded) -> ExecutionState:
    return lifted(state, at.at)


def lifted(state: ExecutionState, now: float) -> ExecutionState:
    """Return the state without its pause, if it is paused; held timers have left what they had then."""
    pause = state.control.pause
    if pause is None:
        return state
    if pause.timers == "hold":
        state = _later(state, now - pause.since)
    state, turn = state._replace(control=state.control._replace(pause=None)), state.slots.claims.get("")
    if turn is not None and not turn.granted:
        return state._replace(status=ExecutionStatus.QUEUED, reason=LIMIT)
    running = state._replace(status=ExecutionStatus.RUNNING, reason=None)
    return running._replace(status=stands(running, running.scope.held, running.undo))


def _later(state: ExecutionState, seconds: float) -> ExecutionState:
    """Return the state in which all that was held is due later."""
    return state._replace(
        scope=_scope(state.scope, seconds),
        undo=_undo(state.undo, seconds),
        inbox=state.inbox if state.inbox is EMPTY else _inbox(state.inbox, seconds),
    )


def _scope(scope: GraphState, seconds: float) -> GraphState:
    pages: dict[int, list[TaskState]] = {}
    for position in positions(scope.active):
        number = position >> PAGE_BITS
        page = pages.get(number) or list(scope.pages[number])
        pages[number], slot = page, position & PAGE_MASK
        page[slot] = _task(page[slot], seconds)
    fresh = (tuple(pages.get(number, page)) for number, page in enumerate(scope.pages))
    return scope._replace(pages=tuple(fresh))


def _task(task: TaskState, seconds: float) -> TaskState:
    if task.due is not None and is_held(task):
        task = task._replace(due=task.due + seconds)
    if task.total_deadline is not None:
        task = task._replace(total_deadline=task.total_deadline + seconds)
    if task.items is not None and task.items.flight:
        flight = {index: _task(item, seconds) for index, item in task.items.flight.items()}
        task = task._replace(items=task.items._replace(flight=flight))
    if task.inside is not None:
        task = task._replace(inside=task.inside._replace(graph=_scope(task.inside.graph, seconds)))
    return task


def is_held(task: TaskState) -> bool:
    """Tell whether what a task is due for stands still while timers are held: attempts at work go on."""
    return task.reason != "deferred"


def _undo(undo: UndoState, seconds: float) -> UndoState:
    for number in undo.working:
        undo = undo.with_task(number, _task(undo.entry(number).task, seconds))
    return undo


def _inbox(inbox: Inbox, seconds: float) -> Inbox:
    approvals = {
        path: one if one.deadline is None else one._replace(deadline=one.deadline + seconds)
        for path, one in inbox.approvals.items()
    }
    return inbox._replace(approvals=approvals)


def _prioritised(state: ExecutionState, event: e.ExecutionPrioritised, at: Recorded) -> ExecutionState:
    return state._replace(control=state.control._replace(priority=event.priority))


CONTROL_FOLDS: Mapping[type, Callable[[ExecutionState, Any, Recorded], ExecutionState]] = {
    e.ExecutionPaused: _paused,
    e.ExecutionResumed: _resumed,
    e.ExecutionPrioritised: _prioritised,
}
