"""Facts about messages and approvals: what comes from outside, what waits for it, what is sent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from harmonia_core.model.event import Event

Decision = Literal["approved", "rejected"]
OnDeadline = Literal["fail", "reject", "approve"]
OnReject = Literal["continue", "fail"]
WaitMode = Literal["any", "all"]


@dataclass(frozen=True, slots=True)
class MessageReceived(Event):
    """Keep a message until somebody takes it. expires: epoch seconds, None for as long as the execution."""

    message_id: str
    name: str
    correlation: Any = None
    data: Any = None
    expires: float | None = None


@dataclass(frozen=True, slots=True)
class MessageRefused(Event):
    """Note a message that is not kept.

    reason: `expired`, it came too late; `inbox-full`; `not-awaited`, it was published and goes on to another.
    """

    message_id: str
    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class MessageAwaited(Event):
    """Let a task wait for messages. wants: `{name, correlation?}` each, of which any or all must come.

    shared: messages that are published may come, too.
    """

    path: str
    wants: Sequence[Mapping[str, Any]]
    mode: WaitMode = "any"
    shared: bool = True


@dataclass(frozen=True, slots=True)
class MessageTaken(Event):
    """Give kept messages to a task, which succeeds with them. message_ids: in the order of its wants."""

    path: str
    message_ids: Sequence[str]


@dataclass(frozen=True, slots=True)
class MessageEmitted(Event):
    """Send a message. to: id of an execution, None for whoever waits for it.

    expires: epoch seconds, None for as long as that execution.
    """

    path: str
    message_id: str
    name: str
    correlation: Any = None
    data: Any = None
    to: str | None = None
    expires: float | None = None


@dataclass(frozen=True, slots=True)
class ApprovalRequested(Event):
    """Let a task wait for a person's decision. assignees: ids of those who may decide, empty for anybody.

    due: when it escalates, or else its deadline, in epoch seconds. escalate_to: who may then decide, too.
    deadline: epoch seconds. on_deadline: what then counts as decided, or `fail`.
    on_reject: `fail` if a rejection is an error.
    """

    path: str
    title: str
    assignees: Sequence[str] = ()
    due: float | None = None
    escalate_to: Sequence[str] = ()
    deadline: float | None = None
    on_deadline: OnDeadline = "fail"
    on_reject: OnReject = "continue"


@dataclass(frozen=True, slots=True)
class ApprovalEscalated(Event):
    """Let more people decide, because nobody has in time. due: the deadline, if there is one."""

    path: str
    to: Sequence[str]
    due: float | None = None


@dataclass(frozen=True, slots=True)
class ApprovalDelegated(Event):
    """Let somebody else decide as well. by: id of who asked for it."""

    path: str
    to: str
    by: str | None = None


@dataclass(frozen=True, slots=True)
class ApprovalDecided(Event):
    """Record a decision. by: id of who decided, None if the deadline did."""

    path: str
    decision: Decision
    by: str | None = None
    data: Any = None
    comment: str | None = None


@dataclass(frozen=True, slots=True)
class DecisionRefused(Event):
    """Note a decision or a delegation that no longer counts. reason: `already-decided`, `not-an-assignee`."""

    path: str
    reason: str
    by: str | None = None
