"""What each event does to the one task or item that it names. Pure.

Every function takes the task as it stands and gives the task as it stands then;
where the task lies and who depends on it is `evolve`'s and `frontier`'s business.
"""

from collections.abc import Callable
from typing import Any

from harmonia_core.engine import child_folds
from harmonia_core.engine.frontier import put
from harmonia_core.engine.slot_folds import SLOT_TASK_FOLDS
from harmonia_core.model import events as e
from harmonia_core.model.events import Recorded
from harmonia_core.model.graph import Scope, TaskNode
from harmonia_core.model.state import (
    MARK_OPEN,
    PAGE,
    GraphState,
    InsideState,
    MapState,
    TaskState,
    fresh_inside,
    fresh_scope,
)
from harmonia_core.model.statuses import FINAL_TASK
from harmonia_core.model.statuses import TaskStatus as T

REUSED = "reused"
"""Why a task has succeeded that has done nothing."""

Fold = Callable[[TaskState, Any, Recorded], TaskState]


def _scheduled(task: TaskState, event: e.TaskScheduled, at: Recorded) -> TaskState:
    if not event.first:
        return task._replace(
            status=T.RUNNING,
            attempt=event.attempt,
            reason=None,
            losses=task.losses if event.attempt == task.attempt else 0,
            due=None,
            error=None,
            begun_at=at.at,
        )
    return TaskState(
        T.RUNNING,
        event.attempt,
        tally=task.tally,
        input=event.input,
        holes=event.holes,
        started_at=at.at,
        total_deadline=event.total_deadline,
        items=None if event.width is None else _items(event.width),
        begun_at=at.at,
        memo=event.memo,
    )


def _within(task: TaskState, scope: Scope) -> TaskState:
    """Return a composite that has just been scheduled; with another attempt its tasks begin anew."""
    iteration = 0 if task.inside is None else task.inside.iteration + 1
    return task._replace(inside=fresh_inside(scope, iteration))


def _items(width: int) -> MapState:
    full, rest = divmod(width, PAGE)
    marks = (bytes([MARK_OPEN]) * PAGE,) * full
    return MapState(width, marks=marks + ((bytes([MARK_OPEN]) * rest,) if rest else ()))


def _deferred(task: TaskState, event: e.TaskDeferred, at: Recorded) -> TaskState:
    return task._replace(status=T.BLOCKED, reason="deferred", due=event.due)


def _timer_set(task: TaskState, event: e.TimerSet, at: Recorded) -> TaskState:
    return task._replace(status=T.BLOCKED, reason="timer", due=event.due)


def _message_awaited(task: TaskState, event: e.MessageAwaited, at: Recorded) -> TaskState:
    return task._replace(status=T.BLOCKED, reason="event", due=None)


def _approval_requested(task: TaskState, event: e.ApprovalRequested, at: Recorded) -> TaskState:
    return task._replace(status=T.BLOCKED, reason="approval", due=event.due)


def _approval_escalated(task: TaskState, event: e.ApprovalEscalated, at: Recorded) -> TaskState:
    return task._replace(due=event.due)


def _timer_fired(task: TaskState, event: e.TimerFired, at: Recorded) -> TaskState:
    if event.kind == "total":
        # What runs is interrupted by the shell first; its outcome then ends the task.
        status = T.RUNNING if task.status is T.RUNNING else T.READY
        return task._replace(status=status, reason="total-timeout", due=None)
    return task._replace(status=T.READY, reason="retry" if event.kind == "retry" else "fired", due=None)


def _retry(task: TaskState, event: e.RetryScheduled, at: Recorded) -> TaskState:
    return task._replace(status=T.BACKOFF, reason="retry", error=event.error, due=event.due)


def _lost(task: TaskState, event: e.AttemptLost, at: Recorded) -> TaskState:
    # Out of time it stays, though the outcome that was to say so is lost.
    reason = "total-timeout" if task.reason == "total-timeout" else "lost"
    losses = task.losses + 1 if event.counted else 0
    return task._replace(status=T.READY, reason=reason, losses=losses, due=None)


def _succeeded(task: TaskState, event: e.TaskSucceeded, at: Recorded) -> TaskState:
    return TaskState(
        T.SUCCEEDED,
        event.attempt,
        None if event.reused is None else REUSED,
        tally=task.tally,
        input=task.input,
        holes=task.holes,
        output=event.output,
        started_at=task.started_at,
        ended_at=at.at,
        ended_seq=at.seq,
        items=task.items,
        inside=task.inside,
        child=task.child,
    )


def _failed(task: TaskState, event: e.TaskFailed, at: Recorded) -> TaskState:
    return _ended(task, T.FAILED, at)._replace(error=event.error, attempt=event.attempt)


def _skipped(task: TaskState, event: e.TaskSkipped, at: Recorded) -> TaskState:
    return _ended(task, T.SKIPPED, at)._replace(reason=event.reason)


def _unreachable(task: TaskState, event: e.TaskUnreachable, at: Recorded) -> TaskState:
    return _ended(task, T.UNREACHABLE, at)._replace(reason=event.blocked_by)


def _cancelled(task: TaskState, event: e.TaskCancelled, at: Recorded) -> TaskState:
    return _ended(task, T.CANCELLED, at)


def _ended(task: TaskState, status: T, at: Recorded) -> TaskState:
    return task._replace(status=status, reason=None, due=None, ended_at=at.at, ended_seq=at.seq)


def _attention(task: TaskState, event: e.TaskAttention, at: Recorded) -> TaskState:
    task = task._replace(status=T.ATTENTION, reason=event.reason, due=None)
    if event.error is None:
        return task
    # Whoever decides that it is tried again gives it time for that, too.
    return task._replace(error=event.error, total_deadline=None)


def _step_entered(inside: InsideState, scope: Scope, event: e.StepEntered) -> InsideState:
    graph, jumps = inside.graph, inside.jumps
    if event.iteration > inside.iteration:
        graph, jumps = _rewound(graph, scope, event.step), jumps + 1
    values = {} if event.variable is None or event.error is None else {event.variable: event.error.as_json()}
    return inside._replace(
        graph=put(graph, scope, event.step, TaskState(T.READY)),
        vars={**inside.vars, **values} if values else inside.vars,
        iteration=event.iteration,
        cursor=event.step,
        came=inside.cursor,
        jumps=jumps,
        error=event.error or inside.error,
        raising=event.raising,
    )


def _rewound(graph: GraphState, scope: Scope, first: int) -> GraphState:
    """Return a sequence's scope in which the steps from one on have not been carried out."""
    kept = [graph.task(position) for position in range(first)]
    tasks = [*kept, *(TaskState() for _ in scope.tasks[first:])]
    pages = tuple(tuple(tasks[n : n + PAGE]) for n in range(0, len(tasks), PAGE))
    return fresh_scope(scope)._replace(pages=pages, open=sum(task.status not in FINAL_TASK for task in tasks))


def _variables_set(inside: InsideState, scope: Scope, event: e.VariablesSet) -> InsideState:
    return inside._replace(vars={**inside.vars, **event.values})


def _stopped(inside: InsideState, scope: Scope, event: e.ScopeStopped) -> InsideState:
    return inside._replace(stopped=event.reason)


def change(node: TaskNode, task: TaskState, recorded: Recorded) -> TaskState:
    """Return a task or an item as an event that names it leaves it."""
    event = recorded.event
    kind = type(event)
    fold = TASK_FOLDS.get(kind)
    if fold is None:
        if task.items is not None and kind is e.ScopeStopped:
            return task._replace(items=task.items._replace(stopped=True))
        if task.inside is None or node.scope is None:
            return task
        return task._replace(inside=_INSIDE_FOLDS[kind](task.inside, node.scope, event))
    new = fold(task, event, recorded)
    if node.scope is not None and kind is e.TaskScheduled:
        return _within(new, node.scope)
    return new


_INSIDE_FOLDS: dict[type, Callable[[InsideState, Scope, Any], InsideState]] = {
    e.StepEntered: _step_entered,
    e.VariablesSet: _variables_set,
    e.ScopeStopped: _stopped,
}
TASK_FOLDS: dict[type, Fold] = {
    e.TaskScheduled: _scheduled,
    e.TaskDeferred: _deferred,
    e.TimerSet: _timer_set,
    e.TimerFired: _timer_fired,
    e.MessageAwaited: _message_awaited,
    e.ApprovalRequested: _approval_requested,
    e.ApprovalEscalated: _approval_escalated,
    e.RetryScheduled: _retry,
    e.AttemptLost: _lost,
    e.TaskSucceeded: _succeeded,
    e.TaskFailed: _failed,
    e.TaskSkipped: _skipped,
    e.TaskUnreachable: _unreachable,
    e.TaskCancelled: _cancelled,
    e.TaskAttention: _attention,
    e.ChildRequested: child_folds.requested,
    e.ChildCancelRequested: child_folds.cancel_requested,
    **SLOT_TASK_FOLDS,
}
OF_TASKS = frozenset((*TASK_FOLDS, *_INSIDE_FOLDS))
"""The events that name a task or an item; an empty path stands for the execution."""
