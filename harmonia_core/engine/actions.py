"""What people may do with an execution and its tasks at this moment, and why not. Pure.

Requests are judged by the same rules, so what is refused is refused with the same code and reason.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from harmonia_core.engine.approvals import open_approval
from harmonia_core.engine.resolving import refusal
from harmonia_core.model.refusal import Refusal
from harmonia_core.model.state import ExecutionState
from harmonia_core.model.statuses import FINAL_EXECUTION, ExecutionStatus

Rule = Callable[[ExecutionState], Refusal | None]


def refused(state: ExecutionState, action: str) -> Refusal | None:
    """Return why an action on the whole execution is not possible, None if it is."""
    if state.status in FINAL_EXECUTION and action not in _ON_FINAL:
        return Refusal("execution-finished", f"it has ended as {state.status.value}")
    return _OF_EXECUTION[action](state)


def allowed_actions(state: ExecutionState, paths: Iterable[str]) -> dict[str, Any]:
    """Return for the execution, and for each of these tasks, what is allowed, and why the rest is not."""
    whole = {action: _shape(refused(state, action)) for action in _OF_EXECUTION}
    return {"execution": whole, "tasks": {path: _of_task(state, path) for path in paths}}


def _of_task(state: ExecutionState, path: str) -> dict[str, Any]:
    if state.status in FINAL_EXECUTION:
        over = Refusal("execution-finished", f"the execution has ended as {state.status.value}")
        return {action: _shape(over) for action in _OF_TASK}
    return {action: _shape(rule(state, path)) for action, rule in _OF_TASK.items()}


def _shape(found: Refusal | None) -> dict[str, Any]:
    code, reason = (None, None) if found is None else found
    return {"allowed": found is None, "code": code, "reason": reason}


def _ending(state: ExecutionState) -> Refusal | None:
    """Return why an execution cannot be held up that is on its way to its end."""
    if state.undo.compensation("") is not None:
        return Refusal("compensating", "what it has done is being undone")
    if state.cancelling:
        return Refusal("cancelling", "it is being cancelled")
    return Refusal("out-of-time", "it is past its deadline, and ends") if state.timed_out else None


def _pause(state: ExecutionState) -> Refusal | None:
    pause = state.control.pause
    if pause is not None and pause.by == "request":
        return Refusal("already-paused", "it is paused")
    return _ending(state)


def _paused(state: ExecutionState, what: str) -> Refusal | None:
    if state.status is ExecutionStatus.PAUSED:
        return None
    return Refusal("not-paused", f"it is {state.status.value}; {what}")


def _cancel(state: ExecutionState) -> Refusal | None:
    if state.undo.compensation("") is not None:
        return Refusal("compensating", "what it has done is being undone")
    return Refusal("already-cancelling", "it is being cancelled") if state.cancelling else None


def _undo(state: ExecutionState) -> Refusal | None:
    undone = state.undo.wanted or state.undo.compensation("") is not None
    return Refusal("compensating", "what it has done is being undone") if undone else None


def _approve(state: ExecutionState) -> Refusal | None:
    if any(open_approval(state, path) for path in state.inbox.approvals):
        return None
    return Refusal("approval-not-open", "no approval of it is open")


def _approve_task(state: ExecutionState, path: str) -> Refusal | None:
    if open_approval(state, path) is not None:
        return None
    return Refusal("approval-not-open", "it is no approval that is open")


def _rerun(state: ExecutionState) -> Refusal | None:
    if state.status in FINAL_EXECUTION:
        return None
    return Refusal("execution-open", f"it is {state.status.value}; what has not ended is retried in place")


def _upgrade(state: ExecutionState) -> Refusal | None:
    return _paused(state, "only a paused execution is upgraded")


def _always(state: ExecutionState) -> Refusal | None:
    return None


_ON_FINAL = frozenset({"rerun", "fork"})
_OF_EXECUTION: Mapping[str, Rule] = {
    "pause": _pause,
    "resume": partial(_paused, what="there is nothing to resume"),
    "cancel": _cancel,
    "undo": _undo,
    "terminate": _always,
    "update-variables": partial(_paused, what="variables are set from outside while it is paused"),
    "priority": _always,
    "rerun": _rerun,
    "fork": _always,
    "upgrade": _upgrade,
    "signal": _always,
    "approve": _approve,
}
_OF_TASK: Mapping[str, Callable[[ExecutionState, str], Refusal | None]] = {
    "retry": partial(refusal, how="retry"),
    "skip": partial(refusal, how="skip"),
    "fail": partial(refusal, how="fail"),
    "done": partial(refusal, how="done"),
    "approve": _approve_task,
}
