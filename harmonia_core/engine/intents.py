"""Turn commands into the events that record them. Pure; the time is handed in."""

from collections.abc import Callable
from typing import Any

from harmonia_core.engine.retry import draw_of, judge
from harmonia_core.ids import successor_id
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
    )


def _timer(command: c.StartTimer, now: float) -> Event:
    return e.TimerSet(command.path, now + command.seconds if command.until is None else command.until)


def _succeed(command: c.SucceedTask, now: float) -> Event:
    return e.TaskSucceeded(command.path, command.attempt, command.output)


def _enter(command: c.EnterStep, now: float) -> Event:
    return e.StepEntered(*command)


def _set(command: c.SetVariables, now: float) -> Event:
    return e.VariablesSet(command.path, command.values)


def _stop(command: c.StopScope, now: float) -> Event:
    return e.ScopeStopped(*command)


def _fail(command: c.FailTask, now: float) -> Event:
    return judge(
        command.retry,
        command.path,
        command.attempt,
        command.error,
        now,
        draw_of(command.path, command.attempt),
    )


def _skip(command: c.SkipTask, now: float) -> Event:
    return e.TaskSkipped(command.path, command.reason)


def _unreachable(command: c.MarkUnreachable, now: float) -> Event:
    return e.TaskUnreachable(command.path, command.blocked_by)


def _cancel(command: c.CancelTask, now: float) -> Event:
    return e.TaskCancelled(command.path, command.attempt)


def _hold(command: c.HoldTask, now: float) -> Event:
    return e.TaskAttention(command.path, command.reason)


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
    c.StartTimer: _timer,
    c.SucceedTask: _succeed,
    c.FailTask: _fail,
    c.SkipTask: _skip,
    c.MarkUnreachable: _unreachable,
    c.CancelTask: _cancel,
    c.HoldTask: _hold,
    c.EnterStep: _enter,
    c.SetVariables: _set,
    c.StopScope: _stop,
    c.CompleteExecution: _complete,
    c.FailExecution: _fail_execution,
    c.CancelExecution: _cancel_execution,
    c.RollOver: _roll_over,
}
