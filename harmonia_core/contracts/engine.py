"""The engine as plugins see it: ask, look, never append. Provisional."""

from collections.abc import AsyncIterator, Mapping
from typing import Any, Protocol

from harmonia_core.model.events import Recorded


class Engine(Protocol):
    """What observers, triggers and faces may do. Safe on the engine's own event loop only.

    namespace: `default` unless said otherwise. actor: `{kind, id}`, recorded with what follows.
    """

    @property
    def documents(self) -> Any:
        """Return the documents of the state backend: put, get, delete, find, append."""
        ...

    async def start(
        self,
        definition: Any,
        input: Any = None,
        *,
        namespace: str = "default",
        idempotency_key: str | None = None,
        labels: Mapping[str, str] | None = None,
        actor: Mapping[str, str] | None = None,
    ) -> str:
        """Record a new execution and return its id; the same idempotency key gives the same id.

        Raises DefinitionInvalid or InputInvalid, then nothing is recorded.
        """
        ...

    async def signal(
        self, execution: str, name: str, value: Any = None, *, actor: Mapping[str, str] | None = None
    ) -> None:
        """Send a named value to an execution. Raises ExecutionNotFound or ExecutionFinished."""
        ...

    async def request(
        self, execution: str, kind: str, body: Any = None, *, actor: Mapping[str, str] | None = None
    ) -> None:
        """Put any other request (`cancel`, …) before the owner of an execution."""
        ...

    async def complete(self, token: str, output: Any = None, error: Mapping[str, Any] | None = None) -> None:
        """End a deferred attempt, once; repeats raise AlreadyCompleted."""
        ...

    async def get(self, execution: str) -> dict[str, Any]:
        """Return an execution in its public shape; raise ExecutionNotFound."""
        ...

    async def find(self, **criteria: Any) -> list[dict[str, Any]]:
        """Return the head rows of executions that meet all criteria, youngest first."""
        ...

    def events(self, execution: str, after: int = 0) -> AsyncIterator[Recorded]:
        """Yield the recorded events of an execution with seq greater than `after`, in order."""
        ...
