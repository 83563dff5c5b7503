"""Let a paused execution end because another one goes on in its place, by another version. Pure.

The end and the wish for the new one are one commit: never do both run, and whoever finds the wish begins
what is missing. What the new one begins with follows from the log alone.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pydantic_core import to_json

from harmonia_core.contracts.rows import RequestRow
from harmonia_core.engine.clearing import cleared
from harmonia_core.engine.families import controlled, set_free
from harmonia_core.model import events as e
from harmonia_core.model.events import Event
from harmonia_core.model.state import ExecutionState
from harmonia_core.model.statuses import ExecutionStatus

if TYPE_CHECKING:
    from harmonia_core.engine.outbox import Outgoing
    from harmonia_core.engine.request_kinds import Wish

UPGRADE, FORK = "upgrade", "fork"
UPGRADED = "upgraded"


def upgraded(state: ExecutionState, wish: "Wish") -> Iterator[Event]:
    """Yield the end of an execution that is paused and stands where it did when it was asked for."""
    body = wish.body
    if state.status is not ExecutionStatus.PAUSED or state.seq != body.get("stands_at"):
        return
    yield from controlled(state, "terminate")
    yield from set_free(state)
    yield from cleared(state)
    yield e.ExecutionTerminated(UPGRADED, body["upgrade"])


def begin_upgrade(out: "Outgoing") -> Iterator[RequestRow]:
    """Yield the request that begins the execution which goes on in the place of one that has ended."""
    event, record = out.recorded.event, out.recorded
    if isinstance(event, e.ExecutionTerminated) and event.upgrade is not None:
        new = event.upgrade["execution"]
        body = to_json({**event.upgrade, "origin": record.execution_id}).decode()
        actor = None if record.actor is None else to_json(record.actor).decode()
        yield RequestRow(f"{FORK}:{new}", new, out.namespace, FORK, body, actor, record.at)
