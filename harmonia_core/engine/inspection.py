"""Check a store against its logs, and write projections anew where they differ. Nothing is driven here."""

import random
from collections.abc import AsyncIterator, Container, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from harmonia_core.clock import rfc3339
from harmonia_core.contracts.rows import BlobRow, Unit
from harmonia_core.contracts.state_backend import ExecutionQuery, StateBackend, StateConflict
from harmonia_core.engine.catalog import Catalog
from harmonia_core.engine.checking import MOST_BLOCKS, AllBlocks, Block, capped
from harmonia_core.engine.examination import Definitions, Examination
from harmonia_core.engine.loading import Loader
from harmonia_core.engine.slot_checking import mended
from harmonia_core.errors import ExecutionNotFound, Problem, StateCorrupt
from harmonia_core.plugins.load import Plugins
from harmonia_core.settings import KernelSettings

MOST_PROBLEMS, MOST_TRIES, PAGE = 100, 5, 500

Outcome = Literal["unchanged", "rebuilt", "would-rebuild", "refused", "busy"]


@dataclass(frozen=True, slots=True)
class Checked:
    """Report one execution. notes: what is no fault. damaged: its log cannot be folded to the end."""

    execution_id: str
    status: str
    events: int
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    damaged: bool = False


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """Report what became of one execution's projections.

    refused: the log is damaged. busy: its engine wrote whenever we were about to; try again.
    problems: what was found; after a rebuild, what is left.
    """

    execution_id: str
    outcome: Outcome
    problems: list[Problem] = field(default_factory=list)


class Inspector:
    """Inspect one open store. Engines may be at work on it."""

    def __init__(
        self, backend: StateBackend, plugins: Plugins, settings: KernelSettings | None = None
    ) -> None:
        self._backend = backend
        catalog = Catalog(plugins, settings or KernelSettings())
        self._loader, self._definitions = Loader(backend, catalog), Definitions(backend, catalog)

    async def status(self) -> dict[str, Any]:
        """Return what `describe` says, times as texts, with the health and who of its engines is alive."""
        facts = await self._backend.describe()
        ended: dict[str, float | None] = facts["finished"]
        facts["finished"] = {name: None if at is None else rfc3339(at) for name, at in ended.items()}
        owned: dict[str, int] = facts.pop("owners", {})
        engines = {row.engine_id: row for row in await self._backend.engines()}
        known = sorted({*engines, *owned} - {""})
        alive = await self._backend.alive(known)
        facts["engines"] = [
            {
                "id": key,
                "pid": engines[key].pid if key in engines else None,
                "host": engines[key].host if key in engines else None,
                "alive": key in alive,
                "executions": owned.get(key, 0),
            }
            for key in known
            if key in alive or owned.get(key)
        ]
        facts["unowned"] = owned.get("", 0)
        facts["health"] = await self._backend.health()
        return facts

    async def verify(self) -> list[Problem]:
        """Check the store below the level of executions."""
        return await self._backend.verify()

    async def check(
        self,
        execution_ids: Sequence[str] = (),
        *,
        since: float | None = None,
        sample: int | None = None,
        deep: bool = False,
    ) -> AsyncIterator[Checked]:
        """Yield a report for each execution of all namespaces, or for those named; memory stays flat.

        since: only those created at or after this moment (epoch seconds). sample: so many, drawn at
        random. deep: compare the content of blobs. Raises ExecutionNotFound for an id that is none.
        """
        async for execution_id in self._ids(execution_ids, since, sample):
            try:
                found = await self._examine(execution_id, deep)
            except StateCorrupt as error:
                yield Checked(execution_id, "", 0, [_corrupt(execution_id, error)], damaged=True)
                continue
            if found is not None:
                yield _report(found)
            elif execution_id in execution_ids:
                raise ExecutionNotFound(execution_id)

    async def rebuild(
        self, execution_ids: Sequence[str] = (), *, every: bool = False, dry_run: bool = False
    ) -> AsyncIterator[Rebuilt]:
        """Write projections anew from the log where they differ; yield a report for each execution.

        every: also where nothing differs. dry_run: write nothing. The fence stays as it is, so an
        engine at work goes on. Raises ExecutionNotFound for an id that is none.
        """
        async for execution_id in self._ids(execution_ids, None, None):
            try:
                found = await self._rebuild(execution_id, every, dry_run)
            except StateCorrupt as error:
                found = Rebuilt(execution_id, "refused", [_corrupt(execution_id, error)])
            if found is not None:
                yield found
            elif execution_id in execution_ids:
                raise ExecutionNotFound(execution_id)

    async def _ids(self, given: Sequence[str], since: float | None, sample: int | None) -> AsyncIterator[str]:
        if given:
            for execution_id in dict.fromkeys(given):
                yield execution_id
        elif sample is None:
            async for execution_id in self._all(since):
                yield execution_id
        else:
            for execution_id in await self._drawn(since, sample):
                yield execution_id

    async def _all(self, since: float | None) -> AsyncIterator[str]:
        cursor: str | None = None
        while True:
            rows, cursor = await self._backend.find(ExecutionQuery(None, limit=PAGE, cursor=cursor))
            for row in rows:
                if since is None or row.created_at >= since:
                    yield row.execution_id
            if cursor is None:
                return

    async def _drawn(self, since: float | None, sample: int) -> list[str]:
        """Return `sample` of all ids, each as likely as another, holding no more than these."""
        drawn: list[str] = []
        seen = 0
        async for execution_id in self._all(since):
            place = random.randrange(seen + 1)
            seen += 1
            if len(drawn) < sample:
                drawn.append(execution_id)
            elif place < sample:
                drawn[place] = execution_id
        return drawn

    def _examination(self, execution_id: str, deep: bool, wanted: Container[Block]) -> Examination:
        return Examination(self._backend, self._loader, self._definitions, execution_id, deep, wanted)

    async def _examine(self, execution_id: str, deep: bool = False) -> Examination | None:
        """Return what was found, task rows that differ compared one by one; None if it is not there."""
        found = self._examination(execution_id, deep, ())
        if not await found.run():
            return None
        if found.blocks:
            blocks = found.blocks
            found = self._examination(execution_id, deep, frozenset(blocks[:MOST_BLOCKS]))
            if not await found.run():
                return None
            if found.blocks:
                message = f"more task rows differ, in {len(found.blocks):,} blocks of 256"
                found.problems.append(Problem("projection-differs", f"{execution_id}/task", message))
        if found.problems and await self._backend.head(execution_id) is None:
            return None  # pruned meanwhile: what was missing is missing on purpose
        return found

    async def _rebuild(self, execution_id: str, every: bool, dry_run: bool) -> Rebuilt | None:
        problems: list[Problem] = []
        for _ in range(MOST_TRIES):
            found = await self._examine(execution_id)
            if found is None:
                return None
            problems = _report(found).problems
            if found.damaged:
                return Rebuilt(execution_id, "refused", problems)
            if not every and not _mendable(found):
                return Rebuilt(execution_id, "unchanged", problems)
            if dry_run:
                return Rebuilt(execution_id, "would-rebuild", problems)
            if await self._replace(execution_id):
                left = await self._examine(execution_id)
                return None if left is None else Rebuilt(execution_id, "rebuilt", _report(left).problems)
        return Rebuilt(execution_id, "busy", problems)

    async def _replace(self, execution_id: str) -> bool:
        """Derive every row and write it; return False if the execution has moved meanwhile."""
        found = self._examination(execution_id, False, AllBlocks())
        if not await found.run() or found.damaged or found.derivation is None:
            return False
        head, tasks = found.derivation.head(found.head), list(found.derived.kept.values())
        try:
            await self._backend.replace_projections(
                head, tasks, found.derivation.timers(), found.bad_snapshots,
                mended(found.slots, found.derivation.slots(found.slots, head.namespace)),
            )  # fmt: skip
        except StateConflict:
            return False
        if found.unreferred:
            await self._backend.commit(Unit(blobs=[
                BlobRow(head.namespace, ref.address, ref.size, "application/json", execution_id, None, None)
                for ref in found.unreferred
            ]))  # fmt: skip
        return True


def _corrupt(execution_id: str, error: StateCorrupt) -> Problem:
    return Problem("store-damaged", execution_id, str(error))


def _mendable(found: Examination) -> bool:
    mends = ("projection-differs", "snapshot-differs", "reference-missing")
    return any(problem.code in mends for problem in found.problems)


def _report(found: Examination) -> Checked:
    head = found.head
    problems = capped(found.problems, MOST_PROBLEMS, head.execution_id)
    return Checked(head.execution_id, head.status, head.seq, problems, found.notes, found.damaged)
