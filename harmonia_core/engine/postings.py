"""Messages as rows: what a sender leaves for an execution. Pure."""

from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any, NamedTuple

from pydantic_core import to_json

from harmonia_core.contracts.rows import RequestRow
from harmonia_core.model.events import MessageEmitted

MESSAGE = "message"
"""The kind of a request that is a message."""


class Post(NamedTuple):
    """Hold a message on its way. expires: epoch seconds, if ever."""

    id: str
    name: str
    correlation: Any = None
    data: Any = None
    expires: float | None = None


def post_of(event: MessageEmitted) -> Post:
    """Return the message that an execution has sent."""
    return Post(event.message_id, event.name, event.correlation, event.data, event.expires)


def posted(post: Post, to: str, namespace: str, actor: Mapping[str, Any] | None, now: float) -> RequestRow:
    """Return the row that brings a message to an execution; the same message again is the same row."""
    digest = sha256(f"{to}\0{post.id}".encode()).hexdigest()
    who = None if actor is None else to_json(dict(actor)).decode()
    body = {
        "id": post.id,
        "name": post.name,
        "correlation": post.correlation,
        "data": post.data,
        "expires": post.expires,
    }
    return RequestRow(f"{MESSAGE}:{digest}", to, namespace, MESSAGE, to_json(body).decode(), who, now)


def addressed(execution_id: str, event: Any, namespace: str, at: float) -> Iterator[RequestRow]:
    """Yield the row of a message that an execution sends to another, or to itself."""
    if event.to is not None:
        yield posted(post_of(event), event.to, namespace, {"kind": "execution", "id": execution_id}, at)
