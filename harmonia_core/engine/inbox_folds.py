"""What events do to an execution's inbox. Pure."""

from collections.abc import Callable, Mapping
from typing import Any

from harmonia_core.model import events as e
from harmonia_core.model.events import Event, Recorded
from harmonia_core.model.inbox import (
    Inbox,
    Message,
    Waiter,
    awaited,
    closed,
    read_approval,
    received,
    taken,
    want_of,
)


def of_task(inbox: Inbox, recorded: Recorded, path: str) -> Inbox:
    """Return the inbox after an event of a task; whatever happens to one that waits ends its waiting."""
    fold = WAITS.get(type(recorded.event))
    if fold is not None:
        return fold(inbox, recorded.event, recorded)
    return closed(inbox, path) if path in inbox.waiting or path in inbox.approvals else inbox


def _awaited(inbox: Inbox, event: e.MessageAwaited, at: Recorded) -> Inbox:
    waiter = Waiter(tuple(want_of(shape) for shape in event.wants), event.mode, at.at, event.shared)
    return awaited(inbox, event.path, waiter)


def _requested(inbox: Inbox, event: e.ApprovalRequested, at: Recorded) -> Inbox:
    rules = event.deadline, event.on_deadline, event.on_reject
    approval = read_approval(event.title, event.assignees, event.escalate_to, *rules)
    return inbox._replace(approvals={**inbox.approvals, event.path: approval})


def _escalated(inbox: Inbox, event: e.ApprovalEscalated, at: Recorded) -> Inbox:
    return _with_people(inbox, event.path, tuple(event.to), escalate_to=())


def _delegated(inbox: Inbox, event: e.ApprovalDelegated, at: Recorded) -> Inbox:
    return _with_people(inbox, event.path, (event.to,))


def _with_people(inbox: Inbox, path: str, more: tuple[str, ...], **changes: Any) -> Inbox:
    approval = inbox.approvals.get(path)
    if approval is None:
        return inbox
    # Where everybody may decide, nobody is added: that would shut the others out.
    people = (
        (*approval.people, *(one for one in more if one not in approval.people)) if approval.people else ()
    )
    changed = approval._replace(people=people, **changes)
    return inbox._replace(approvals={**inbox.approvals, path: changed})


def _received(inbox: Inbox, event: e.MessageReceived, at: Recorded) -> Inbox:
    message = Message(event.message_id, event.name, event.correlation, event.data, at.at, event.expires)
    return received(inbox, message)


def _taken(inbox: Inbox, event: e.MessageTaken, at: Recorded) -> Inbox:
    return taken(inbox, event.path, event.message_ids)


def _decided(inbox: Inbox, event: e.ApprovalDecided, at: Recorded) -> Inbox:
    return closed(inbox, event.path)


def _unchanged(inbox: Inbox, event: Event, at: Recorded) -> Inbox:
    return inbox


WAITS: Mapping[type, Callable[[Inbox, Any, Recorded], Inbox]] = {
    e.MessageAwaited: _awaited,
    e.ApprovalRequested: _requested,
    e.ApprovalEscalated: _escalated,
}
"""The events that begin or change a wait of a task."""
INBOX_FOLDS: Mapping[type, Callable[[Inbox, Any, Recorded], Inbox]] = {
    e.MessageReceived: _received,
    e.MessageRefused: _unchanged,
    e.MessageTaken: _taken,
    e.MessageEmitted: _unchanged,
    e.ApprovalDelegated: _delegated,
    e.ApprovalDecided: _decided,
    e.DecisionRefused: _unchanged,
}
"""The events that change nothing but the inbox, if that."""
