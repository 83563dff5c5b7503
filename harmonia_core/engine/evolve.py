"""Fold events into state. Pure and total on what `record` accepted.

`evolve` never evaluates, never asks for the time and never refuses: whether an
event may happen was decided before it was recorded.
"""

from collections.abc import Callable, Iterable
from typing import Any

from harmonia_core.engine.frontier import put
from harmonia_core.engine.items import item, put_item
from harmonia_core.engine.task_folds import TASK_FOLDS, Fold
from harmonia_core.model import events as e
from harmonia_core.model.commands import Answer
from harmonia_core.model.events import Recorded
from harmonia_core.model.graph import Graph
from harmonia_core.model.outcomes import ErrorInfo
from harmonia_core.model.state import ExecutionState, Question, TaskState, begin, split
from harmonia_core.model.statuses import ExecutionStatus, TaskStatus


def evolve(state: ExecutionState, recorded: Recorded) -> ExecutionState:
    """Return the state after one more event."""
    event = recorded.event
    change = TASK_FOLDS.get(type(event))
    if change is None or not (path := event.path):  # type: ignore[attr-defined]
        return _EXECUTION_FOLDS[type(event)](state, event, recorded)._replace(seq=recorded.seq)
    position = state.graph.root.index.get(path)
    if position is None:
        return _item(state, recorded, path, change)
    new = change(state.scope.task(position), event, recorded)
    failed, error = state.failed, state.error
    if new.status is TaskStatus.FAILED:
        failed, error = (*failed, path), error or new.error
    return _moved(state, recorded.seq, path, position, new, failed, error)


def fold(graph: Graph, execution_id: str, log: Iterable[Recorded]) -> ExecutionState:
    """Return the state after a whole log."""
    state = begin(graph, execution_id)
    for recorded in log:
        state = evolve(state, recorded)
    return state


def _item(state: ExecutionState, recorded: Recorded, path: str, change: Fold) -> ExecutionState:
    task_id, index = split(path)
    position = state.graph.root.index[task_id]
    owner = state.scope.task(position)
    if owner.items is None or index is None:
        return state._replace(seq=recorded.seq)
    new = change(item(owner.items, index), recorded.event, recorded)
    owner = owner._replace(items=put_item(owner.items, index, new))
    return _moved(state, recorded.seq, path, position, owner, state.failed, state.error)


def _moved(
    state: ExecutionState,
    seq: int,
    path: str,
    position: int,
    new: TaskState,
    failed: tuple[str, ...],
    error: ErrorInfo | None,
) -> ExecutionState:
    scope = put(state.scope, state.graph.root, position, new)
    status = state.status if scope.held == state.scope.held else _attention(state, scope.held)
    answers = state.answers
    if answers and ((path, "input") in answers or (path, "when") in answers):
        answers = {key: value for key, value in answers.items() if key[0] != path}
    # Positional, because `_replace` costs as much as the rest of the fold.
    return ExecutionState(
        state.graph,
        state.execution_id,
        scope,
        seq,
        status,
        state.reason,
        state.input,
        state.output,
        error,
        state.vars,
        state.labels,
        state.root_id,
        state.started_at,
        state.ended_at,
        state.deadline,
        state.cancelling,
        state.timed_out,
        failed,
        state.asks,
        answers,
        state.ends_before,
    )


def _attention(state: ExecutionState, held: int) -> ExecutionStatus:
    if state.status is ExecutionStatus.RUNNING and held:
        return ExecutionStatus.ATTENTION
    if state.status is ExecutionStatus.ATTENTION and not held:
        return ExecutionStatus.RUNNING
    return state.status


def _started(state: ExecutionState, event: e.ExecutionStarted, at: Recorded) -> ExecutionState:
    return state._replace(
        status=ExecutionStatus.RUNNING,
        input=event.input,
        vars=event.vars,
        labels=event.labels,
        root_id=event.root_id,
        started_at=at.at,
        deadline=event.deadline,
    )


def _adopted(state: ExecutionState, event: e.ExecutionAdopted, at: Recorded) -> ExecutionState:
    return state._replace(ends_before=state.ends)


def _unchanged(state: ExecutionState, event: Any, at: Recorded) -> ExecutionState:
    return state


def _cancel_requested(state: ExecutionState, event: e.CancelRequested, at: Recorded) -> ExecutionState:
    return state._replace(status=ExecutionStatus.CANCELLING, reason=event.reason, cancelling=True)


def _deadline(state: ExecutionState, event: e.TimerFired, at: Recorded) -> ExecutionState:
    return state._replace(timed_out=True)


def _completed(state: ExecutionState, event: e.ExecutionCompleted, at: Recorded) -> ExecutionState:
    return _ended(state, ExecutionStatus.COMPLETED, at)._replace(output=event.output)


def _failed(state: ExecutionState, event: e.ExecutionFailed, at: Recorded) -> ExecutionState:
    return _ended(state, ExecutionStatus.FAILED, at)._replace(error=event.error)


def _cancelled(state: ExecutionState, event: e.ExecutionCancelled, at: Recorded) -> ExecutionState:
    return _ended(state, ExecutionStatus.CANCELLED, at)._replace(reason=event.reason)


def _ended(state: ExecutionState, status: ExecutionStatus, at: Recorded) -> ExecutionState:
    return state._replace(status=status, ended_at=at.at, asks={}, answers={})


def _asked(state: ExecutionState, event: e.Asked, at: Recorded) -> ExecutionState:
    question = Question(event.path, event.place, event.attempt)
    return state._replace(asks={**state.asks, event.id: question})


def _answered(state: ExecutionState, event: e.Answered, at: Recorded) -> ExecutionState:
    question = state.asks.get(event.id)
    if question is None:
        return state
    answer = Answer(event.value, event.holes, event.error, event.width)
    asks = {key: value for key, value in state.asks.items() if key != event.id}
    return state._replace(asks=asks, answers={**state.answers, (question.path, question.place): answer})


_EXECUTION_FOLDS: dict[type, Callable[[ExecutionState, Any, Recorded], ExecutionState]] = {
    e.ExecutionStarted: _started,
    e.ExecutionAdopted: _adopted,
    e.CancelRequested: _cancel_requested,
    e.TimerFired: _deadline,
    e.ExecutionCompleted: _completed,
    e.ExecutionFailed: _failed,
    e.ExecutionCancelled: _cancelled,
    e.Asked: _asked,
    e.Answered: _answered,
    e.LateResultRefused: _unchanged,
}
