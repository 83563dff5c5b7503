"""Headers: those of a request, checked and joined, and those of a response, as they are shown. Pure."""

import re
from base64 import b64encode
from collections.abc import Iterable, Mapping
from typing import TypeAlias

from harmonia_core import PermanentError
from harmonia_net import FRAMING_HEADERS, is_header_name
from harmonia_tasks.http.models import Auth, HttpInput, Scalar

Headers: TypeAlias = dict[str, str]
"""Values by name; the names of a request's headers are compared without case."""

UNSAFE_METHODS = frozenset(("POST", "PUT", "PATCH", "DELETE"))
CREDENTIALS = re.compile(r"set-cookie2?|(proxy-)?authorization|(proxy-)?authentication-info")
"""Headers of a response that are shown only if they are asked for."""

_NOT_IN_VALUES = re.compile(r"[^\t\x20-\x7e\x80-\xff]")


def fault(name: str, value: object = "") -> tuple[str, str] | None:
    """Return code and message of what is wrong with a header of a request, if anything is."""
    if not is_header_name(name):
        return "header-invalid", f"{name!r} cannot name a header."
    if name.lower() in FRAMING_HEADERS:
        return "header-not-allowed", f"The header {name!r} is the client's own business."
    if isinstance(value, str) and (_NOT_IN_VALUES.search(value) or value != value.strip()):
        return "header-invalid", f"The value of the header {name!r} has characters that a header cannot hold."
    return None


def request_headers(
    input: HttpInput, connection: Mapping[str, str], media_type: str | None, key: str, attempt: int
) -> Headers:
    """Return the headers of a request; what the task says wins over the connection and the defaults.

    Raises PermanentError `header-invalid`, `header-not-allowed`.
    """
    given: dict[str, Scalar] = {}
    if media_type is not None:
        given["Content-Type"] = media_type
    _join(given, connection)
    if input.idempotency_key and input.method in UNSAFE_METHODS:
        name = input.idempotency_key
        _join(given, {name if isinstance(name, str) else "Idempotency-Key": key})
    if input.attempt_header:
        _join(given, {input.attempt_header: str(attempt)})
    if input.auth is not None and (credentials := authorization(input.auth)) is not None:
        _join(given, {"Authorization": credentials})
    _join(given, input.headers)
    return {name: _text(name, value) for name, value in given.items()}


def authorization(auth: Auth) -> str | None:
    """Return the value of the Authorization header."""
    if auth.bearer is not None:
        return f"Bearer {auth.bearer}"
    if auth.basic is not None:
        pair = f"{auth.basic.username}:{auth.basic.password}"
        return f"Basic {b64encode(pair.encode()).decode()}"
    return None


def shown(pairs: Iterable[tuple[str, str]], asked: Iterable[str] = ()) -> dict[str, str | list[str]]:
    """Return a response's headers by lower-case name, repeated ones joined by commas.

    asked: names that are shown although they may hold credentials; `set-cookie` is a list.
    """
    wanted = {name.lower() for name in asked}
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        lower = name.lower()
        if not CREDENTIALS.fullmatch(lower) or lower in wanted:
            found.setdefault(lower, []).append(value)
    return {
        name: values if name == "set-cookie" else ", ".join(values) for name, values in sorted(found.items())
    }


def _join(headers: dict[str, Scalar], more: Mapping[str, Scalar]) -> None:
    for name, value in more.items():
        for known in [known for known in headers if known.lower() == name.lower()]:
            del headers[known]
        headers[name] = value


def _text(name: str, value: Scalar) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if found := fault(name, text):
        raise PermanentError(found[1], found[0], category="validation")
    return text
