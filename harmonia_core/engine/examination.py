"""Examine one execution: its projections at one instant, then its log up to there.

The log is only ever appended to, so that what was read of the projections in one moment can
be compared at leisure, beside an engine that goes on.
"""

from collections.abc import Container
from dataclasses import dataclass, field
from hashlib import sha256

from anyio.lowlevel import checkpoint
from pydantic_core import from_json

from harmonia_core.contracts.rows import EventRow, ExecutionRow, SlotRow, TimerRow
from harmonia_core.contracts.slots import SlotQuery
from harmonia_core.contracts.state_backend import StateBackend
from harmonia_core.engine.catalog import Catalog
from harmonia_core.engine.checking import (
    Block,
    Rows,
    blobs_of,
    differing,
    head_problems,
    row_problems,
    snapshot_problem,
    span,
    timer_problems,
)
from harmonia_core.engine.derived import Derivation
from harmonia_core.engine.loading import Loader, to_recorded
from harmonia_core.engine.rolling import blobs_in
from harmonia_core.engine.slot_checking import slot_problems
from harmonia_core.errors import HarmoniaError, Problem, StateCorrupt
from harmonia_core.model.events import Beginning, Recorded
from harmonia_core.model.graph import Graph
from harmonia_core.model.refs import BlobRef

PAGE = 200
"""Events read at once."""

_RESTORE = "restore it from a backup"
_REBUILD = "harmonia db rebuild notes it anew"


class Definitions:
    """Read and compile the definitions of one store, each once; the newest are remembered."""

    KEEP = 64

    def __init__(self, backend: StateBackend, catalog: Catalog) -> None:
        self._backend, self._catalog = backend, catalog
        self._found: dict[tuple[str, str], Graph | tuple[str, str]] = {}

    async def graph(self, namespace: str, address: str) -> Graph | tuple[str, str]:
        """Return the graph, or the code and the message of what is wrong with the definition."""
        key = namespace, address
        if key not in self._found:
            if len(self._found) >= self.KEEP:
                del self._found[next(iter(self._found))]
            self._found[key] = self._read(address, await self._backend.blob(namespace, address))
        return self._found[key]

    def _read(self, address: str, data: bytes | None) -> Graph | tuple[str, str]:
        if data is None:
            return "definition-missing", "the definition is not there"
        if f"sha256:{sha256(data).hexdigest()}" != address:
            return "definition-damaged", "what is stored is not what its address says"
        try:
            return self._catalog.compile_stored(from_json(data), strict=False)
        except (HarmoniaError, ValueError) as error:
            return "definition-refused", f"this version does not take the definition: {error}"


@dataclass(slots=True, eq=False)
class Examination:
    """Hold what was found of one execution.

    wanted: blocks of task rows to compare row by row. deep: read blobs and compare their content.
    damaged: the log or its definition cannot be read whole, so nothing can be derived from it.
    blocks: those of task rows that differ and were not wanted.
    notes: what is no fault.
    """

    backend: StateBackend
    loader: Loader
    definitions: Definitions
    execution_id: str
    deep: bool = False
    wanted: Container[Block] = ()
    head: ExecutionRow = field(init=False)
    timers: list[TimerRow] = field(default_factory=list)
    slots: list[SlotRow] = field(default_factory=list)
    derived: Rows = field(init=False)
    derivation: Derivation | None = None
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)
    damaged: bool = False
    bad_snapshots: list[int] = field(default_factory=list)
    unreferred: list[BlobRef] = field(default_factory=list)
    _snapshots: set[int] = field(default_factory=set)
    _refs: dict[str, BlobRef] = field(default_factory=dict)

    async def run(self) -> bool:
        """Examine; return False if there is no such execution."""
        stored, self.derived = Rows(self.wanted), Rows(self.wanted)
        found = await self.backend.projections(self.execution_id, stored.take)
        if found is None:
            return False
        self.head, self.timers = found
        await self._list_snapshots()
        self.slots = await self.backend.slots(SlotQuery(execution_id=self.execution_id))
        await self._walk()
        self._compare(stored)
        await self._compare_slots()
        return True

    def _add(self, code: str, place: str, message: str, suggestion: str | None = None) -> None:
        self.problems.append(Problem(code, f"{self.execution_id}/{place}", message, suggestion=suggestion))

    async def _list_snapshots(self) -> None:
        newest = found = await self.backend.snapshot(self.execution_id)
        while found is not None:
            self._snapshots.add(found[0])
            found = await self.backend.snapshot(self.execution_id, found[0] - 1)
        if newest is not None and newest[0] > self.head.seq and await self._stands_still():
            self.bad_snapshots.append(newest[0])
            self._add("snapshot-differs", f"snapshot/{newest[0]}", f"the head stands at {self.head.seq}")

    async def _stands_still(self) -> bool:
        """Tell whether the head stands where it stood: what was read since then is not newer than it."""
        now = await self.backend.head(self.execution_id)
        return now is not None and now.seq == self.head.seq

    async def _walk(self) -> None:
        """Read the log to the head's seq, and one event further if there is one."""
        seq, last, more = 0, self.head.seq, True
        while more:
            limit = min(PAGE, last - seq + 1)
            page = await self.backend.events(self.execution_id, seq, limit)
            more = len(page) == limit
            await checkpoint()  # a backend in memory never lets anybody else have a turn
            for row in page:
                if row.seq > last:
                    more = False
                    await self._beyond(row.seq)
                    break
                self._missing(seq + 1, row.seq - 1)
                seq = row.seq
                await self._event(row)
            await self._look_up()
        self._missing(seq + 1, last)

    async def _beyond(self, seq: int) -> None:
        if await self._stands_still():
            self.damaged = True
            message = f"the log goes on behind the head, which stands at {self.head.seq}"
            self._add("log-beyond-head", f"event/{seq}", message, _RESTORE)

    def _missing(self, first: int, last: int) -> None:
        if first <= last:
            self.damaged = True
            self._add("log-gap", f"event/{first}", f"{span(first, last)} missing", _RESTORE)

    async def _event(self, row: EventRow) -> None:
        try:
            recorded = to_recorded(row)
        except (HarmoniaError, ValueError) as error:
            self.damaged = True
            self._add("unreadable-event", f"event/{row.seq}", str(error), _RESTORE)
            return
        if row.seq == 1:
            await self._begin(recorded)
        self._refs.update((ref.address, ref) for ref in blobs_of(recorded.event))
        if self.derivation is not None and not self.damaged:
            self._fold(self.derivation, recorded)
            if row.seq in self._snapshots:
                await self._snapshot(self.derivation)

    async def _begin(self, first: Recorded) -> None:
        started = first.event
        if not isinstance(started, Beginning):
            self.damaged = True
            message = f"the log begins with {type(started).__name__}, not with ExecutionStarted"
            self._add("unreadable-event", "event/1", message, _RESTORE)
            return
        address = started.definition_hash
        graph = await self.definitions.graph(self.head.namespace, address)
        if isinstance(graph, tuple):
            self.damaged = True
            self._add(graph[0], f"definition/{address}", graph[1], _RESTORE)
            return
        self._refs[address] = BlobRef(address, -1)
        try:
            since = await self.loader.beginning(self.head.namespace, graph, self.execution_id)
        except StateCorrupt as error:
            self.damaged = True
            self._add("base-unreadable", "event/1", str(error), _RESTORE)
            return
        self._refs.update((ref.address, ref) for ref in blobs_in(since))
        self.derivation = Derivation(graph, self.execution_id, since)
        if graph.graph_hash != started.graph_hash:
            self.notes.append(self.loader.changed(started))

    def _fold(self, derivation: Derivation, recorded: Recorded) -> None:
        try:
            ended = derivation.take(recorded)
        except Exception as error:  # the log is damaged, or its definition is not the one it was recorded for
            self.damaged = True
            message = f"{type(recorded.event).__name__} does not follow from what came before: {error!r}"
            self._add("fold-fails", f"event/{recorded.seq}", message, _RESTORE)
            return
        if ended is not None:
            self.derived.take((ended,))

    async def _snapshot(self, derivation: Derivation) -> None:
        seq = derivation.state.seq
        found = await self.backend.snapshot(self.execution_id, seq)
        if found is None or found[0] != seq:
            return  # pruned meanwhile
        problem = snapshot_problem(derivation.state, found[1])
        if problem is not None:
            self.problems.append(problem)
            self.bad_snapshots.append(seq)

    async def _look_up(self) -> None:
        """Compare the references of a page with what the store holds."""
        refs, self._refs = self._refs, {}
        if not refs:
            return
        held = await self.backend.holdings(self.execution_id, self.head.namespace, list(refs))
        for address, ref in refs.items():
            place, holding = f"blob/{address}", held.get(address)
            if holding is None:
                self._add("blob-missing", place, "the log refers to it, but it is not there", _RESTORE)
                continue
            if not holding.referred:
                self.unreferred.append(BlobRef(address, holding.size))
                self._add("reference-missing", place, "that it is needed here is not noted", _REBUILD)
            if ref.size not in (-1, holding.size):
                message = f"it has {holding.size} bytes, the log says {ref.size}"
                self._add("blob-damaged", place, message, _RESTORE)
            elif self.deep and await self._content(address) != address:
                self._add("blob-damaged", place, "its content is not what its address says", _RESTORE)

    async def _content(self, address: str) -> str:
        digest, number = sha256(), 0
        while chunk := await self.backend.blob_chunk(self.head.namespace, address, number):
            digest.update(chunk)
            number += 1
        return f"sha256:{digest.hexdigest()}"

    def _compare(self, stored: Rows) -> None:
        if self.damaged or self.derivation is None:
            return
        self.derived.take(self.derivation.tasks())
        self.problems += head_problems(self.head, self.derivation.head(self.head))
        self.problems += timer_problems(self.execution_id, self.timers, self.derivation.timers())
        self.problems += row_problems(self.execution_id, stored, self.derived)
        self.blocks = differing(stored, self.derived)

    async def _compare_slots(self) -> None:
        """Compare rows of slots; they were read behind the rest, so only while the execution stands still."""
        if self.damaged or self.derivation is None:
            return
        found = list(slot_problems(self.slots, self.derivation.slots(self.slots, self.head.namespace)))
        if found and await self._stands_still():
            self.problems += found
