"""The only writer of events: turn batches into units and hand them to the state backend."""

from collections.abc import Callable, Sequence
from typing import Any

from harmonia_core.contracts.rows import BlobRow, ExecutionRow, HeadWrite, SnapshotRow, TokenRow, Unit
from harmonia_core.contracts.state_backend import Results, StateBackend
from harmonia_core.engine.arrivals import Arrival, Ended, Requested
from harmonia_core.engine.live import Live
from harmonia_core.engine.outbox import documents, requests
from harmonia_core.engine.projections import final_error, task_rows
from harmonia_core.engine.settle import Batch
from harmonia_core.errors import StateBackendError
from harmonia_core.model.codec import canonical
from harmonia_core.model.events import TaskDeferred
from harmonia_core.model.snapshot import dump, weight
from harmonia_core.model.state import ExecutionState
from harmonia_core.model.statuses import FINAL_EXECUTION

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
            if live.definition is not None:
                # Every execution refers to its definition by a row of its own: the last one takes it along.
                unit.blobs.append(_blob(live, state.graph.definition_hash, live.definition))
        _arrived(unit, live, batch.arrivals)
        unit.requests = requests(state, batch.recorded, live.namespace)
        unit.documents = documents(state, batch.recorded, live.namespace)
        if not live.created:
            unit.documents += live.documents
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
        live.weight = weight(state.scope)
        return since >= 2 * live.weight


def _head(live: Live, batch: Batch, owner: str | None) -> HeadWrite:
    state = batch.state
    final = state.status in FINAL_EXECUTION
    return HeadWrite(
        state.seq,
        live.epoch,
        None if final else owner,
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
    final = state.status in FINAL_EXECUTION
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
        None if final else owner,
        batch.now,
        batch.now,
        state.ended_at,
        state.root_id,
        None,
        None,
        canonical(state.labels).decode(),
        final_error(state),
        batch.rows[0].actor,
    )


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


def _blob(live: Live, address: str, data: bytes) -> BlobRow:
    return BlobRow(live.namespace, address, len(data), "application/json", live.execution_id, data, None)
