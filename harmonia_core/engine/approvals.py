"""Approvals: how a task begins to wait for a person, and how that ends. Pure."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from harmonia_core.clock import rfc3339
from harmonia_core.engine.messages import invalid
from harmonia_core.model import events as e
from harmonia_core.model.commands import Answer, Command, FailTask, RequestApproval, ScheduleTask
from harmonia_core.model.events import Event
from harmonia_core.model.graph import TaskNode
from harmonia_core.model.inbox import Approval
from harmonia_core.model.message_events import Decision
from harmonia_core.model.message_inputs import ApprovalInput
from harmonia_core.model.outcomes import ErrorInfo
from harmonia_core.model.state import ExecutionState, TaskState
from harmonia_core.model.statuses import TaskStatus

if TYPE_CHECKING:
    from harmonia_core.engine.request_kinds import Wish

APPROVAL = "approval"
"""The kind of the timer, and the reason for which a task is blocked."""


def begin(node: TaskNode, path: str, answer: Answer, state: ExecutionState) -> list[Command]:
    """Return the commands with which an `approval` begins to wait."""
    begun = ScheduleTask(path, node, 1, True, answer.value)
    try:
        return [begun, RequestApproval(path, ApprovalInput.model_validate(answer.value))]
    except ValidationError as error:
        return [begun, FailTask(path, 1, invalid(error))]


def open_approval(state: ExecutionState, path: str) -> tuple[Approval, TaskState] | None:
    """Return the approval that a path waits for, with its task."""
    approval = state.inbox.approvals.get(path)
    task = state.task(path) if approval is not None else None
    if approval is None or task is None or task.status is not TaskStatus.BLOCKED:
        return None
    return approval, task


def may_decide(approval: Approval, who: str | None) -> bool:
    """Tell whether somebody is among those who may decide."""
    return not approval.people or who in approval.people


def decided(state: ExecutionState, wish: "Wish") -> Iterator[Event]:
    """Yield what a decision becomes: itself and the end of its task, or its refusal."""
    body = wish.body
    path, by = str(body["path"]), body.get("by")
    found = _answerable(state, path, by)
    if isinstance(found, Event):
        yield found
    else:
        decision: Decision = "approved" if body.get("decision") == "approved" else "rejected"
        given = e.ApprovalDecided(path, decision, by, body.get("data"), body.get("comment"))
        yield from _ending(*found, given, wish.now)


def delegated(state: ExecutionState, wish: "Wish") -> Iterator[Event]:
    """Yield what a delegation becomes."""
    path, by, to = str(wish.body["path"]), wish.body.get("by"), str(wish.body["to"])
    found = _answerable(state, path, by)
    yield found if isinstance(found, Event) else e.ApprovalDelegated(path, to, by)


def _answerable(state: ExecutionState, path: str, by: str | None) -> tuple[Approval, TaskState] | Event:
    found = open_approval(state, path)
    if found is None:
        return e.DecisionRefused(path, "already-decided", by)
    if not may_decide(found[0], by):
        return e.DecisionRefused(path, "not-an-assignee", by)
    return found


def overdue(state: ExecutionState, path: str, now: float) -> Iterator[Event]:
    """Yield what becomes of an approval whose timer is due: it escalates, or its deadline has come."""
    found = open_approval(state, path)
    if found is None or found[1].due is None or found[1].due > now or state.control.holds:
        return
    approval, task = found
    if approval.escalate_to:
        yield e.ApprovalEscalated(path, list(approval.escalate_to), approval.deadline)
    elif approval.on_deadline == "fail":
        message = f"Nobody has decided on {approval.title!r} by its deadline."
        yield e.TaskFailed(path, task.attempt, _error("approval-deadline", message, "timeout"))
    else:
        decision: Decision = "approved" if approval.on_deadline == "approve" else "rejected"
        yield from _ending(approval, task, e.ApprovalDecided(path, decision), now)


def _ending(approval: Approval, task: TaskState, given: e.ApprovalDecided, now: float) -> Iterator[Event]:
    yield given
    output = {
        "decision": given.decision,
        "by": given.by,
        "data": given.data,
        "comment": given.comment,
        "at": rfc3339(now),
    }
    if given.decision == "rejected" and approval.on_reject == "fail":
        who = f" by {given.by}" if given.by else ""
        why = f": {given.comment}" if given.comment else "."
        error = _error("approval-rejected", f"{approval.title!r} was rejected{who}{why}", details=output)
        yield e.TaskFailed(given.path, task.attempt, error)
    else:
        yield e.TaskSucceeded(given.path, task.attempt, output)


def _error(
    code: str, message: str, category: Any = "task", details: Mapping[str, Any] | None = None
) -> ErrorInfo:
    return ErrorInfo(category, code, message, retryable=False, details=details)
