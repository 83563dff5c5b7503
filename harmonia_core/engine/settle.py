"""Fold, decide, evaluate, decide again: until nothing more can be said before the commit.

This is the loop around the pure core. It draws the time once per batch, records
nothing and starts nothing; what it gathers is committed as one unit, and only
then do the effects happen.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from hashlib import sha256
from typing import Any

from pydantic_core import from_json, to_json

from harmonia_core.contracts.rows import EventRow, RequestRow, TimerRow
from harmonia_core.engine.arrivals import Requested
from harmonia_core.engine.decide import decide
from harmonia_core.engine.evaluate import Evaluator, ask_id
from harmonia_core.engine.evolve import evolve
from harmonia_core.engine.gating import Gate, given_back
from harmonia_core.engine.intents import to_event
from harmonia_core.engine.projections import ClosedTimer, timer_rows
from harmonia_core.engine.rolling import roll_over
from harmonia_core.errors import InvariantViolated
from harmonia_core.model.codec import STORED, encode
from harmonia_core.model.commands import Answers, Ask, ScheduleTask
from harmonia_core.model.events import Asked, Event, Recorded
from harmonia_core.model.refs import REFS, BlobRef
from harmonia_core.model.state import ExecutionState

MAX_PASSES = 1_000_000


class Batch:
    """Gather what one settling of one execution records, and what follows from it.

    recorded: events with their envelopes, in order; rows: the same as they are
    stored. effects: attempts to dispatch; slow: questions to work on; blobs: values
    that were too large for the log, by address. requests: for other executions, known once it is a unit.
    """

    __slots__ = (
        "_evaluator",
        "_gate",
        "_limit",
        "arrivals",
        "blobs",
        "effects",
        "first",
        "now",
        "recorded",
        "requests",
        "rows",
        "slow",
        "state",
        "timers",
    )

    def __init__(
        self,
        state: ExecutionState,
        now: float,
        evaluator: Evaluator,
        inline_limit: int,
        gate: Gate | None = None,
    ) -> None:
        self.state, self.first, self.now, self._gate = state, state, now, gate
        self._evaluator, self._limit = evaluator, inline_limit
        self.recorded: list[Recorded] = []
        self.rows: list[EventRow] = []
        self.effects: list[ScheduleTask] = []
        self.slow: list[tuple[str, Ask]] = []
        self.blobs: dict[str, bytes] = {}
        self.requests: list[RequestRow] = []
        self.arrivals: list[Any] = []
        self.timers: tuple[list[TimerRow], list[ClosedTimer]] = ([], [])

    @property
    def worth_writing(self) -> bool:
        """Tell whether there is anything to commit: an event, or a stored request to consume."""
        return bool(self.recorded) or any(type(arrival) is Requested for arrival in self.arrivals)

    def add(self, event: Event, actor: str | None = None, causation: str | None = None) -> None:
        """Take one event: encode it, move what is too large into a blob, fold it."""
        data = encode(event)
        if len(data) > self._limit:
            event, data = self._spill(event)
        state = self.state
        seq = state.seq + 1
        who = None if actor is None else from_json(actor)
        recorded = Recorded(state.execution_id, seq, self.now, who, causation, event)
        self.recorded.append(recorded)
        self.rows.append(
            EventRow(
                state.execution_id,
                seq,
                self.now,
                type(event).__name__,
                event.V,
                actor,
                causation,
                data.decode(),
            )
        )
        self.state = evolve(state, recorded)

    def _spill(self, event: Event) -> tuple[Event, bytes]:
        for name in STORED:
            value = getattr(event, name, None)
            if value is None or isinstance(value, REFS):
                continue
            text = to_json(value)
            ref = BlobRef(f"sha256:{sha256(text).hexdigest()}", len(text))
            self.blobs[ref.address] = text
            self._evaluator.cache.put(ref.address, value, ref.size)
            event = replace(event, **{name: ref})  # type: ignore[type-var]
        return event, encode(event)

    def enter(self, gate: Gate) -> None:
        """Let an execution that has just begun wait for its turn, if a limit demands it."""
        waits = gate.execution(self.state, self.recorded[0], self._evaluator.quick)
        if waits is not None:
            self.add(waits)

    def settle(self, roll_over_after: int = 0) -> None:
        """Decide and answer until `decide` has nothing more to say, or the log is long enough."""
        if self._gate is not None:
            for event in given_back(self.state):
                self.add(event)
        answers: Answers = {}
        causation = str(self.state.seq)
        for _ in range(MAX_PASSES):
            rolls = roll_over(self.state, roll_over_after)
            commands = decide(self.state.graph, self.state, answers) if rolls is None else [rolls]
            if not commands:
                return
            for command in commands:
                if type(command) is Ask:
                    self._answer(command, answers)
                    continue
                if type(command) is ScheduleTask and not command.node.kernel:
                    waits = None if self._gate is None else self._gate.attempt(self.state, command)
                    if waits is not None:
                        self.add(waits, None, causation)
                        continue
                    self.effects.append(command)
                self.add(to_event(command, self.now), None, causation)
        raise InvariantViolated(f"Execution {self.state.execution_id} does not come to rest.")

    def _answer(self, ask: Ask, answers: Answers) -> None:
        answer = self._evaluator.quick(self.state, ask)
        if answer is not None:
            answers[ask.path, ask.place] = answer
            return
        question = ask_id(self.state, ask)
        self.slow.append((question, ask))
        self.add(Asked(question, ask.path, ask.attempt, ask.place))


Translate = Callable[[ExecutionState, Any, float], "Iterable[tuple[Event, str | None, str | None]]"]


def settle(
    state: ExecutionState,
    arrivals: Iterable[Any],
    translate: Translate,
    now: float,
    evaluator: Evaluator,
    inline_limit: int,
    only_record: bool = False,
    roll_over_after: int = 0,
    gate: Gate | None = None,
) -> Batch:
    """Return the batch that a list of arrivals (outcomes, timers, requests, answers) leads to.

    only_record: decide nothing, unless it is how a cancelled execution ends and needs no attempt.
    roll_over_after: events of one log, after which it goes on in another one; 0 for never.
    gate: what the limits let pass; None if none concerns the execution.
    """
    made = partial(_arrived, state, list(arrivals), translate, now, evaluator, inline_limit, gate)
    batch = made()
    if not only_record or batch.state.cancelling:
        batch.settle(roll_over_after)
        if only_record and (batch.effects or batch.slow):
            batch = made()  # a `finally`, or what undoes, has work to do: its next owner's
    batch.timers = timer_rows(state, batch.state, batch.recorded)
    return batch


def _arrived(
    state: ExecutionState,
    arrivals: Iterable[Any],
    translate: Translate,
    now: float,
    evaluator: Evaluator,
    inline_limit: int,
    gate: Gate | None,
) -> Batch:
    batch = Batch(state, now, evaluator, inline_limit, gate)
    for arrival in arrivals:
        batch.arrivals.append(arrival)
        for event, actor, causation in translate(batch.state, arrival, now):
            batch.add(event, actor, causation)
            if gate is not None and batch.state.seq == 1:
                batch.enter(gate)
    return batch
