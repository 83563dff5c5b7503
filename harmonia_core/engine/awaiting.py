"""What tasks wait for from outside, as people and programs see it. Pure."""

from typing import Any

from pydantic_core import from_json

from harmonia_core.clock import rfc3339
from harmonia_core.model.inbox import Approval, Inbox, Waiter


def awaits(inbox: Inbox, path: str) -> dict[str, Any] | None:
    """Return what a task waits for, None if for nothing from outside."""
    waiter, approval = inbox.waiting.get(path), inbox.approvals.get(path)
    if waiter is not None:
        return _messages(waiter)
    return None if approval is None else _approval(approval)


def _messages(waiter: Waiter) -> dict[str, Any]:
    wants = [
        {"name": want.name, **({} if want.key is None else {"correlation": from_json(want.key)})}
        for want in waiter.wants
    ]
    return {"messages": wants, "mode": waiter.mode}


def _approval(approval: Approval) -> dict[str, Any]:
    return {
        "approval": approval.title,
        "assignees": list(approval.people),
        "escalate_to": list(approval.escalate_to),
        "deadline": None if approval.deadline is None else rfc3339(approval.deadline),
    }
