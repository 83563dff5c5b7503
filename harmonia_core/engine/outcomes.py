"""Turn what reaches an execution (outcomes, timers, requests) into its events. Pure.

Everything here is judged against the state at the moment of recording: what no
longer applies becomes `LateResultRefused` or nothing, never an error.
"""

from collections.abc import Mapping
from typing import Any, get_args

from harmonia_core.engine.child_folds import CANCELLING
from harmonia_core.engine.control_folds import is_held
from harmonia_core.engine.ends import total_timeout
from harmonia_core.engine.retry import held, judge
from harmonia_core.engine.undoing import hold_reason
from harmonia_core.engine.walks import node_of
from harmonia_core.engine.winding import winding
from harmonia_core.model import events as e
from harmonia_core.model.events import Event
from harmonia_core.model.graph import TaskNode
from harmonia_core.model.outcomes import Category, ErrorInfo, Outcome
from harmonia_core.model.state import ExecutionState, TaskState
from harmonia_core.model.statuses import FINAL_EXECUTION, FINAL_TASK, TaskStatus

_CATEGORIES = frozenset(get_args(Category))


def from_outcome(state: ExecutionState, outcome: Outcome, now: float, draw: float) -> Event:
    """Return the event with which an attempt ends, or `LateResultRefused`; see `late` for what may follow."""
    path, attempt = outcome.key.path, outcome.key.attempt
    task = state.task(path)
    if task is None or task.attempt != attempt or task.status is not TaskStatus.RUNNING:
        return e.LateResultRefused(path, attempt, outcome.kind)
    if outcome.kind == "succeeded":
        return e.TaskSucceeded(path, attempt, outcome.output, memo=task.memo)
    node = node_of(state.graph, path)
    if task.reason == "total-timeout":
        return for_good(state, node, e.TaskFailed(path, attempt, total_timeout(node)))
    if outcome.kind == "deferred":
        begun = now if task.begun_at is None else task.begun_at
        due = None if node.timeout is None else begun + node.timeout
        return e.TaskDeferred(path, attempt, outcome.token_hash or "", due)
    if outcome.kind == "cancelled" or outcome.error is None:
        return _interrupted(state, path, attempt)
    policy = None if winding(state, path) else node.retry
    return for_good(state, node, judge(policy, path, attempt, outcome.error, state.control.time(now), draw))


def for_good(state: ExecutionState, node: TaskNode, judged: Event) -> Event:
    """Return how a task ends that may fail: not for good if its author lets a person decide about that."""
    if node.on_failure != "hold" or not isinstance(judged, e.TaskFailed) or winding(state, judged.path):
        return judged
    return held(judged, hold_reason(judged.path))


def _interrupted(state: ExecutionState, path: str, attempt: int) -> Event:
    if winding(state, path):
        return e.TaskCancelled(path, attempt)
    return e.AttemptLost(path, attempt)


def wanted(state: ExecutionState, path: str) -> bool:
    """Tell whether an attempt that is recorded, but has not begun yet, may still begin."""
    task = state.task(path)
    return task is not None and task.reason != "total-timeout" and not winding(state, path)


def from_timer(state: ExecutionState, path: str, kind: str, now: float, draw: float) -> Event | None:
    """Return the event of a due timer, or None if it no longer applies."""
    if state.status in FINAL_EXECUTION:
        return None
    if kind == "deadline":
        return None if state.timed_out else e.TimerFired("", "deadline")
    task = state.task(path)
    if task is None or task.status in FINAL_TASK or not _applies(task, kind, now):
        return None
    if state.control.holds and (kind == "total" or is_held(task)):
        return None
    if kind == "attempt":
        node = node_of(state.graph, path)
        message = f"Not completed within its timeout of {node.timeout} s."
        error = ErrorInfo("timeout", "attempt-timeout", message)
        return for_good(
            state, node, judge(node.retry, path, task.attempt, error, state.control.time(now), draw)
        )
    return e.TimerFired(path, kind)  # type: ignore[arg-type]


def _applies(task: TaskState, kind: str, now: float) -> bool:
    if kind == "total":
        if task.reason in ("total-timeout", CANCELLING):
            return False
        return task.total_deadline is not None and task.total_deadline <= now
    wanted = {"retry": TaskStatus.BACKOFF}.get(kind, TaskStatus.BLOCKED)
    return task.status is wanted and task.due is not None and task.due <= now


def reported(shape: Any) -> ErrorInfo:
    """Return the error that somebody outside reported; what no error can have is left out."""
    found: Mapping[str, Any] = shape if isinstance(shape, Mapping) else {"message": shape}
    category, after = found.get("category"), found.get("retry_after")
    timely = isinstance(after, int | float) and not isinstance(after, bool) and after >= 0
    texts = {name: str(found[name]) for name in ("cause", "traceback", "kind") if found.get(name)}
    return ErrorInfo(
        category if category in _CATEGORIES else "task",  # type: ignore[arg-type]
        str(found.get("code") or "task-error"),
        str(found.get("message") or ""),
        retryable=found.get("retryable") is not False,
        retry_after=after if timely else None,
        details=found.get("details"),
        **texts,
    )
