"""Faces: what a plugin shows outside the engine, as data. Provisional.

A host (the HTTP service, the command line, a test) turns them into routes, commands
and checks behind its one authentication, limit and audit path. Nothing here knows HTTP
frameworks. Handlers may be plain or async; plain ones run in a thread.
"""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from pydantic import BaseModel

KIND_STABILITY = "provisional"

Method: TypeAlias = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
_PATH = re.compile(r"(/([A-Za-z0-9._~-]+|\{[a-z_]+\}))+")


@dataclass(frozen=True, slots=True)
class Access:
    """Say who may call: holders of a scope, or, said openly, everybody."""

    scope: str | None = None
    public: bool = False

    def __post_init__(self) -> None:
        if self.public is (self.scope is not None):
            raise ValueError("Access needs either a scope or public=True; use PUBLIC or Access('scope').")


PUBLIC: Final = Access(public=True)


@dataclass(frozen=True, slots=True)
class Limits:
    """Bound one endpoint. body: bytes; seconds: of the handler; per_minute: calls by one caller."""

    body: int = 1024 * 1024
    seconds: float = 30.0
    per_minute: int | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """One call, whatever carried it.

    headers: names in lower case. query: every value of a key, in order.
    body: the raw bytes, as signed by the sender. model: the body as the endpoint's request
        model, if it has one. actor: whom the host has recognised (`{kind, id}`).
    """

    method: str
    path: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, Sequence[str]] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    model: Any = None
    namespace: str = "default"
    actor: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Response:
    """The answer. body: bytes as they are, or a model or JSON for the host to encode."""

    body: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


Handler: TypeAlias = Callable[[Any, Request], "Response | Any | Awaitable[Response | Any]"]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Answer one method of one path; the handler gets (engine, request).

    path: below the plugin's own prefix, `/hooks/{name}`; parameters are one segment each.
    request, response: models of the bodies, for checks and for OpenAPI.
    """

    method: Method
    path: str
    handler: Handler
    access: Access
    request: type[BaseModel] | None = None
    response: type[BaseModel] | None = None
    limits: Limits = Limits()
    summary: str = ""

    def __post_init__(self) -> None:
        if _PATH.fullmatch(self.path) is None:
            raise ValueError(f"{self.path!r} is no endpoint path; write it like /hooks/{{name}}.")


@dataclass(frozen=True, slots=True)
class StaticMount:
    """Serve the files of a folder below `path`. fallback: file served for unknown paths below it."""

    path: str
    folder: Path
    access: Access
    fallback: str | None = None


@dataclass(frozen=True, slots=True)
class AsgiMount:
    """Serve a foreign application below `path`. application: `module:factory`, imported by the host only."""

    path: str
    application: str
    access: Access


@dataclass(frozen=True, slots=True)
class CliCommand:
    """Add a command to `harmonia`.

    run: gets the words after the command's name and returns the exit code; called without an engine.
    """

    name: str
    help: str
    run: Callable[[Sequence[str]], int]


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """Tell whether something outside works.

    check: returns None when all is well, else what is wrong and what to do; raising counts as wrong.
    required: whether the service is unready, not only degraded, while it is wrong.
    """

    name: str
    check: Callable[[], "str | Awaitable[str | None] | None"]
    required: bool = False


@dataclass(frozen=True, slots=True)
class Capability:
    """Announce in `/discovery` something that other components may look for."""

    name: str
    version: str
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Faces:
    """Bundle what one plugin shows; `name` is also its path prefix, below `/api/v1/plugins/`."""

    name: str
    endpoints: tuple[Endpoint, ...] = ()
    mounts: tuple[StaticMount | AsgiMount, ...] = ()
    commands: tuple[CliCommand, ...] = ()
    checks: tuple[HealthCheck, ...] = ()
    capabilities: tuple[Capability, ...] = ()
