"""What of an execution holds slots or waits for them. Pure.

The rows that are counted are a projection of it: they are written and deleted in the units of the events
that change it, so none can outlive what it was for.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from harmonia_core.model.slot_events import SlotPolicy

LIMIT, GRANTED = "limit", "granted"
"""Why a task is blocked that waits for slots, and why one is ready whose first attempt has got them."""


class Want(NamedTuple):
    """Say what is wanted of one limit. most: what the definition allows at once, if it says so."""

    key: str
    units: int
    most: int | None = None


class Claim(NamedTuple):
    """Hold what a task or the execution wants or holds.

    since: when it began to wait, epoch seconds; seq: of the event that says so. attempt: that is to begin,
    or has begun.
    """

    wants: tuple[Want, ...]
    attempt: int
    since: float
    seq: int
    policy: SlotPolicy = "queue"
    granted: bool = False


_NOTHING: Mapping[str, Claim] = MappingProxyType({})


class Slots(NamedTuple):
    """Hold claims by path; an empty path stands for the execution."""

    claims: Mapping[str, Claim] = _NOTHING


NO_SLOTS = Slots()


def dump_slots(slots: Slots) -> list[Any]:
    """Return the claims as JSON."""
    return [[path, [list(want) for want in claim.wants], *claim[1:]] for path, claim in slots.claims.items()]


def read_slots(shape: list[Any]) -> Slots:
    """Return the claims that `dump_slots` gave."""
    return Slots({path: Claim(tuple(Want(*want) for want in wants), *rest) for path, wants, *rest in shape})
