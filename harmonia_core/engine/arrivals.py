"""What reaches a live execution, as data, and the events it becomes. Pure but for nothing it draws itself.

The random draw for a retry is taken when the arrival is made, so that translating it is pure.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from pydantic_core import from_json

from harmonia_core.contracts.rows import RequestRow
from harmonia_core.engine.approvals import APPROVAL, overdue
from harmonia_core.engine.families import set_free
from harmonia_core.engine.late import refused
from harmonia_core.engine.outcomes import from_outcome, from_timer
from harmonia_core.engine.postings import MESSAGE
from harmonia_core.engine.request_kinds import Wish, from_request
from harmonia_core.model.commands import Answer
from harmonia_core.model.events import Answered, AttemptLost, Event, LateResultRefused
from harmonia_core.model.outcomes import Outcome
from harmonia_core.model.state import ExecutionState
from harmonia_core.model.statuses import FINAL_EXECUTION, TaskStatus

Caused = tuple[Event, str | None, str | None]


class Ended(NamedTuple):
    """An attempt has ended. draw: uniform in [-1, 1], for the jitter of a retry."""

    outcome: Outcome
    draw: float


class Due(NamedTuple):
    """A timer is due."""

    path: str
    kind: str
    draw: float


class Requested(NamedTuple):
    """A request is to be turned into an event. stored: its row is consumed with that."""

    request: RequestRow
    stored: bool
    draw: float


class AnswerFound(NamedTuple):
    """A slow question has been evaluated."""

    question: str
    answer: Answer


class Fact(NamedTuple):
    """The engine itself states something: a start, an adoption, a loss."""

    event: Event
    actor: str | None = None


Arrival = Ended | Due | Requested | AnswerFound | Fact


def again(arrivals: Iterable[Arrival]) -> Iterator[str]:
    """Yield the ids of consumed requests that may come again under the same id, as messages do."""
    for arrival in arrivals:
        if type(arrival) is Requested and arrival.request.kind == MESSAGE:
            yield arrival.request.request_id


def translate(state: ExecutionState, arrival: Arrival, now: float) -> Iterator[Caused]:
    """Yield the events that an arrival becomes in this state, each with actor and causation."""
    if isinstance(arrival, Ended):
        if state.status in FINAL_EXECUTION:
            return  # it was terminated in the same batch; nothing stands behind an end
        event: Event | None = from_outcome(state, arrival.outcome, now, arrival.draw)
        if isinstance(event, LateResultRefused):
            for late in refused(state, event.path, event.attempt, event.outcome, arrival.outcome.output):
                yield late, None, None
        elif event is not None:
            yield event, None, None
    elif isinstance(arrival, Due) and arrival.kind == APPROVAL:
        yield from ((event, None, None) for event in overdue(state, arrival.path, now))
    elif isinstance(arrival, Due):
        event = from_timer(state, arrival.path, arrival.kind, now, arrival.draw)
        if event is not None and arrival.kind == "deadline":
            yield from ((free, None, None) for free in set_free(state))
        if event is not None:
            yield event, None, None
    elif isinstance(arrival, Requested):
        request = arrival.request
        wish = Wish(from_json(request.body), now, arrival.draw, request.request_id)
        for event in from_request(state, request.kind, wish):
            yield event, request.actor, request.request_id
    elif isinstance(arrival, AnswerFound):
        answer = arrival.answer
        if arrival.question in state.asks:
            yield (
                Answered(arrival.question, *answer),
                None,
                None,
            )
    elif type(arrival.event) is not AttemptLost or _runs(state, arrival.event):
        yield arrival.event, arrival.actor, None


def _runs(state: ExecutionState, event: AttemptLost) -> bool:
    """Tell whether an attempt that was lost has not been ended by a request of the same batch."""
    task = state.task(event.path)
    return task is not None and task.status is TaskStatus.RUNNING and task.attempt == event.attempt
