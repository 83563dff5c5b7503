"""What can be said about the input of `http` before anything runs, and again when values are known."""

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from harmonia_core import PermanentError, Problem, TaskError
from harmonia_tasks.http import addresses, contents, paging
from harmonia_tasks.http.headers import fault
from harmonia_tasks.http.models import METHODS, HttpInput, Paginate

if TYPE_CHECKING:
    from harmonia_tasks.http.connections import Connection

Judge = Callable[[str], None]
"""Raise TaskError if a whole URL may not be called."""


def problems(
    connections: "Mapping[str, Connection]", judge: Judge, constants: Mapping[str, Any]
) -> Iterator[Problem]:
    """Yield everything that is wrong with those parts of an input that are written out."""
    yield from _address(connections, judge, constants)
    yield from _headers(constants)
    yield from contradictions(constants)


def contradictions(given: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield what does not go together, and an unknown method."""
    yield from _method(given.get("method"))
    forms = [name for name in contents.FORMS if name in given and (name == "json" or given[name] is not None)]
    if len(forms) > 1:
        yield Problem("body-contradictory", forms[1], contents.contradiction(forms))
    yield from _auth(given.get("auth"))
    yield from _response(given)
    yield from _paginate(given)


def require_sound(input: HttpInput) -> None:
    """Raise PermanentError with the code of the first thing that is wrong with a whole input."""
    bodies = {"json_", "form", "multipart", "body", "query"}
    given = input.model_dump(by_alias=True, exclude_unset=True, exclude=bodies)
    given |= dict.fromkeys(contents.forms_given(input), True)
    for problem in contradictions(given):
        raise PermanentError(problem.message, problem.code, category="validation")


def _method(method: Any) -> Iterator[Problem]:
    if isinstance(method, str) and method.upper() not in METHODS:
        message = f"{method!r} is no method; known: {', '.join(METHODS)}."
        yield Problem("method-unknown", "method", message)


def _address(
    connections: "Mapping[str, Connection]", judge: Judge, constants: Mapping[str, Any]
) -> Iterator[Problem]:
    name, url = constants.get("connection"), constants.get("url")
    if isinstance(name, str) and name and name not in connections:
        known = ", ".join(sorted(connections)) or "none"
        yield Problem("connection-unknown", "connection", f"No connection is named {name!r}; known: {known}.")
        return
    if not isinstance(url, str):
        return
    try:
        if isinstance(name, str) and name:
            addresses.resolve(url, connections[name].base_url)
        elif addresses.split(url).netloc and not _is_connected(url, connections):
            judge(url)
    except TaskError as error:
        yield Problem(error.error_code, "url", str(error))


def _is_connected(url: str, connections: "Mapping[str, Connection]") -> bool:
    """Tell whether a URL may belong to a connection that an expression names."""
    return any(addresses.origin(url) == addresses.origin(one.base_url) for one in connections.values())


def _headers(constants: Mapping[str, Any]) -> Iterator[Problem]:
    headers = constants.get("headers")
    for name, value in headers.items() if isinstance(headers, dict) else ():
        if found := fault(str(name), value):
            yield Problem(found[0], f"headers[{str(name)!r}]", found[1])
    for key in ("idempotency_key", "attempt_header"):
        name = constants.get(key)
        if isinstance(name, str) and (found := fault(name)):
            yield Problem(found[0], key, found[1])


def _auth(auth: Any) -> Iterator[Problem]:
    if not isinstance(auth, dict):
        return
    given = [name for name in ("bearer", "basic") if auth.get(name) is not None]
    if len(given) != 1:
        message = f"auth needs either bearer or basic, not {' and '.join(given) or 'neither'}."
        yield Problem("auth-contradictory", "auth", message)


def _response(given: Mapping[str, Any]) -> Iterator[Problem]:
    response, paged = given.get("response"), given.get("paginate") is not None
    spec = response if isinstance(response, dict) else {"as": response} if response != "file" else {}
    form = spec.get("as") or "auto"
    kept = response == "file" or spec.get("to") is not None
    if kept and form != "auto":
        message = f"An artifact holds the bytes as they come; leave `as: {form}` out, or `to: artifact`."
        yield Problem("response-contradictory", "response", message)
    if not kept:
        for key in ("name", "media_type"):
            if spec.get(key) is not None:
                message = f"`{key}` describes an artifact; add `to: artifact`."
                yield Problem("response-contradictory", f"response.{key}", message)
    if paged and form not in ("auto", "json"):
        message = f"Pages are JSON, so the response cannot be given as {form!r}."
        yield Problem("response-contradictory", "response", message)
    if paged and str(given.get("method", "GET")).upper() == "HEAD":
        yield Problem("response-contradictory", "method", "HEAD answers without a body: there are no pages.")


def _paginate(given: Mapping[str, Any]) -> Iterator[Problem]:
    try:
        spec = Paginate.model_validate(given.get("paginate"))
    except ValidationError:
        return  # said elsewhere, field by field; or there is none
    for message in paging.faults(spec):
        yield Problem("pagination-contradictory", "paginate", f"{message}.")
    if spec.send == "json" and any(given.get(name) is not None for name in ("form", "multipart", "body")):
        message = "`send: json` needs a body of the form `json`, or none."
        yield Problem("pagination-contradictory", "paginate.send", message)
