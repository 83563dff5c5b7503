"""The contract of a state backend: logs with a fence, projections, blobs, documents.

Correctness rests on `submit`: units are compared with their heads and written
under one lock. Everything else is reading, or a truth of its own that no
transition depends on. One suite judges every backend (`harmonia_core.testing`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from harmonia_core.contracts.activity import StateActivity
from harmonia_core.contracts.queries import DocumentQuery as DocumentQuery
from harmonia_core.contracts.queries import ExecutionQuery as ExecutionQuery
from harmonia_core.contracts.rows import (
    Document,
    EngineRow,
    EventRow,
    ExecutionRow,
    HeartbeatRow,
    RequestRow,
    SlotRow,
    TaskRow,
    TimerRow,
    TokenRow,
    Unit,
)
from harmonia_core.contracts.slots import SlotQuery
from harmonia_core.contracts.upkeep import StateChecking, StatePruning
from harmonia_core.errors import StateBackendError

KIND_STABILITY = "stable"

Results = Sequence[tuple[Unit, StateBackendError | None]]


class StateConflict(StateBackendError):
    """Tell that a unit's head has moved; nothing of the unit was written."""

    code = "state-conflict"

    def __init__(self, execution_id: str, seq: int, epoch: int, owner: str | None) -> None:
        self.execution_id, self.seq, self.epoch, self.owner = execution_id, seq, epoch, owner
        super().__init__(f"Execution {execution_id} stands at seq {seq}, epoch {epoch}, owner {owner}.")


class StateBackend(StateActivity, StateChecking, StatePruning, Protocol):
    """Keep executions, blobs and documents.

    Every method runs on the event loop's thread; coroutines may wait, the others
    return at once. Failures are StateBackendError: StateUnavailable and its kinds
    (nothing was written, safe to try again), StateCorrupt, SchemaMismatch.
    """

    async def open(self, engine: EngineRow | None) -> None:
        """Connect, compare the schema, and begin the sign of life of `engine`.

        None opens for reading and requests only. Raises SchemaMismatch, StateUnavailable, StateCorrupt.
        """
        ...

    async def close(self) -> None:
        """Wait for accepted units, end the sign of life and release everything."""
        ...

    def submit(self, units: Sequence[Unit], done: Callable[[Results], None]) -> None:
        """Commit units, grouped; call `done` once per transaction with what it held.

        `done` runs on the loop's thread, perhaps before `submit` returns (commit in
        place). Units of one transaction that conflict (StateConflict, VersionConflict)
        are set aside, the rest is written. An execution has at most one unit in flight.
        """
        ...

    async def commit(self, unit: Unit) -> None:
        """Commit one unit and wait; raise what `submit` would report."""
        ...

    async def head(self, execution_id: str) -> ExecutionRow | None:
        """Return the head row, or None if there is no such execution."""
        ...

    async def heads(self, execution_ids: Sequence[str]) -> list[ExecutionRow]:
        """Return the head rows of those executions that exist, in any order."""
        ...

    async def events(self, execution_id: str, after: int = 0, limit: int | None = None) -> list[EventRow]:
        """Return events with seq > after, ascending."""
        ...

    async def snapshot(self, execution_id: str, up_to: int | None = None) -> tuple[int, bytes] | None:
        """Return the youngest snapshot (seq, state), at or before `up_to` if given."""
        ...

    async def tasks(self, execution_id: str, scope: str | None = None) -> list[TaskRow]:
        """Return task rows by (scope, position); all scopes if None."""
        ...

    async def item_ends(self, execution_id: str, scope: str, start: int, stop: int) -> list[EventRow]:
        """Return the ending events of a map's items `start <= position < stop`, in position order."""
        ...

    async def timers(self, execution_id: str) -> list[TimerRow]:
        """Return the open timers of an execution, by due time."""
        ...

    async def find(self, query: ExecutionQuery) -> tuple[list[ExecutionRow], str | None]:
        """Return one page of executions in the order of the query, and the cursor of the next.

        One that begins, or ends, between two pages changes no page to come.
        """
        ...

    async def unfinished(self) -> list[ExecutionRow]:
        """Return every execution that is not final, oldest first, whoever owns it."""
        ...

    async def owners(self) -> set[str | None]:
        """Return who owns executions that are not final; None if some that need no person have nobody."""
        ...

    async def requests(self, execution_ids: Sequence[str] | None = None) -> list[RequestRow]:
        """Return waiting requests in order of arrival; of all executions if None."""
        ...

    async def add_request(self, request: RequestRow) -> None:
        """Add a request durably and wake its owner; adding the same id again is harmless."""
        ...

    async def slots(self, query: SlotQuery) -> list[SlotRow]:
        """Return rows of slots by namespace and key: those that hold, then those that wait in their order."""
        ...

    async def token(self, token_hash: str) -> TokenRow | None:
        """Return the attempt that a completion token's hash stands for."""
        ...

    async def blob(self, namespace: str, address: str) -> bytes | None:
        """Return a blob whole, or None. Meant for outputs; artifacts are read in chunks."""
        ...

    async def blob_chunk(self, namespace: str, address: str, number: int) -> bytes | None:
        """Return chunk `number` (from 0, 1 MiB each) of a blob, None past its end."""
        ...

    async def upload(self, upload_id: str, number: int, data: bytes) -> None:
        """Keep one chunk (at most 1 MiB) of a blob whose address is not known yet."""
        ...

    async def beat(self, rows: Sequence[HeartbeatRow]) -> None:
        """Upsert heartbeat details."""
        ...

    async def heartbeat(self, execution_id: str, path: str) -> HeartbeatRow | None:
        """Return the last heartbeat of a task."""
        ...

    async def document(self, namespace: str, collection: str, key: str) -> Document | None:
        """Return a document, or None."""
        ...

    async def find_documents(self, query: DocumentQuery) -> tuple[list[Document], str | None]:
        """Return one page of documents and the cursor of the next."""
        ...

    async def stream(
        self, namespace: str, stream: str, after: int = 0, limit: int = 100
    ) -> list[tuple[int, Any]]:
        """Return (position, value) of a stream after a position, ascending from 1."""
        ...

    async def engines(self) -> list[EngineRow]:
        """Return the engines known to this store, alive or not."""
        ...

    async def alive(self, engine_ids: Sequence[str]) -> set[str]:
        """Return those whose sign of life is held by a process, stopped processes included."""
        ...

    def watch(self, wake: Callable[[], None]) -> None:
        """Call `wake` on the loop's thread whenever another engine may have added requests or taken over."""
        ...

    async def health(self) -> dict[str, Any]:
        """Return {"ok": bool, ...} from a real write-and-read probe, within 5 s; never raise.

        When not ok, `code` and `error` are those of a StateBackendError; `store-stuck` if no answer came.
        """
        ...


@dataclass(frozen=True, slots=True)
class BackendType:
    """Register a state backend under the URL schemes it serves.

    create: (url, commit_in_place) give a backend that is not opened yet;
        commit_in_place is `auto` or `never`.
    """

    schemes: tuple[str, ...]
    create: Callable[[str, str], StateBackend]
    name: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names under which the registry keeps it."""
        return self.schemes
