"""The second half of a state backend's contract: what keeps a store small, whole and known.

Nothing here is on the path of an execution. Every method works in short slices, so that
commits which arrive meanwhile wait for milliseconds and not for the end of the work.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

from harmonia_core.contracts.activity import StateActivity
from harmonia_core.contracts.rows import ExecutionRow, SlotRow, TaskRow, TimerRow
from harmonia_core.errors import Problem


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


class Holding(NamedTuple):
    """Say what a store holds of a blob. size: its bytes; referred: an execution is noted as needing it."""

    size: int
    referred: bool


class StatePruning(Protocol):
    """Keep a store small; failures are those of StateBackend."""

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
        """Delete what nobody will ask for, and finish what a crash interrupted.

        That is: uploads of dead engines, and requests for executions that are gone or ended, both from
        before a moment (epoch seconds); blobs to which no execution refers; heartbeats and activity of
        executions that are gone; dead engines that own nothing. An execution for which a request `start`
        or `continue` waits is not gone: what waits for it, or is kept for it, stays.
        """
        ...

    async def vacuum(self) -> None:
        """Give back to the system as much space as can be had, however long it takes."""
        ...


class StateChecking(Protocol):
    """Keep a store whole and known; failures are those of StateBackend."""

    async def describe(self) -> dict[str, Any]:
        """Return facts for people, at little cost; of a store that is not open, what is known without it.

        backend, place (without a password); schema; bytes: {name: number}; executions: {status: number},
        estimated: whether that is a guess; finished: {oldest, newest} in epoch seconds; owners: {engine
        id, or "" for nobody: unfinished executions}; requests, activity: rows; blobs: {count, bytes}.
        """
        ...

    async def verify(self) -> list[Problem]:
        """Check the store below the level of executions; return what is wrong.

        Codes: store-damaged, row-orphaned, blob-missing, blob-damaged; not-verified for what cannot be
        checked here, which is no fault.
        """
        ...

    async def backup(self, target: str, progress: Callable[[float], None] | None = None) -> dict[str, Any]:
        """Write a consistent copy while work goes on.

        progress: told how much is done, 0 to 1, on the loop's thread. Returns {"path", "bytes",
        "seconds", "restore": how, as a command}. Raises BackupRefused if the target exists or cannot be
        made, StateBackendError; then nothing is left of it.
        """
        ...

    async def projections(
        self, execution_id: str, take: Callable[[Sequence[TaskRow]], None]
    ) -> tuple[ExecutionRow, list[TimerRow]] | None:
        """Return head and timers as they stand at one instant; None if there is no such execution.

        take: called with the task rows of the same instant, page by page, in any order and perhaps on
            another thread, but never at the same time.
        """
        ...

    async def holdings(
        self, execution_id: str, namespace: str, addresses: Sequence[str]
    ) -> dict[str, Holding]:
        """Return what is held of those blobs that are stored."""
        ...

    async def replace_projections(
        self,
        head: ExecutionRow,
        tasks: Sequence[TaskRow],
        timers: Sequence[TimerRow],
        drop_snapshots: Sequence[int] = (),
        slots: Mapping[str, Sequence[SlotRow]] = MappingProxyType({}),
    ) -> None:
        """Put an execution's projections in place of those that stand, in one transaction.

        The fence (seq, epoch, owner) is compared with the head's and left alone, as is the namespace.
        drop_snapshots: seqs of snapshots to delete. slots: rows by path, in place of those that stand at
            that path; others stay. Raises StateConflict if the fence has moved.
        """
        ...


class StateUpkeep(StatePruning, StateChecking, StateActivity, Protocol):
    """Keep a store small, whole and known."""
