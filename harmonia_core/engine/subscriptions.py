"""Published messages and those who wait for them, as documents. Pure.

They lie in one place for all namespaces, so that whoever sweeps finds them; what belongs together is found
by a topic, which names namespace, message and correlation.
"""

from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any, NamedTuple

from pydantic_core import to_json

from harmonia_core.contracts.rows import Document, DocumentWrite
from harmonia_core.contracts.state_backend import DocumentQuery
from harmonia_core.engine.postings import Post
from harmonia_core.model.codec import canonical
from harmonia_core.model.inbox import Waiter, key_of
from harmonia_core.model.state import ExecutionState
from harmonia_core.model.statuses import FINAL_EXECUTION

Fields = Mapping[str, str | float | None]
PLACE = "harmonia"
MESSAGES, WAITING, OUTGOING = "harmonia.messages", "harmonia.subscriptions", "harmonia.outgoing"
"""Collections: messages until they expire, taken or not; who waits; what has not been looked after yet."""


class Subscription(NamedTuple):
    """Hold one wish of a task that waits, as it is stored.

    at: when it began to wait. siblings: keys of those that end with it.
    """

    namespace: str
    execution: str
    name: str
    key: str | None
    at: float
    siblings: list[str]


def topic(namespace: str, name: str, key: str | None) -> str:
    """Return what a message and a wish for it have in common. key: of the correlation, None for any."""
    return sha256(canonical([namespace, name, key])).hexdigest()


def published(post: Post, namespace: str, now: float) -> DocumentWrite:
    """Return the document of a published message; refused if one of that id is there."""
    value = {"namespace": namespace, "post": post._asdict(), "at": now, "taken_by": None}
    return _write(MESSAGES, f"{namespace}/{post.id}", value, 0, _fields(post, namespace, now))


def _fields(post: Post, namespace: str, at: float) -> Fields:
    return {
        "topic": topic(namespace, post.name, key_of(post.correlation)),
        "subject": topic(namespace, post.name, None),
        "at": at,
        "expires": post.expires,
    }


def outgoing(post: Post, namespace: str, key: str) -> DocumentWrite:
    """Return the document that says: this message is still to be published, or to be brought to somebody."""
    return _write(OUTGOING, key, {"namespace": namespace, "post": post._asdict()}, None, {})


def returned(message_id: str, execution_id: str, namespace: str, key: str) -> DocumentWrite:
    """Return the document that says: this message has not been taken, and is to be brought to another one."""
    return _write(OUTGOING, key, {"namespace": namespace, "id": message_id, "by": execution_id}, None, {})


def open_again(message: Document) -> DocumentWrite:
    """Return the message as one that nobody has taken."""
    namespace, post = post_in(message)
    value = {**message.value, "taken_by": None}
    fields = _fields(post, namespace, message.value["at"])
    return _write(MESSAGES, message.key, value, message.version, fields)


def settled(key: str) -> DocumentWrite:
    """Return what takes an outgoing message off the list."""
    return DocumentWrite(PLACE, OUTGOING, key, None)


def moved(message: Document, key: str, wish: Subscription) -> list[DocumentWrite]:
    """Return what gives a message to one who waits, if neither has been given to another meanwhile."""
    value = {**message.value, "taken_by": wish.execution}
    taken = _write(
        MESSAGES, message.key, value, message.version, {"expires": message.value["post"]["expires"]}
    )
    # A wish is written once, so that it stands at version 1 or is gone.
    return [taken, *(DocumentWrite(PLACE, WAITING, one, None, 1) for one in {key, *wish.siblings})]


def swept(message: Document) -> DocumentWrite:
    """Return what deletes a message that has expired."""
    return DocumentWrite(PLACE, MESSAGES, message.key, None, message.version)


def post_in(document: Document) -> tuple[str, Post]:
    """Return the namespace and the message of a document."""
    return document.value["namespace"], Post(**document.value["post"])


def wish_in(document: Document) -> Subscription:
    """Return the wish of a document."""
    return Subscription(**document.value)


def wishes_for(namespace: str, post: Post) -> Iterator[DocumentQuery]:
    """Yield how the first who waits for a message is found: for this correlation, and for any."""
    for key in (key_of(post.correlation), None):
        yield DocumentQuery(PLACE, WAITING, (("topic", topic(namespace, post.name, key)),), "at", 1)


def messages_for(wish: Subscription) -> DocumentQuery:
    """Return how the oldest message that fits a wish is found."""
    field = "subject" if wish.key is None else "topic"
    return DocumentQuery(PLACE, MESSAGES, ((field, topic(wish.namespace, wish.name, wish.key)),), "at", 1)


def outgoing_key(execution_id: str, seq: int) -> str:
    """Return the key under which a message that an execution publishes is listed."""
    return f"{execution_id}/{seq}"


def wishes(
    state: ExecutionState, path: str, waiter: Waiter, namespace: str
) -> Iterator[tuple[str, Subscription]]:
    """Yield the wishes of a task that waits, by the keys of their documents."""
    keys = [f"{state.execution_id}/{path}#{number}" for number in range(len(waiter.wants))]
    siblings = keys if waiter.mode == "any" else []
    for key, want in zip(keys, waiter.wants, strict=True):
        yield key, Subscription(namespace, state.execution_id, want.name, want.key, waiter.since, siblings)


def changes(before: ExecutionState, after: ExecutionState, namespace: str) -> Iterator[DocumentWrite]:
    """Yield what a batch changes about who waits for published messages."""
    old, new = before.inbox.waiting, after.inbox.waiting
    if old is new and after.status not in FINAL_EXECUTION:
        return
    for path, waiter in old.items():
        if waiter.shared and (path not in new or after.status in FINAL_EXECUTION):
            for key, _ in wishes(after, path, waiter, namespace):
                yield DocumentWrite(PLACE, WAITING, key, None)
    for path in begun(before, after):
        for key, wish in wishes(after, path, new[path], namespace):
            fields: Fields = {"topic": topic(namespace, wish.name, wish.key), "at": wish.at}
            yield _write(WAITING, key, wish._asdict(), None, fields)


def begun(before: ExecutionState, after: ExecutionState) -> list[str]:
    """Return the paths that have begun to wait for published messages, too."""
    old, new = before.inbox.waiting, after.inbox.waiting
    if old is new or after.status in FINAL_EXECUTION:
        return []
    return [path for path, waiter in new.items() if waiter.shared and path not in old]


def _write(collection: str, key: str, value: Any, version: int | None, fields: Fields) -> DocumentWrite:
    return DocumentWrite(PLACE, collection, key, to_json(value).decode(), version, fields)
