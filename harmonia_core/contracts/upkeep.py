"""The second half of a state backend's contract: what keeps a store small, whole and known.

Nothing here is on the path of an execution. Every method works in short slices, so that
commits which arrive meanwhile wait for milliseconds and not for the end of the work.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from harmonia_core.contracts.rows import ActivityRow, ExecutionRow, TaskRow, TimerRow


@dataclass(frozen=True, slots=True)
class FinishedQuery:
    """Select executions that have ended, by (ended_at, execution_id), oldest end first.

    before: only those that ended before this moment (epoch seconds).
    cursor: as returned with the page before; it stays good when rows before it are pruned.
    """

    before: float | None = None
    limit: int = 100
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class Pruned:
    """Count what has been deleted. bytes: of blobs."""

    executions: int = 0
    events: int = 0
    blobs: int = 0
    bytes: int = 0

    def __add__(self, other: "Pruned") -> "Pruned":
        return Pruned(
            self.executions + other.executions,
            self.events + other.events,
            self.blobs + other.blobs,
            self.bytes + other.bytes,
        )


class StateUpkeep(Protocol):
    """Keep a store small, whole and known; failures are those of StateBackend."""

    async def finished(self, query: FinishedQuery) -> tuple[list[ExecutionRow], str | None]:
        """Return one page of ended executions, oldest end first, and the cursor behind its last row.

        The cursor is None only if the page is empty: what ends later is found behind it.
        """
        ...

    async def prune(self, execution_ids: Sequence[str]) -> Pruned:
        """Delete ended executions whole, with the blobs that nothing else refers to.

        Those unknown or not ended are left alone. Ids of one call may be deleted in several
        transactions; an execution is deleted in such an order that a crash between two leaves
        either all of its log or a rest that a later call or `sweep` removes.
        """
        ...

    async def sweep(self, before: float) -> Pruned:
        """Delete what nobody will ask for: uploads abandoned and blobs without reference since
        before a moment, requests and activity of executions that are gone or ended, dead engines.
        """
        ...

    async def vacuum(self) -> None:
        """Give back to the system as much space as can be had, however long it takes."""
        ...

    async def describe(self) -> dict[str, Any]:
        """Return facts for people: backend, place, schema, bytes, executions by status, oldest, blobs."""
        ...

    async def verify(self) -> list[str]:
        """Check the store below the level of executions; return what is wrong, one sentence each."""
        ...

    async def backup(self, target: str, progress: Callable[[float], None] | None = None) -> dict[str, Any]:
        """Write a consistent copy while work goes on; refuse a target that exists.

        Returns {"path", "bytes", "seconds", "restore": how, as a command}. Raises StateBackendError.
        """
        ...

    async def replace_projections(
        self, head: ExecutionRow, tasks: Sequence[TaskRow], timers: Sequence[TimerRow]
    ) -> None:
        """Put an execution's projections in place of those that stand, if its seq and epoch are still these.

        The fence (seq, epoch, owner) is compared and left alone. Raises StateConflict.
        """
        ...

    async def add_activity(self, rows: Sequence[ActivityRow]) -> None:
        """Keep what attempts said; a row that is there already is left alone. Lost in a crash at worst."""
        ...

    async def activity(
        self, execution_id: str, after: int = 0, limit: int = 100, path: str | None = None
    ) -> list[ActivityRow]:
        """Return what attempts said with position > after, ascending; of one task if `path` is given."""
        ...

    async def trim_activity(self, execution_id: str, keep: int) -> int:
        """Delete the oldest rows of an execution beyond `keep`; return how many went."""
        ...
