"""The rows of slots that a batch writes and deletes: a projection of the execution's claims. Pure."""

from collections.abc import Iterator
from typing import NamedTuple

from harmonia_core.contracts.rows import SlotRow, Unit
from harmonia_core.contracts.slots import HELD, WAITING
from harmonia_core.model.events import Event, ExecutionContinued
from harmonia_core.model.slots import NO_SLOTS, Claim
from harmonia_core.model.state import ExecutionState


class Change(NamedTuple):
    """Hold what a batch has changed. first: its first event, if it has any."""

    before: ExecutionState
    after: ExecutionState
    first: Event | None
    now: float


def add_slots(unit: Unit, change: Change, namespace: str) -> None:
    """Add to a unit what its batch changes about slots; call it only if either state has any."""
    before, after, first, now = change
    if type(first) is ExecutionContinued:
        # What it goes on from has held until now; in between nobody else can come to hold it.
        unit.closed_slots += [(first.origin, path) for path in before.slots.claims]
        before = before._replace(slots=NO_SLOTS)
    touched: set[str] = set()
    for path, claim in before.slots.claims.items():
        kept = after.slots.claims.get(path)
        if kept is None or kept.seq != claim.seq:
            unit.closed_slots.append((after.execution_id, path))
            touched.update(want.key for want in claim.wants)
    for path, claim in after.slots.claims.items():
        stood = before.slots.claims.get(path)
        if stood is None or stood.seq != claim.seq:
            unit.slots += _rows(after, path, claim, namespace)
            touched.update(want.key for want in claim.wants)
    if before.control.priority != after.control.priority:
        unit.slot_priorities.append((after.control.priority, after.execution_id))
    if before.status is not after.status or unit.slot_priorities:
        # Paused it was passed over, and is not any more; or it stands elsewhere in its line.
        touched.update(want.key for claim in after.slots.claims.values() for want in claim.wants)
    unit.promotions += [(namespace, key, now) for key in sorted(touched)]


def slot_rows(state: ExecutionState, namespace: str) -> list[SlotRow]:
    """Return the rows that a state demands; those that wait may have been chosen to run already."""
    return [row for path, claim in state.slots.claims.items() for row in _rows(state, path, claim, namespace)]


def _rows(state: ExecutionState, path: str, claim: Claim, namespace: str) -> Iterator[SlotRow]:
    for want in claim.wants:
        yield SlotRow(
            state.execution_id,
            path,
            want.key,
            namespace,
            want.units,
            want.most,
            claim.policy,
            state.control.priority,
            claim.since,
            claim.seq,
            HELD if claim.granted else WAITING,
            claim.since,
        )
