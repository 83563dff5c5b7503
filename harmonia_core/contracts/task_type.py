"""Contract of a task type: what a task does, by name. Stable.

An author writes one function and decorates it with `task_type`. The dispatcher
checks the input against the model, calls the function (an async one on the
loop, a plain one in a thread) and turns what it returns or raises into exactly
one event.
"""

import inspect
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol, Self, TypeAlias

from pydantic import BaseModel

from harmonia_core.contracts.composite import Expand
from harmonia_core.errors import Problem
from harmonia_core.ids import is_name
from harmonia_core.model.paths import JSON

Handler: TypeAlias = Callable[[Any, Any], Any]
Check: TypeAlias = Callable[[Mapping[str, Any]], Iterable["str | Problem"]]

KIND_STABILITY = "stable"


class ArtifactWriter(Protocol):
    """Take the bytes of one artifact; a plain context manager, usable on the loop and in threads.

    Leaving the block seals the artifact; leaving it by an exception throws it away.
    """

    @property
    def reference(self) -> dict[str, Any]:
        """Return `{"$artifact": {name, sha256, size, media_type}}`; RuntimeError before the end."""
        ...

    def write(self, data: bytes) -> int:
        """Add bytes, 1 GiB at most in all; return how many were taken."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class ArtifactReader(Protocol):
    """Give the bytes of a kept artifact in chunks of at most 1 MiB.

    `async for` on the loop, `for` in a plain function's thread. Both raise PermanentError
    `artifact-missing` if the store does not have it any more.
    """

    name: str
    size: int
    media_type: str

    def __aiter__(self) -> AsyncIterator[bytes]: ...

    def __iter__(self) -> Iterator[bytes]: ...


class TaskContext(Protocol):
    """What an attempt may know and say. Every method works on the loop and in the function's thread."""

    @property
    def execution(self) -> str:
        """Return the id of the execution."""
        ...

    @property
    def path(self) -> str:
        """Return the task's place in the execution, such as `book/items[17]/charge`."""
        ...

    @property
    def attempt(self) -> int:
        """Return the number of this attempt, from 1; a lost attempt keeps its number."""
        ...

    @property
    def idempotency_key(self) -> str:
        """Return the key of the side effect, the same for every attempt of this task."""
        ...

    @property
    def deadline(self) -> float | None:
        """Return when the attempt will be ended, in seconds since the epoch, if ever."""
        ...

    @property
    def cancelled(self) -> bool:
        """Tell whether the attempt should stop; a plain function polls it, an async one is interrupted."""
        ...

    @property
    def last_heartbeat(self) -> JSON:
        """Return the details of the last heartbeat of the attempt before, or None."""
        ...

    def log(self, level: str, text: str, **fields: JSON) -> None:
        """Add a line to the activity of the task. level: `debug`, `info`, `warning` or `error`."""
        ...

    def progress(self, fraction: float | None = None, text: str | None = None, value: JSON = None) -> None:
        """Say how far the attempt is. fraction: 0 to 1; value: a partial result for viewers."""
        ...

    def heartbeat(self, details: JSON = None) -> None:
        """Show a sign of life; needed within `heartbeat_timeout`.

        details: JSON of at most 16 KiB, handed to the next attempt should this one be lost;
            stored at most once a second.
        """
        ...

    def artifact(self, name: str, media_type: str = "application/octet-stream") -> ArtifactWriter:
        """Open a file that is kept with the execution, at most 1 GiB; return its `reference` as output."""
        ...

    def open_artifact(self, reference: JSON) -> ArtifactReader:
        """Read an artifact that an earlier task kept, by the reference in its output.

        Raises PermanentError `artifact-invalid` for anything that is no reference.
        """
        ...

    def mask(self, *values: str) -> None:
        """Treat values as secrets in everything that the attempt says or keeps from here on.

        For what a task type knows from its settings; the secrets of a definition are masked
        anyway. Values under 4 characters are ignored: they would be found everywhere.
        """
        ...

    def defer(self) -> str:
        """Leave the attempt open after the function returned; return its completion token.

        What the function returns is ignored from here on; `Engine.complete(token, …)` ends the
        attempt once, from any process. Timeouts go on, a crash of the engine does not end it.
        """
        ...


@dataclass(frozen=True, slots=True, eq=False)
class TaskType:
    """A registered task type. Still callable like the function it was made from.

    handler: the author's function; None for a kernel type, which the engine itself carries out.
    timeout, heartbeat_timeout: seconds per attempt, defaults that a definition may override.
    retry_policy: the default policy, in the keys of a definition's `retry_policy`.
    check: asked at compile time with the constant parts of the input, of which there may be none;
        returns what is wrong.
    api: plugin API version the type was written for.
    words, expand: of a composite, a kernel type: the fields of WorkSpec it takes beside those of every
        task, and what it makes of them.
    pure: it reads and changes nothing but its input, so a test may let it do its work.
    """

    name: str
    handler: Handler | None
    input_model: type[BaseModel] | None = None
    output_model: type[BaseModel] | None = None
    idempotent: bool = True
    timeout: float | None = None
    heartbeat_timeout: float | None = None
    retry_policy: Mapping[str, JSON] | None = None
    is_async: bool = False
    check: Check | None = None
    description: str = ""
    api: tuple[int, int] = (1, 0)
    kernel: bool = False
    words: frozenset[str] = frozenset()
    expand: Expand | None = None
    pure: bool = False

    def __post_init__(self) -> None:
        if not all(is_name(part) for part in self.name.split(".")):
            raise ValueError(f"{self.name!r} cannot name a task type: use letters, digits, '_', '-' and '.'.")
        if self.kernel is (self.handler is not None):
            raise TypeError(f"Task type {self.name!r} needs either a handler or kernel=True.")

    def __call__(self, ctx: TaskContext, input: Any) -> Any:
        """Call the function; the result of an async one is to be awaited."""
        if self.handler is None:
            raise TypeError(f"Task type {self.name!r} is carried out by the engine and cannot be called.")
        return self.handler(ctx, input)


def task_type(
    name: str,
    *,
    input: type[BaseModel] | None = None,
    output: type[BaseModel] | None = None,
    idempotent: bool = True,
    timeout: float | None = None,
    heartbeat_timeout: float | None = None,
    retry_policy: Mapping[str, JSON] | None = None,
    check: Check | None = None,
    api: tuple[int, int] = (1, 0),
    pure: bool = False,
) -> Callable[[Handler], TaskType]:
    """Make a task type of `def f(ctx, input)` or `async def f(ctx, input)`.

    input: model of the input; without one the function gets the plain dict.
    idempotent: whether a lost attempt may be repeated without asking anybody; say False
        for what must not happen twice and has no idempotency key at the other side.
    pure: whether it reads and changes nothing but its input; tests of workflows then run it as it is.
    Raises TypeError for a function that does not take two positional arguments,
    ValueError for an impossible name.
    """

    def decorate(function: Handler) -> TaskType:
        _require_two_arguments(name, function)
        return TaskType(
            name,
            function,
            input,
            output,
            idempotent,
            timeout,
            heartbeat_timeout,
            retry_policy,
            inspect.iscoroutinefunction(function),
            check,
            inspect.getdoc(function) or "",
            api,
            pure=pure,
        )

    return decorate


def _require_two_arguments(name: str, function: Handler) -> None:
    try:
        inspect.signature(function).bind(None, None)
    except TypeError as error:
        raise TypeError(f"Task type {name!r}: the function must take (ctx, input): {error}.") from error
