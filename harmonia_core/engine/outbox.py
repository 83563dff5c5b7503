"""What a batch leaves for others: requests to other executions, documents. Pure.

Executions never write into each other's log: one leaves a row in the same unit as the event that
says so, and the other's owner turns it into an event of its own.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from pydantic_core import to_json

from harmonia_core.contracts.rows import DocumentWrite, RequestRow
from harmonia_core.engine import child_rows
from harmonia_core.engine.messages import NOT_AWAITED
from harmonia_core.engine.postings import post_of, posted
from harmonia_core.engine.rolling import successor_in
from harmonia_core.engine.subscriptions import outgoing, outgoing_key, returned
from harmonia_core.model import events as e
from harmonia_core.model.events import Event, MessageEmitted, MessageRefused, Recorded
from harmonia_core.model.state import ExecutionState


class Outgoing(NamedTuple):
    """Hold what rows are made from. state: after the batch. namespace: of the execution."""

    state: ExecutionState
    recorded: Recorded
    namespace: str
    batch: Sequence[Recorded] = ()


def requests(state: ExecutionState, recorded: Sequence[Recorded], namespace: str) -> list[RequestRow]:
    """Return the requests that go with events; ids are derived, so that the same one twice is one."""
    return [
        row
        for record in recorded
        if (found := REQUESTS.get(type(record.event))) is not None
        for row in found(Outgoing(state, record, namespace, recorded))
    ]


def documents(state: ExecutionState, recorded: Iterable[Recorded], namespace: str) -> list[DocumentWrite]:
    """Return the documents that are written with events."""
    return [
        write
        for record in recorded
        if (found := DOCUMENTS.get(type(record.event))) is not None
        for write in found(Outgoing(state, record, namespace))
    ]


def _sent(out: Outgoing) -> Iterator[RequestRow]:
    event, record = out.recorded.event, out.recorded
    if isinstance(event, MessageEmitted) and event.to is not None:
        yield posted(post_of(record), event.to, out.namespace, record.at)


def _published(out: Outgoing) -> Iterator[DocumentWrite]:
    event, record = out.recorded.event, out.recorded
    if isinstance(event, MessageEmitted) and event.to is None:
        yield outgoing(post_of(record), out.namespace, outgoing_key(record.execution_id, record.seq))


def _given_back(out: Outgoing) -> Iterator[DocumentWrite]:
    event, record = out.recorded.event, out.recorded
    if isinstance(event, MessageRefused) and event.reason == NOT_AWAITED:
        key = outgoing_key(record.execution_id, record.seq)
        yield returned(event.message_id, record.execution_id, out.namespace, key)


def _continue(of: Outgoing) -> Iterator[RequestRow]:
    successor, record = successor_in(of.recorded) or "", of.recorded
    body = to_json({"origin": record.execution_id, "origin_seq": record.seq}).decode()
    yield RequestRow(f"continue:{successor}", successor, of.namespace, "continue", body, None, record.at)


REQUESTS: Mapping[type[Event], Callable[[Outgoing], Iterator[RequestRow]]] = {
    e.ChildRequested: child_rows.start,
    e.ChildCancelRequested: child_rows.cancel,
    e.ChildControlRequested: child_rows.control,
    e.ExecutionStarted: child_rows.begun,
    e.ExecutionCompleted: child_rows.ended,
    e.ExecutionFailed: child_rows.ended,
    e.ExecutionCancelled: child_rows.ended,
    e.ExecutionCompensated: child_rows.ended,
    e.ExecutionTerminated: child_rows.ended,
    e.ExecutionRolledOver: _continue,
    MessageEmitted: _sent,
}
DOCUMENTS: Mapping[type[Event], Callable[[Outgoing], Iterator[DocumentWrite]]] = {
    MessageEmitted: _published,
    MessageRefused: _given_back,
}
