"""The only writer of events: turn batches into units and hand them to the state backend."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from harmonia_core.contracts.rows import BlobRow, ExecutionRow, HeadWrite, SnapshotRow, TokenRow, Unit
from harmonia_core.contracts.state_backend import Results, StateBackend
from harmonia_core.engine import child_rows, memo_rows
from harmonia_core.engine.arrivals import Arrival, Ended, Requested
from harmonia_core.engine.checkpoint_rows import automatic
from harmonia_core.engine.live import Live
from harmonia_core.engine.outbox import documents, requests
from harmonia_core.engine.projections import final_error, task_rows
from harmonia_core.engine.rolling import blobs_in
from harmonia_core.engine.settle import Batch
from harmonia_core.engine.slot_rows import Change, add_slots
from harmonia_core.engine.subscriptions import changes
from harmonia_core.errors import StateBackendError
from harmonia_core.model.codec import canonical
from harmonia_core.model.events import Event, ExecutionForked, Inheriting, TaskDeferred
from harmonia_core.model.refs import BlobRef
from harmonia_core.model.slots import NO_SLOTS
from harmonia_core.model.snapshot import dump, weight
from harmonia_core.model.state import ExecutionState
from harmonia_core.model.statuses import FINAL_EXECUTION, ExecutionStatus

Done = Callable[[Live, Batch, StateBackendError | None], None]


class Recorder:
    """Commit batches. done: told once per batch, on the loop, whether it was written."""

    def __init__(self, backend: StateBackend, engine_id: str, snapshot_every: int, done: Done) -> None:
        self._backend, self._engine_id, self._done = backend, engine_id, done
        self._snapshot_every = snapshot_every
        self._units: dict[int, tuple[Live, Batch]] = {}

    def submit(self, work: Sequence[tuple[Live, Batch]]) -> None:
        """Commit batches together; each execution has at most one in flight."""
        units = []
        for live, batch in work:
            unit = self._unit(live, batch, self._engine_id if live.owned else None)
            self._units[id(unit)] = live, batch
            live.batch = batch
            units.append(unit)
        self._backend.submit(units, self._results)

    def _results(self, results: Results) -> None:
        for unit, error in results:
            live, batch = self._units.pop(id(unit))
            self._done(live, batch, error)

    def _unit(self, live: Live, batch: Batch, owner: str | None) -> Unit:
        state = batch.state
        timers, closed = batch.timers
        unit = Unit(
            events=batch.rows,
            tasks=task_rows(batch.first, state, batch.recorded),
            timers=timers,
            closed_timers=closed,
        )
        if live.created:
            unit.head = _head(live, batch, owner)
        else:
            unit.created = _created(live, batch, owner)
            if isinstance(batch.recorded[0].event, Inheriting):
                unit.blobs += _inherited(live)
            if live.definition is not None:
                # Every execution refers to its definition by a row of its own: the last one takes it along.
                unit.blobs.append(_blob(live, state.graph.definition_hash, live.definition))
        _arrived(unit, live, batch.arrivals)
        unit.requests = requests(state, batch.recorded, live.namespace)
        unit.blobs += child_rows.blobs(state, batch.recorded, _held(live, batch), live.namespace)
        unit.documents = documents(state, batch.recorded, live.namespace)
        unit.documents += changes(batch.first, state, live.namespace)
        if state.graph.checkpoints is not None:
            unit.documents += automatic(state, batch.recorded)
        if state.graph.memoises:
            unit.documents += memo_rows.documents(state, batch.recorded, live.namespace)
        if not live.created:
            unit.documents += live.documents
        if state.slots is not NO_SLOTS or batch.first.slots is not NO_SLOTS:
            first = batch.recorded[0].event if batch.recorded else None
            add_slots(unit, Change(batch.first, state, first, batch.now), live.namespace)
        batch.requests = unit.requests
        if batch.blobs:
            unit.blobs += [_blob(live, address, data) for address, data in batch.blobs.items()]
        unit.tokens = [
            TokenRow(record.event.token_hash, live.execution_id, record.event.path, record.event.attempt)
            for record in batch.recorded
            if type(record.event) is TaskDeferred
        ]
        if self._due(live, state):
            unit.snapshot = SnapshotRow(live.execution_id, state.seq, dump(state))
            live.snapshot = state.seq
        return unit

    def _due(self, live: Live, state: ExecutionState) -> bool:
        """Tell whether the events since the last snapshot weigh as much as the state.

        A task weighs about two events: the state keeps the input of one and the output of the other.
        """
        since = state.seq - live.snapshot
        if since < max(self._snapshot_every, 2 * live.weight) or state.status in FINAL_EXECUTION:
            return False
        live.weight = weight(state.scope) + state.undo.length
        return since >= 2 * live.weight


async def forget(backend: StateBackend, request_id: str) -> None:
    """Drop a request that no execution is going to consume."""
    await backend.commit(Unit(consumed=[request_id]))


def _held(live: Live, batch: Batch) -> Mapping[str, bytes]:
    """Return the blobs that a unit writes: who refers to one in it brings it along."""
    if live.created or live.definition is None:
        return batch.blobs
    return {**batch.blobs, batch.state.graph.definition_hash: live.definition}


def _appending(state: ExecutionState, owner: str | None) -> str | None:
    """Return who owns an execution. Who rolled one over owns it until its end: it is to begin the next."""
    ended = state.status in FINAL_EXECUTION and state.status is not ExecutionStatus.CONTINUED
    return None if ended else owner


def _head(live: Live, batch: Batch, owner: str | None) -> HeadWrite:
    state = batch.state
    return HeadWrite(
        state.seq,
        live.epoch,
        _appending(state, owner),
        str(state.status),
        state.reason,
        final_error(state),
        state.ended_at,
        live.execution_id,
        batch.first.seq,
        live.expected,
    )


def _created(live: Live, batch: Batch, owner: str | None) -> ExecutionRow:
    state, graph = batch.state, batch.state.graph
    return ExecutionRow(
        live.execution_id,
        live.namespace,
        graph.name,
        graph.version,
        graph.definition_hash,
        str(state.status),
        state.reason,
        state.seq,
        live.epoch,
        _appending(state, owner),
        batch.now,
        state.started_at,
        state.ended_at,
        state.root_id,
        state.family.parent_id,
        _origin(batch.recorded[0].event),
        canonical(state.labels).decode(),
        final_error(state),
        batch.rows[0].actor,
    )


def _origin(first: Event) -> str | None:
    if not isinstance(first, Inheriting):
        return None
    origin: dict[str, Any] = {"execution": first.origin, "seq": first.origin_seq, "kind": "continued"}
    if type(first) is ExecutionForked:
        origin |= {"kind": first.kind, **({"adopted": first.adopted} if first.adopted else {})}
    return canonical(origin).decode()


def _inherited(live: Live) -> list[BlobRow]:
    """Return the blobs that an execution brings along or goes on referring to, each once."""
    rows = {address: _blob(live, address, data) for address, data in live.blobs.items()}
    needed = [] if live.definition is not None else [BlobRef(live.state.graph.definition_hash, 0)]
    for ref in (*needed, *blobs_in(live.state), *live.refers):
        rows.setdefault(ref.address, _blob(live, ref.address, None, ref.size))
    return list(rows.values())


def _arrived(unit: Unit, live: Live, arrivals: Sequence[Arrival]) -> None:
    """Consume what the batch was made from: stored requests, completion tokens, artifacts."""
    for arrival in arrivals:
        if type(arrival) is Requested:
            if arrival.stored:
                unit.consumed.append(arrival.request.request_id)
            if arrival.request.kind == "complete":
                unit.closed_tokens.append(arrival.request.request_id)
        elif type(arrival) is Ended and arrival.outcome.artifacts:
            unit.blobs += [_artifact(live, artifact) for artifact in arrival.outcome.artifacts]


def _artifact(live: Live, artifact: Any) -> BlobRow:
    return BlobRow(
        live.namespace,
        artifact.address,
        artifact.size,
        artifact.media_type,
        live.execution_id,
        None,
        artifact.upload_id,
    )


def _blob(live: Live, address: str, data: bytes | None, size: int | None = None) -> BlobRow:
    """Return the row of a blob; without data it is there, and this execution refers to it as well."""
    size = len(data or b"") if size is None else size
    return BlobRow(live.namespace, address, size, "application/json", live.execution_id, data, None)
