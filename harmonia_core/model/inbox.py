"""What has come to an execution from outside, and which of its tasks wait for something to come. Pure.

Nothing here judges: the messages that are to be given to tasks next stand in `due`, kept up to date with
every event, so that a decision looks at nothing else.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from harmonia_core.model.codec import canonical
from harmonia_core.model.message_events import OnDeadline, OnReject, WaitMode

MOST_KEPT = 1_000
"""Messages that an execution keeps at once."""
MOST_SEEN = 1_000
"""Ids that an execution remembers, so that a repeat of the message counts once."""


class Message(NamedTuple):
    """Hold a message that nobody has taken. at: when it came; expires: epoch seconds, if ever."""

    id: str
    name: str
    correlation: Any
    data: Any
    at: float
    expires: float | None


class Want(NamedTuple):
    """Say which messages are wanted. key: of their correlation, None for any."""

    name: str
    key: str | None

    def fits(self, message: Message) -> bool:
        """Tell whether a message is wanted."""
        return message.name == self.name and (self.key is None or self.key == key_of(message.correlation))


class Waiter(NamedTuple):
    """Hold what a task waits for. since: epoch seconds. shared: published messages may come, too."""

    wants: tuple[Want, ...]
    mode: WaitMode
    since: float
    shared: bool = True

    def choose(self, messages: Iterable[Message]) -> tuple[Message, ...] | None:
        """Return the oldest messages that are enough for the task, None if there are not enough."""
        left = list(messages)
        if self.mode == "any":
            found = next((one for one in left if any(want.fits(one) for want in self.wants)), None)
            return None if found is None else (found,)
        chosen = []
        for want in self.wants:
            found = next((one for one in left if want.fits(one)), None)
            if found is None:
                return None
            left.remove(found)
            chosen.append(found)
        return tuple(chosen)


class Approval(NamedTuple):
    """Hold a decision that is open.

    people: who may take it, empty for anybody. escalate_to: who may as well once it has escalated.
    deadline: epoch seconds. on_deadline, on_reject: as in the event.
    """

    title: str
    people: tuple[str, ...] = ()
    escalate_to: tuple[str, ...] = ()
    deadline: float | None = None
    on_deadline: OnDeadline = "fail"
    on_reject: OnReject = "continue"


_NONE: Mapping[str, Any] = MappingProxyType({})


class Inbox(NamedTuple):
    """Hold the messages in order of arrival, and who waits in the order in which they began.

    seen: the last ids that have come. waiting: by path of the task. due: who gets which messages next.
    approvals: by path of the task.
    """

    kept: tuple[Message, ...] = ()
    seen: tuple[str, ...] = ()
    waiting: Mapping[str, Waiter] = _NONE
    due: tuple[tuple[str, tuple[Message, ...]], ...] = ()
    approvals: Mapping[str, Approval] = _NONE


EMPTY = Inbox()


def read_approval(title: str, people: Iterable[str], more: Iterable[str], *rest: Any) -> Approval:
    """Return an approval of lists as they are recorded."""
    return Approval(title, tuple(people), tuple(more), *rest)


def key_of(correlation: Any) -> str:
    """Return a text that equal JSON values share; 1 and 1.0 are equal, 1 and true are not."""
    return canonical(_plain(correlation)).decode()


def _plain(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


def want_of(shape: Mapping[str, Any]) -> Want:
    """Return what `{name, correlation?}` asks for; a correlation of null is any."""
    correlation = shape.get("correlation")
    return Want(shape["name"], None if correlation is None else key_of(correlation))


def received(inbox: Inbox, message: Message) -> Inbox:
    """Return the inbox with one more message, without those that have expired until it came."""
    kept = (*_fresh(inbox.kept, message.at), message)
    grown = inbox._replace(kept=kept, seen=(*inbox.seen, message.id)[-MOST_SEEN:])
    if inbox.due:
        return grown._replace(due=allotted(grown))
    # Nobody can do with what was kept before, so only those who want this one may be content now.
    wanting = {
        path: waiter for path, waiter in grown.waiting.items() if any(w.fits(message) for w in waiter.wants)
    }
    return grown._replace(due=allotted(grown, wanting)) if wanting else grown


def awaited(inbox: Inbox, path: str, waiter: Waiter) -> Inbox:
    """Return the inbox with one more task that waits, without the messages that have expired until then."""
    grown = inbox._replace(kept=_fresh(inbox.kept, waiter.since), waiting={**inbox.waiting, path: waiter})
    return grown._replace(due=allotted(grown, None if inbox.due else {path: waiter}))


def taken(inbox: Inbox, path: str, ids: Iterable[str]) -> Inbox:
    """Return the inbox without the messages that a task has taken, the task waiting no more."""
    gone = set(ids)
    left = inbox._replace(
        kept=tuple(one for one in inbox.kept if one.id not in gone),
        waiting={key: value for key, value in inbox.waiting.items() if key != path},
    )
    return left._replace(due=allotted(left) if len(inbox.due) > 1 else ())


def closed(inbox: Inbox, path: str) -> Inbox:
    """Return the inbox without a task that no longer waits."""
    waiting = {key: value for key, value in inbox.waiting.items() if key != path}
    approvals = {key: value for key, value in inbox.approvals.items() if key != path}
    left = inbox._replace(waiting=waiting, approvals=approvals)
    return left._replace(due=allotted(left)) if inbox.due else left


def _fresh(kept: tuple[Message, ...], at: float) -> tuple[Message, ...]:
    if all(one.expires is None or one.expires > at for one in kept):
        return kept
    return tuple(one for one in kept if one.expires is None or one.expires > at)


def allotted(
    inbox: Inbox, waiting: Mapping[str, Waiter] | None = None
) -> tuple[tuple[str, tuple[Message, ...]], ...]:
    """Return which task gets which messages: each the oldest left over by those that began before it.

    waiting: those to look at; all of them without.
    """
    left, found = list(inbox.kept), []
    for path, waiter in (inbox.waiting if waiting is None else waiting).items():
        if not left:
            break
        chosen = waiter.choose(left)
        if chosen is not None:
            found.append((path, chosen))
            left = [one for one in left if all(one is not other for other in chosen)]
    return tuple(found)


def dump_inbox(inbox: Inbox) -> dict[str, Any]:
    """Return the inbox as JSON; what is due follows from it."""
    return {
        "kept": [list(message) for message in inbox.kept],
        "seen": list(inbox.seen),
        "waiting": [[path, *waiter] for path, waiter in inbox.waiting.items()],
        "approvals": [[path, *approval] for path, approval in inbox.approvals.items()],
    }


def read_inbox(shape: Mapping[str, Any]) -> Inbox:
    """Return the inbox that `dump_inbox` gave."""
    read = Inbox(
        tuple(Message(*message) for message in shape["kept"]),
        tuple(shape["seen"]),
        {
            path: Waiter(tuple(Want(*want) for want in wants), *rest)
            for path, wants, *rest in shape["waiting"]
        },
        (),
        {path: read_approval(*approval) for path, *approval in shape["approvals"]},
    )
    return read._replace(due=allotted(read))
