"""What came back: judged by its status, and given as the task's output."""

import re
from collections.abc import Iterable
from time import time
from typing import TYPE_CHECKING, Any

from harmonia_core import TaskError
from harmonia_tasks.http.headers import shown

if TYPE_CHECKING:
    from harmonia_net import Headers, Response

EXCERPT = 2048
"""Bytes of an error's body that are kept with the error."""
AGAIN = frozenset((408, 425, 429))
"""Statuses under 500 that may be different the next time."""
TELLING = re.compile(
    r"allow|content-(language|length|type)|date|location|retry-after|server|traceparent|via|www-authenticate"
    r"|(x-)?ratelimit-(limit|remaining|reset)|(x-)?(request|correlation|trace)-id"
)
"""Headers of a refused request that help to understand it; no others are recorded with an error."""
_TEXTUAL = ("application/javascript", "application/xml", "application/x-www-form-urlencoded")


def unexpected(method: str, place: str, response: "Response") -> TaskError:
    """Return the error for a status that the task does not expect.

    Its class is named after the status (`Http503`), so that policies can match it.
    """
    from harmonia_net import retry_after

    status = response.status
    retryable = status >= 500 or status in AGAIN
    kind: type[TaskError] = type(f"Http{status}", (TaskError,), {})
    return kind(
        f"{method} {place} was answered with status {status}.",
        "http-status",
        "server" if status >= 500 else "client",
        retryable,
        retry_after(response.headers, time()) if retryable else None,
        {"status": status, "headers": _telling(response.headers), "body": response.text},
    )


def value_of(form: str, response: "Response") -> Any:
    """Return a body in the form asked for; raise ResponseUndecodable for JSON that is none.

    auto: JSON and text by the media type, null for an empty body, otherwise base64.
    """
    from base64 import b64encode

    form = _form(response) if form == "auto" else form
    if form == "none":
        return None
    if form == "json":
        return response.json()
    return response.text if form == "text" else b64encode(response.content).decode()


def _form(response: "Response") -> str:
    if not response.content:
        return "none"
    kind = response.media_type
    if kind == "application/json" or kind.endswith("+json"):
        return "json"
    is_text = kind.startswith("text/") or kind.endswith("+xml") or kind in _TEXTUAL
    return "text" if is_text or "charset=" in response.headers.get("content-type", "").lower() else "bytes"


def _telling(headers: "Headers") -> dict[str, Any]:
    return shown(_only(headers.pairs))


def _only(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    cut = ((name, value.partition("?")[0] if name == "location" else value) for name, value in pairs)
    return [(name, value[:500]) for name, value in cut if TELLING.fullmatch(name)]
