"""The engine as plugins see it: ask, look, never append. Provisional."""

from collections.abc import AsyncIterator, Mapping
from typing import Any, Literal, Protocol

from harmonia_core.contracts.rows import Document
from harmonia_core.contracts.state_backend import DocumentQuery, ExecutionQuery


class DocumentStore(Protocol):
    """Keep a plugin's own items, without SQL and migrations."""

    async def put(
        self,
        namespace: str,
        collection: str,
        key: str,
        value: Any,
        if_version: int | None = None,
        fields: Mapping[str, str | float | None] | None = None,
    ) -> None:
        """Write one document; `fields` are what it can be found by. Raises VersionConflict."""
        ...

    async def get(self, namespace: str, collection: str, key: str) -> Document | None:
        """Return one document, or None."""
        ...

    async def delete(self, namespace: str, collection: str, key: str, if_version: int | None = None) -> None:
        """Delete one document; raise VersionConflict."""
        ...

    async def find(self, query: DocumentQuery) -> tuple[list[Document], str | None]:
        """Return one page of documents and the cursor of the next."""
        ...

    async def append(self, namespace: str, stream: str, value: Any) -> None:
        """Append one value to a stream."""
        ...


class Engine(Protocol):
    """What observers, triggers and faces may do. Safe on the engine's own event loop only.

    namespace: `default` unless said otherwise. actor: `{kind, id}`, recorded with what follows.
    """

    @property
    def documents(self) -> DocumentStore:
        """Return the documents of the state backend."""
        ...

    async def start(
        self,
        definition: Any,
        input: Any = None,
        *,
        namespace: str = "default",
        labels: Mapping[str, str] | None = None,
        actor: Mapping[str, str] | None = None,
        key: str | None = None,
    ) -> str:
        """Record a new execution and return its id.

        definition: itself, or the name under which it is published, such as `order@^1.4`. key: of two
            starts with one key, within 30 days, the second returns the execution of the first.
        Raises DefinitionInvalid, InputInvalid, KeyReused, then nothing is recorded.
        """
        ...

    async def request(
        self, execution_id: str, kind: str, body: Any = None, *, actor: Mapping[str, str] | None = None
    ) -> None:
        """Put a request before the owner of an execution; return once it is durable.

        kind: `cancel`, `undo`, `pause` (`timers`: run or hold), `resume` or `terminate`, with a `reason`;
            `retry`, `skip` (with an `output`, if one is given), `fail` or `done`, with the `path` of a task;
            `set` with `values` and perhaps the `path` of a composite; `priority` with a `priority`.
            What does not apply when it comes leads to nothing.
        Raises ExecutionNotFound or ExecutionFinished.
        """
        ...

    async def signal(
        self,
        execution_id: str,
        name: str,
        data: Any = None,
        *,
        correlation: Any = None,
        message_id: str | None = None,
        ttl: float | str | None = None,
        actor: Mapping[str, str] | None = None,
    ) -> str:
        """Send a message to an execution and return its id once it is durable.

        message_id: two messages of the same id count once. ttl: how long it is kept.
        Raises MessageInvalid, ExecutionNotFound or ExecutionFinished.
        """
        ...

    async def publish(
        self,
        name: str,
        data: Any = None,
        *,
        correlation: Any = None,
        message_id: str | None = None,
        ttl: float | str | None = None,
        namespace: str = "default",
        actor: Mapping[str, str] | None = None,
    ) -> str:
        """Send a message to exactly one execution that waits for it, now or later; return its id."""
        ...

    async def decide(
        self,
        execution_id: str,
        path: str,
        decision: Literal["approved", "rejected"],
        data: Any = None,
        *,
        comment: str | None = None,
        actor: Mapping[str, str] | None = None,
    ) -> None:
        """Decide on an approval, as the actor; return once that is recorded.

        Raises ApprovalNotOpen, AlreadyDecided, NotAnAssignee or DecisionInvalid.
        """
        ...

    async def delegate(
        self, execution_id: str, path: str, to: str, *, actor: Mapping[str, str] | None = None
    ) -> None:
        """Let somebody else decide on an approval as well; raise what `decide` does."""
        ...

    async def complete(
        self,
        token: str,
        output: Any = None,
        error: Mapping[str, Any] | None = None,
        *,
        actor: Mapping[str, str] | None = None,
    ) -> None:
        """End a deferred attempt, once; repeats raise AlreadyCompleted."""
        ...

    async def get(self, execution_id: str) -> dict[str, Any]:
        """Return an execution in its public shape; raise ExecutionNotFound."""
        ...

    async def find(self, query: ExecutionQuery) -> tuple[list[dict[str, Any]], str | None]:
        """Return one page of executions, newest first, and the cursor of the next."""
        ...

    def events(self, execution_id: str, after: int = 0) -> AsyncIterator[dict[str, Any]]:
        """Yield the recorded events of an execution with seq greater than `after`, in order."""
        ...
