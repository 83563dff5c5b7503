"""What parent and child leave for each other: requests in the unit of the event that says so. Pure.

Request ids are derived from the child's id, so that the same one twice is one. Blobs belong to those
who refer to them: whoever hands a value on refers to it in the other's name as well, so that either
may be pruned without the other.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pydantic_core import to_json

from harmonia_core.contracts.rows import BlobRow, RequestRow
from harmonia_core.engine.walks import node_of
from harmonia_core.model.child_events import ChildRequested
from harmonia_core.model.events import ExecutionCompleted, Recorded, TaskScheduled
from harmonia_core.model.family import Family
from harmonia_core.model.outcomes import ErrorInfo
from harmonia_core.model.refs import BlobRef, Stored
from harmonia_core.model.state import ExecutionState

if TYPE_CHECKING:
    from harmonia_core.engine.outbox import Outgoing

START, CHILD = "start", "child"


def start(out: "Outgoing") -> Iterator[RequestRow]:
    """Yield the request that begins a child."""
    event: Any = out.recorded.event
    body = {
        "parent_id": out.state.execution_id,
        "path": event.path,
        "attempt": event.attempt,
        "depth": out.state.family.depth + 1,
        **({"priority": out.state.control.priority} if out.state.control.priority else {}),
        "reports": "end" if not event.detached else "begin" if event.pinned else "nothing",
        "pinned": event.pinned,
        "definition_hash": event.definition_hash,
        **_value("input", _input(out.state, event.path, out.batch)),
    }
    yield _row(f"start:{event.child_id}", event.child_id, START, body, out)


def cancel(out: "Outgoing") -> Iterator[RequestRow]:
    """Yield the request that ends a child early."""
    event: Any = out.recorded.event
    body = {"reason": f"cancelled with task {event.path} of execution {out.state.execution_id}"}
    yield _row(f"cancel:{event.child_id}", event.child_id, "cancel", body, out)


def control(out: "Outgoing") -> Iterator[RequestRow]:
    """Yield the request that pauses, resumes or terminates a child; each time it is another one."""
    event: Any = out.recorded.event
    body: dict[str, Any] = {"by": "parent"}
    if event.action == "pause":
        body["timers"] = event.timers
    elif event.action == "terminate":
        body["reason"] = f"terminated with task {event.path} of execution {out.state.execution_id}"
    request_id = f"{event.action}:{event.child_id}:{out.state.execution_id}:{out.recorded.seq}"
    yield _row(request_id, event.child_id, event.action, body, out)


def begun(out: "Outgoing") -> Iterator[RequestRow]:
    """Yield the report of a child that has begun, if its task waits for that."""
    event: Any = out.recorded.event
    if event.parent_id is not None and event.reports == "begin":
        family = out.state.family
        yield report(out.state.root_id, family, "started", {}, out.recorded.at, out.namespace)


def ended(out: "Outgoing") -> Iterator[RequestRow]:
    """Yield the report of a child's end to the task that waits for it."""
    family, event = out.state.family, out.recorded.event
    if family.parent_id is None or family.reports != "end":
        return
    body: dict[str, Any] = {"reason": getattr(event, "reason", None)}
    error: ErrorInfo | None = getattr(event, "error", None)
    if error is not None:
        body["error"] = error.as_json()
    if isinstance(event, ExecutionCompleted):
        body |= _value("output", event.output)
    status = out.state.status.value
    # However often it was rolled over, its task knows the execution that it started.
    yield report(out.state.root_id, family, status, body, out.recorded.at, out.namespace)


def report(
    child_id: str, family: Family, status: str, body: dict[str, Any], at: float, namespace: str
) -> RequestRow:
    """Return what a child tells the task that started it."""
    whole = {
        "path": family.path,
        "attempt": family.attempt,
        "child_id": child_id,
        "status": status,
        **body,
    }
    request_id = f"{'begun' if status == 'started' else 'ended'}:{child_id}"
    text = to_json(whole).decode()
    return RequestRow(request_id, family.parent_id or "", namespace, CHILD, text, None, at)


def blobs(
    state: ExecutionState, batch: Sequence[Recorded], held: Mapping[str, bytes], namespace: str
) -> list[BlobRow]:
    """Return the blobs that go with what is handed on, for those who get it. held: of this batch."""
    found: list[BlobRow] = []
    for record in batch:
        event = record.event
        if type(event) is ChildRequested:
            found += _definition(state, event, held, namespace)
            input = _input(state, event.path, batch)
            found += _reference(input, event.child_id, held, namespace)
        elif type(event) is ExecutionCompleted:
            family = state.family
            if family.parent_id is not None and family.reports == "end":
                found += _reference(event.output, family.parent_id, held, namespace)
    return found


def _definition(
    state: ExecutionState, event: ChildRequested, held: Mapping[str, bytes], namespace: str
) -> Iterator[BlobRow]:
    if event.pinned:
        return
    child = node_of(state.graph, event.path).child
    text = held.get(event.definition_hash) if child is None or child.text is None else child.text
    size = 0 if text is None else len(text)
    address = event.definition_hash
    for holder in (event.child_id, state.execution_id):
        if text is not None or holder == event.child_id:  # its own definition it refers to anyway
            yield BlobRow(namespace, address, size, "application/json", holder, text, None)


def _reference(value: Stored, holder: str, held: Mapping[str, bytes], namespace: str) -> Iterator[BlobRow]:
    if isinstance(value, BlobRef):
        data = held.get(value.address)
        yield BlobRow(namespace, value.address, value.size, "application/json", holder, data, None)


def _input(state: ExecutionState, path: str, batch: Iterable[Recorded]) -> Stored:
    """Return the input of a task that asks for a child; with its first attempt it may have ended already."""
    for record in batch:
        event = record.event
        if isinstance(event, TaskScheduled) and event.path == path and event.first:
            return event.input
    task = state.task(path)
    return None if task is None else task.input


def _value(name: str, value: Stored) -> dict[str, Any]:
    return {f"{name}@": value.as_json()} if isinstance(value, BlobRef) else {name: value}


def _row(request_id: str, execution_id: str, kind: str, body: dict[str, Any], out: "Outgoing") -> RequestRow:
    actor = None if out.recorded.actor is None else to_json(out.recorded.actor).decode()
    text = to_json(body).decode()
    return RequestRow(request_id, execution_id, out.namespace, kind, text, actor, out.recorded.at)
