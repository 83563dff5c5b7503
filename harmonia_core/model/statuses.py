"""Statuses of executions and tasks, and the transitions that may happen, as data."""

from enum import StrEnum
from types import MappingProxyType


class ExecutionStatus(StrEnum):
    """Name where an execution stands."""

    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    CANCELLING = "cancelling"
    COMPENSATING = "compensating"
    ATTENTION = "attention"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    TERMINATED = "terminated"
    COMPENSATED = "compensated"
    CONTINUED = "continued"


class TaskStatus(StrEnum):
    """Name where a task or a map item stands."""

    WAITING = "waiting"
    READY = "ready"
    RUNNING = "running"
    BACKOFF = "backoff"
    BLOCKED = "blocked"
    ATTENTION = "attention"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"
    UNREACHABLE = "unreachable"


_E, _T = ExecutionStatus, TaskStatus

FINAL_EXECUTION = frozenset(
    {_E.COMPLETED, _E.FAILED, _E.CANCELLED, _E.TERMINATED, _E.COMPENSATED, _E.CONTINUED}
)
FINAL_TASK = frozenset({_T.SUCCEEDED, _T.FAILED, _T.SKIPPED, _T.CANCELLED, _T.UNREACHABLE})

# What this version's events can do; a status that no event reaches yet has no row.
EXECUTION_TRANSITIONS = MappingProxyType(
    {
        _E.QUEUED: frozenset({_E.RUNNING, _E.PAUSED, _E.CANCELLING, _E.FAILED, _E.TERMINATED}),
        # Back to queued only in its first batch: under a limit it waits for its turn.
        _E.RUNNING: frozenset(
            {
                _E.PAUSED,
                _E.QUEUED,
                _E.ATTENTION,
                _E.CANCELLING,
                _E.COMPENSATING,
                _E.COMPLETED,
                _E.FAILED,
                _E.CONTINUED,
                _E.TERMINATED,
            }
        ),
        _E.PAUSED: frozenset({_E.RUNNING, _E.QUEUED, _E.ATTENTION, _E.CANCELLING, _E.TERMINATED}),
        _E.ATTENTION: frozenset({_E.RUNNING, _E.PAUSED, _E.CANCELLING, _E.COMPENSATING}),
        _E.CANCELLING: frozenset({_E.ATTENTION, _E.COMPENSATING, _E.CANCELLED, _E.TERMINATED}),
        _E.COMPENSATING: frozenset({_E.ATTENTION, _E.COMPENSATED, _E.TERMINATED}),
    }
)

TASK_TRANSITIONS = MappingProxyType(
    {
        _T.WAITING: frozenset({_T.READY, _T.SUCCEEDED, _T.SKIPPED, _T.UNREACHABLE}),
        _T.READY: frozenset(
            {_T.RUNNING, _T.BLOCKED, _T.ATTENTION, _T.SUCCEEDED, _T.FAILED, _T.SKIPPED, _T.CANCELLED}
        ),
        _T.RUNNING: frozenset(
            {
                _T.READY,
                _T.BACKOFF,
                _T.BLOCKED,
                _T.ATTENTION,
                _T.SUCCEEDED,
                _T.FAILED,
                _T.SKIPPED,
                _T.CANCELLED,
            }
        ),
        _T.BACKOFF: frozenset({_T.READY, _T.SUCCEEDED, _T.FAILED, _T.SKIPPED, _T.CANCELLED}),
        _T.BLOCKED: frozenset(
            {_T.READY, _T.BACKOFF, _T.ATTENTION, _T.SUCCEEDED, _T.FAILED, _T.SKIPPED, _T.CANCELLED}
        ),
        _T.ATTENTION: frozenset({_T.READY, _T.BACKOFF, _T.SUCCEEDED, _T.FAILED, _T.SKIPPED, _T.CANCELLED}),
    }
)
