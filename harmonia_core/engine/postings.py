"""Messages as rows: what a sender leaves for an execution. Pure."""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any, NamedTuple

from pydantic_core import to_json

from harmonia_core.contracts.rows import RequestRow
from harmonia_core.model.events import MessageEmitted, Recorded

MESSAGE = "message"
"""The kind of a request that is a message."""


class Post(NamedTuple):
    """Hold a message on its way. expires: epoch seconds, if ever. sender: `{kind, id}`."""

    id: str
    name: str
    correlation: Any = None
    data: Any = None
    expires: float | None = None
    sender: Mapping[str, Any] | None = None


def post_of(recorded: Recorded) -> Post:
    """Return the message that an execution has sent."""
    event = recorded.event
    assert isinstance(event, MessageEmitted)
    sender = {"kind": "execution", "id": recorded.execution_id}
    return Post(event.message_id, event.name, event.correlation, event.data, event.expires, sender)


def posted(post: Post, to: str, namespace: str, now: float, published: bool = False) -> RequestRow:
    """Return the row that brings a message to an execution; the same message again is the same row.

    published: it goes to another one if this one waits for it no more.
    """
    digest = sha256(f"{to}\0{post.id}".encode()).hexdigest()
    who = None if post.sender is None else to_json(dict(post.sender)).decode()
    body = {
        "id": post.id,
        "name": post.name,
        "correlation": post.correlation,
        "data": post.data,
        "expires": post.expires,
        "published": published,
    }
    return RequestRow(f"{MESSAGE}:{digest}", to, namespace, MESSAGE, to_json(body).decode(), who, now)
