"""Turn commands into the events that record them. Pure; the time is handed in."""

from collections.abc import Callable
from hashlib import sha256
from typing import Any

from harmonia_core.engine.retry import draw_of, held, judge
from harmonia_core.ids import successor_id, uuid7
from harmonia_core.model import commands as c
from harmonia_core.model import events as e
from harmonia_core.model.commands import Command
from harmonia_core.model.events import Event


def to_event(command: Command, now: float) -> Event:
    """Return the event that records a command; an `Ask` has none of its own."""
    return _EVENTS[type(command)](command, now)


def _schedule(command: c.ScheduleTask, now: float) -> Event:
    if not command.first:
        return e.TaskScheduled(command.path, command.attempt, False)
    total = command.node.total_timeout
    return e.TaskScheduled(
        command.path,
        command.attempt,
        True,
        command.input,
        command.holes,
        command.width,
        None if total is None else now + total,
        command.memo,
    )


def _reuse(command: c.ReuseResult, now: float) -> Event:
    return e.TaskSucceeded(command.path, command.attempt, command.output, reused=command.reused)


def _timer(command: c.StartTimer, now: float) -> Event:
    return e.TimerSet(command.path, now + command.seconds if command.until is None else command.until)


def _await(command: c.AwaitMessage, now: float) -> Event:
    return e.MessageAwaited(command.path, list(command.wants), command.mode, command.shared)


def _take(command: c.TakeMessages, now: float) -> Event:
    return e.MessageTaken(command.path, list(command.message_ids))


def _emit(command: c.EmitMessage, now: float) -> Event:
    return e.MessageEmitted(*command[:-1], None if command.ttl is None else now + command.ttl)


def _request_approval(command: c.RequestApproval, now: float) -> Event:
    wish, escalation = command.wish, command.wish.escalation
    deadline = None if wish.deadline is None else now + wish.deadline
    return e.ApprovalRequested(
        command.path,
        wish.title,
        list(wish.assignees) or (),
        deadline if escalation is None else now + escalation.after,
        () if escalation is None else list(escalation.to),
        deadline,
        wish.on_deadline,
        wish.on_reject,
    )


def _succeed(command: c.SucceedTask, now: float) -> Event:
    return e.TaskSucceeded(command.path, command.attempt, command.output)


def _enter(command: c.EnterStep, now: float) -> Event:
    return e.StepEntered(*command)


def _set(command: c.SetVariables, now: float) -> Event:
    return e.VariablesSet(command.path, command.values)


def _stop(command: c.StopScope, now: float) -> Event:
    return e.ScopeStopped(*command)


def _fail(command: c.FailTask, now: float) -> Event:
    judged = judge(
        command.retry,
        command.path,
        command.attempt,
        command.error,
        now,
        draw_of(command.path, command.attempt),
    )
    return judged if command.hold is None else held(judged, command.hold)


def _skip(command: c.SkipTask, now: float) -> Event:
    return e.TaskSkipped(command.path, command.reason)


def _unreachable(command: c.MarkUnreachable, now: float) -> Event:
    return e.TaskUnreachable(command.path, command.blocked_by)


def _cancel(command: c.CancelTask, now: float) -> Event:
    return e.TaskCancelled(command.path, command.attempt)


def _hold(command: c.HoldTask, now: float) -> Event:
    return e.TaskAttention(*command)


def _record_undo(command: c.RecordUndo, now: float) -> Event:
    return e.UndoRecorded(*command)


def _begin_compensation(command: c.BeginCompensation, now: float) -> Event:
    return e.CompensationBegun(*command)


def _compensated(command: c.EndCompensated, now: float) -> Event:
    return e.ExecutionCompensated(*command)


def _request_child(command: c.RequestChild, now: float) -> Event:
    return e.ChildRequested(
        command.path,
        command.attempt,
        child_id(command.parent_id, command.path, command.attempt, now),
        command.definition_hash,
        command.detached,
        command.pinned,
    )


def child_id(parent_id: str, path: str, attempt: int, now: float) -> str:
    """Return the id of the execution of an attempt: by its time like all ids, and by what it is for."""
    return uuid7(int(now * 1000), sha256(f"{parent_id}|{path}|{attempt}".encode()).digest()[:10])


def _cancel_child(command: c.CancelChild, now: float) -> Event:
    return e.ChildCancelRequested(*command)


def _complete(command: c.CompleteExecution, now: float) -> Event:
    return e.ExecutionCompleted(command.output)


def _fail_execution(command: c.FailExecution, now: float) -> Event:
    return e.ExecutionFailed(command.error, command.failed_tasks)


def _cancel_execution(command: c.CancelExecution, now: float) -> Event:
    return e.ExecutionCancelled(command.reason)


def _roll_over(command: c.RollOver, now: float) -> Event:
    return e.ExecutionRolledOver(successor_id(command.execution_id, command.seq, int(now * 1000)))


_EVENTS: dict[type, Callable[[Any, float], Event]] = {
    c.ScheduleTask: _schedule,
    c.ScheduleReused: _schedule,
    c.ReuseResult: _reuse,
    c.StartTimer: _timer,
    c.AwaitMessage: _await,
    c.TakeMessages: _take,
    c.EmitMessage: _emit,
    c.RequestApproval: _request_approval,
    c.SucceedTask: _succeed,
    c.FailTask: _fail,
    c.SkipTask: _skip,
    c.MarkUnreachable: _unreachable,
    c.CancelTask: _cancel,
    c.HoldTask: _hold,
    c.EnterStep: _enter,
    c.SetVariables: _set,
    c.StopScope: _stop,
    c.RequestChild: _request_child,
    c.CancelChild: _cancel_child,
    c.CompleteExecution: _complete,
    c.FailExecution: _fail_execution,
    c.CancelExecution: _cancel_execution,
    c.RecordUndo: _record_undo,
    c.BeginCompensation: _begin_compensation,
    c.EndCompensated: _compensated,
    c.RollOver: _roll_over,
}
