"""Rows and units for tests of state backends: small, valid, and different where it matters."""

from typing import Any

from harmonia_core.contracts.rows import (
    DocumentWrite,
    EngineRow,
    EventRow,
    ExecutionRow,
    HeadWrite,
    RequestRow,
    TaskRow,
    Unit,
)

ENGINE = EngineRow("engine-a", 4711, "here", 1_700_000_000.25)
NAMESPACE = "default"


def execution_id(number: int) -> str:
    """Return an id that sorts by its number, as time-ordered ids do."""
    return f"0190a000-0000-7000-8000-{number:012d}"


def head_row(number: int, **changes: Any) -> ExecutionRow:
    """Return the head of a running execution at seq 1, epoch 1, owned by `ENGINE`."""
    key = execution_id(number)
    row = ExecutionRow(
        execution_id=key,
        namespace=NAMESPACE,
        workflow="greet",
        version="1.0.0",
        definition_hash="sha256:00",
        status="running",
        reason=None,
        seq=1,
        epoch=1,
        owner=ENGINE.engine_id,
        created_at=1_700_000_000.123457,
        started_at=1_700_000_000.5,
        ended_at=None,
        root_id=key,
        parent_id=None,
        origin=None,
        labels='{"team": "ä→"}',
        error=None,
        actor='{"kind": "user", "id": "ada"}',
    )
    return row._replace(**changes)


def event_row(number: int, seq: int, **changes: Any) -> EventRow:
    """Return an event of an execution."""
    row = EventRow(execution_id(number), seq, 1_700_000_000.0 + seq, "TaskScheduled", 1, None, None, "{}")
    return row._replace(**changes)


def task_row(number: int, position: int, **changes: Any) -> TaskRow:
    """Return a running task of the root scope."""
    path = f"task{position}"
    row = TaskRow(execution_id(number), "", position, path, "noop", "running", None, 1, 1.5, None, None, None)
    return row._replace(**changes)


def start(number: int, **changes: Any) -> Unit:
    """Return the unit with which an execution begins."""
    return Unit(created=head_row(number, **changes), events=[event_row(number, 1, type="ExecutionStarted")])


def step(number: int, seq: int, count: int = 1, epoch: int = 1, **changes: Any) -> Unit:
    """Return the unit that moves an execution from `seq` by `count` events."""
    head = HeadWrite(
        seq + count, epoch, ENGINE.engine_id, "running", None, None, None, execution_id(number), seq, epoch
    )
    events = [event_row(number, seq + place) for place in range(1, count + 1)]
    return Unit(head=head._replace(**changes), events=events)


def request_row(name: str, number: int = 1, **changes: Any) -> RequestRow:
    """Return a request for an execution."""
    row = RequestRow(name, execution_id(number), NAMESPACE, "cancel", '{"why": "x"}', None, 1.25)
    return row._replace(**changes)


def put(key: str, value: str | None, if_version: int | None = None, **fields: Any) -> DocumentWrite:
    """Return a document write into the collection `things`."""
    return DocumentWrite(NAMESPACE, "things", key, value, if_version, fields)
