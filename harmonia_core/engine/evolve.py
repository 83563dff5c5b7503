"""Fold events into state. Pure and total on what `record` accepted.

`evolve` never evaluates, never asks for the time and never refuses: whether an
event may happen was decided before it was recorded.
"""

from collections.abc import Callable, Iterable
from itertools import chain
from typing import Any

from harmonia_core.engine.control_folds import CONTROL_FOLDS, lifted, started_with
from harmonia_core.engine.frontier import put
from harmonia_core.engine.inbox_folds import INBOX_FOLDS, WAITS, of_task
from harmonia_core.engine.items import item, put_item
from harmonia_core.engine.progress_folds import kept
from harmonia_core.engine.rolling import beginning
from harmonia_core.engine.slot_folds import SLOT_FOLDS, slots_of_task
from harmonia_core.engine.task_folds import OF_TASKS, change
from harmonia_core.engine.undo_folds import UNDO_FOLDS, followed, stands, undo_moved
from harmonia_core.model import events as e
from harmonia_core.model.addresses import UNDO, Part, read_address
from harmonia_core.model.commands import Answer
from harmonia_core.model.events import Recorded
from harmonia_core.model.family import ALONE, Family
from harmonia_core.model.graph import Graph, TaskNode
from harmonia_core.model.inbox import EMPTY
from harmonia_core.model.outcomes import ErrorInfo
from harmonia_core.model.slots import NO_SLOTS
from harmonia_core.model.state import ExecutionState, Question, TaskState
from harmonia_core.model.statuses import ExecutionStatus, TaskStatus


def evolve(state: ExecutionState, recorded: Recorded) -> ExecutionState:
    """Return the state after one more event."""
    event = recorded.event
    if type(event) not in OF_TASKS or not (path := event.path):  # type: ignore[attr-defined]
        return _EXECUTION_FOLDS[type(event)](state, event, recorded)._replace(seq=recorded.seq)
    if state.inbox is not EMPTY or type(event) in WAITS:
        state = state._replace(inbox=of_task(state.inbox, recorded, path))
    if state.slots is not NO_SLOTS or type(event) is e.SlotsRequested:
        state = state._replace(slots=slots_of_task(state.slots, recorded, path))
    root = state.graph.root
    position = root.index.get(path)
    if position is None:
        if path.endswith(UNDO):
            return undo_moved(state, recorded, path)
        moved = _deep(state, recorded, path)
    else:
        new = change(root.tasks[position], state.scope.task(position), recorded)
        failed, error = state.failed, state.error
        if new.status is TaskStatus.FAILED:
            failed, error = (*failed, path), error or new.error
        moved = _moved(state, recorded.seq, path, position, new, failed, error)
    if state.ends_before:
        moved = kept(state, moved, path)
    return followed(state, moved, recorded, path) if state.graph.undoes else moved


def fold(graph: Graph, execution_id: str, log: Iterable[Recorded]) -> ExecutionState:
    """Return the state after a whole log. Raises StateCorrupt if what it goes on from is not in it."""
    rest = iter(log)
    first = next(rest, None)
    state = beginning(graph, execution_id, first)
    for recorded in () if first is None else chain((first,), rest):
        state = evolve(state, recorded)
    return state


def _deep(state: ExecutionState, recorded: Recorded, path: str) -> ExecutionState:
    """Fold an event of an item, or of a task inside a composite."""
    address = read_address(path)
    root, (name, numbers) = state.graph.root, address[0]
    position = root.index[name]
    new = _within(root.tasks[position], state.scope.task(position), numbers, address[1:], recorded)
    return _moved(state, recorded.seq, path, position, new, state.failed, state.error)


def _within(
    node: TaskNode, task: TaskState, numbers: tuple[int, ...], rest: tuple[Part, ...], recorded: Recorded
) -> TaskState:
    """Return a task in which an event has happened: to it, to an item of it, or further inside."""
    if numbers and node.item is not None:
        items, index = task.items, numbers[0]
        if items is None:
            return task
        new = _within(node.item, item(items, index), numbers[1:], rest, recorded)
        return task._replace(items=put_item(items, index, new, node.item))
    if not rest:
        return task if numbers else change(node, task, recorded)
    inside, nodes = task.inside, node.scope
    if inside is None or nodes is None or numbers != ((inside.iteration,) if nodes.repeats else ()):
        return task
    name, numbers = rest[0]
    position = nodes.index[name]
    new = _within(nodes.tasks[position], inside.graph.task(position), numbers, rest[1:], recorded)
    return task._replace(inside=inside._replace(graph=put(inside.graph, nodes, position, new)))


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
    status = state.status if scope.held == state.scope.held else stands(state, scope.held, state.undo)
    answers = state.answers
    if answers:
        below = (f"{path}/", f"{path}[")
        answers = {
            key: value
            for key, value in answers.items()
            if key[0] != path and (key[1] == "given" or not key[0].startswith(below))
        }
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
        state.undo,
        state.family,
        state.inbox,
        state.control,
        state.slots,
    )


def _started(state: ExecutionState, event: e.ExecutionStarted, at: Recorded) -> ExecutionState:
    return state._replace(
        status=ExecutionStatus.RUNNING,
        input=event.input,
        vars=event.vars,
        labels=event.labels,
        root_id=event.root_id,
        started_at=at.at,
        deadline=event.deadline,
        family=family_of(event),
        control=started_with(event),
    )


def family_of(event: e.ExecutionStarted) -> Family:
    """Return whose task an execution carries out."""
    if event.parent_id is None:
        return ALONE
    return Family(event.parent_id, event.parent_path, event.parent_attempt, event.depth, event.reports)


def _adopted(state: ExecutionState, event: e.ExecutionAdopted, at: Recorded) -> ExecutionState:
    return state._replace(ends_before=state.ends)


def _unchanged(state: ExecutionState, event: Any, at: Recorded) -> ExecutionState:
    return state


def _cancel_requested(state: ExecutionState, event: e.CancelRequested, at: Recorded) -> ExecutionState:
    state = lifted(state, at.at)
    undo = state.undo._replace(wanted=state.undo.wanted or event.compensate)
    status = ExecutionStatus.ATTENTION if undo.held else ExecutionStatus.CANCELLING
    return state._replace(status=status, reason=event.reason, cancelling=True, undo=undo)


def _deadline(state: ExecutionState, event: e.TimerFired, at: Recorded) -> ExecutionState:
    return lifted(state, at.at)._replace(timed_out=True)


def _completed(state: ExecutionState, event: e.ExecutionCompleted, at: Recorded) -> ExecutionState:
    return _ended(state, ExecutionStatus.COMPLETED, at)._replace(output=event.output)


def _failed(state: ExecutionState, event: e.ExecutionFailed, at: Recorded) -> ExecutionState:
    return _ended(state, ExecutionStatus.FAILED, at)._replace(error=event.error)


def _cancelled(state: ExecutionState, event: e.ExecutionCancelled, at: Recorded) -> ExecutionState:
    return _ended(state, ExecutionStatus.CANCELLED, at)._replace(reason=event.reason)


def _terminated(state: ExecutionState, event: e.ExecutionTerminated, at: Recorded) -> ExecutionState:
    return _ended(lifted(state, at.at), ExecutionStatus.TERMINATED, at)._replace(reason=event.reason)


def _compensated(state: ExecutionState, event: e.ExecutionCompensated, at: Recorded) -> ExecutionState:
    return _ended(state, ExecutionStatus.COMPENSATED, at)._replace(error=event.error or state.error)


def _rolled_over(state: ExecutionState, event: e.ExecutionRolledOver, at: Recorded) -> ExecutionState:
    return _ended(state, ExecutionStatus.CONTINUED, at)._replace(slots=state.slots)  # until it goes on


def _continued(state: ExecutionState, event: e.ExecutionContinued, at: Recorded) -> ExecutionState:
    # What it goes on from is the state before its first event: `beginning`.
    return state._replace(status=ExecutionStatus.RUNNING)


def _forked(state: ExecutionState, event: e.ExecutionForked, at: Recorded) -> ExecutionState:
    begun = state._replace(
        status=ExecutionStatus.RUNNING,
        root_id=state.execution_id,
        labels=event.labels,
        started_at=at.at,
        deadline=event.deadline,
        family=ALONE,
        control=started_with(event),
    )
    return begun._replace(status=stands(begun, begun.scope.held, begun.undo))


def _ended(state: ExecutionState, status: ExecutionStatus, at: Recorded) -> ExecutionState:
    return state._replace(status=status, ended_at=at.at, asks={}, answers={}, slots=NO_SLOTS)


def _variables_set(state: ExecutionState, event: e.VariablesSet, at: Recorded) -> ExecutionState:
    return state._replace(vars={**state.vars, **event.values})


def _asked(state: ExecutionState, event: e.Asked, at: Recorded) -> ExecutionState:
    question = Question(event.path, event.place, event.attempt)
    return state._replace(asks={**state.asks, event.id: question})


def _answered(state: ExecutionState, event: e.Answered, at: Recorded) -> ExecutionState:
    question = state.asks.get(event.id)
    if question is None:
        return state
    answer = Answer(event.value, event.holes, event.error, event.width, event.memo, event.reused)
    asks = {key: value for key, value in state.asks.items() if key != event.id}
    return state._replace(asks=asks, answers={**state.answers, (question.path, question.place): answer})


def _inbox(state: ExecutionState, event: Any, at: Recorded) -> ExecutionState:
    return state._replace(inbox=INBOX_FOLDS[type(event)](state.inbox, event, at))


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
    e.VariablesSet: _variables_set,
    e.ExecutionCompensated: _compensated,
    e.TaskResolved: _unchanged,
    **UNDO_FOLDS,
    **SLOT_FOLDS,
    **dict.fromkeys(INBOX_FOLDS, _inbox),
    **CONTROL_FOLDS,
    e.ExecutionTerminated: _terminated,
    e.ChildControlRequested: _unchanged,
    e.ExecutionRolledOver: _rolled_over,
    e.ExecutionContinued: _continued,
    e.ExecutionForked: _forked,
}
