"""What events do to the slots of an execution, and to the tasks that wait for them. Pure."""

from collections.abc import Callable, Mapping
from typing import Any

from harmonia_core.model import events as e
from harmonia_core.model.events import Recorded
from harmonia_core.model.slots import GRANTED, LIMIT, NO_SLOTS, Claim, Slots, Want
from harmonia_core.model.state import ExecutionState, TaskState
from harmonia_core.model.statuses import FINAL_EXECUTION, ExecutionStatus, TaskStatus

LEAVES = frozenset({e.TaskSucceeded, e.TaskFailed, e.TaskSkipped, e.TaskCancelled, e.TaskUnreachable,
                    e.TaskAttention, e.RetryScheduled})  # fmt: skip
"""The events with which a task gives up what it holds, or wants, and whatever lies inside it does."""


def slots_of_task(slots: Slots, recorded: Recorded, path: str) -> Slots:
    """Return the slots after an event of a task."""
    event = recorded.event
    fold = _FOLDS.get(type(event))
    if fold is not None:
        claim = fold(slots.claims.get(path), event, recorded)
        return slots if claim is None else Slots({**slots.claims, path: claim})
    if type(event) not in LEAVES:
        return slots
    inside = (f"{path}/", f"{path}[")
    left = {key: one for key, one in slots.claims.items() if key != path and not key.startswith(inside)}
    if len(left) == len(slots.claims):
        return slots
    return Slots(left) if left else NO_SLOTS


def _requested(claim: Claim | None, event: e.SlotsRequested, at: Recorded) -> Claim:
    wants = tuple(Want(one["key"], one["units"], one.get("max")) for one in event.wants)
    return Claim(wants, event.attempt, at.at if event.since is None else event.since, at.seq, event.policy)


def _granted(claim: Claim | None, event: e.SlotsGranted, at: Recorded) -> Claim | None:
    return None if claim is None else claim._replace(granted=True)


_FOLDS: Mapping[type, Callable[[Claim | None, Any, Recorded], Claim | None]] = {
    e.SlotsRequested: _requested,
    e.SlotsGranted: _granted,
}


def _blocked(task: TaskState, event: e.SlotsRequested, at: Recorded) -> TaskState:
    task = task._replace(status=TaskStatus.BLOCKED, reason=LIMIT, due=None)
    return task if task.attempt else task._replace(input=event.input, holes=event.holes)


def _ready(task: TaskState, event: e.SlotsGranted, at: Recorded) -> TaskState:
    if task.status is not TaskStatus.BLOCKED or task.reason != LIMIT:
        return task
    reason = GRANTED if not task.attempt else "lost" if event.attempt == task.attempt else "retry"
    return task._replace(status=TaskStatus.READY, reason=reason)


SLOT_TASK_FOLDS: Mapping[type, Callable[[TaskState, Any, Recorded], TaskState]] = {
    e.SlotsRequested: _blocked,
    e.SlotsGranted: _ready,
}


def _execution(state: ExecutionState, event: Any, at: Recorded) -> ExecutionState:
    """Fold an event of the execution's own waiting: it is queued until it is let run."""
    state = state._replace(slots=slots_of_task(state.slots, at, ""))
    if type(event) is e.SlotsGranted:
        queued = state.status is ExecutionStatus.QUEUED
        return state._replace(status=ExecutionStatus.RUNNING, reason=None) if queued else state
    if state.status in FINAL_EXECUTION or state.cancelling:
        return state
    return state._replace(status=ExecutionStatus.QUEUED, reason=LIMIT)


SLOT_FOLDS = dict.fromkeys(_FOLDS, _execution)
