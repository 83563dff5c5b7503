"""Drive the executions that this engine owns: gather arrivals, settle, commit, then act.

One coroutine (`run`) takes every execution that something arrived for and hands
their batches to the store together, so that whatever ends in one turn of the
loop shares a commit. Effects happen only in `_committed`.
"""

import logging
import os
import random
from collections.abc import Callable, Mapping, Sequence

import anyio
from anyio.abc import TaskGroup

from harmonia_core.clock import Clock
from harmonia_core.contracts.rows import RequestRow
from harmonia_core.contracts.state_backend import StateBackend, StateConflict
from harmonia_core.engine.arrivals import AnswerFound, Arrival, Due, Ended, Requested, again, translate
from harmonia_core.engine.dispatch import LocalDispatcher
from harmonia_core.engine.effects import Effects
from harmonia_core.engine.evaluate import Evaluator
from harmonia_core.engine.gating import gate_of
from harmonia_core.engine.live import Live
from harmonia_core.engine.patience import Patience
from harmonia_core.engine.projections import open_timers
from harmonia_core.engine.publish import Publisher
from harmonia_core.engine.record import Recorder
from harmonia_core.engine.settle import Batch, settle
from harmonia_core.engine.stalls import Stalls
from harmonia_core.engine.timers import Timers
from harmonia_core.errors import Fenced, StateBackendError, VersionConflict
from harmonia_core.model.commands import Answer, Ask
from harmonia_core.model.outcomes import Outcome
from harmonia_core.model.statuses import FINAL_EXECUTION
from harmonia_core.settings import KernelSettings

LOG = logging.getLogger("harmonia.engine")
NONE: frozenset[str] = frozenset()


class Driver:
    """Own the live executions of one engine. Every method runs on the event loop's thread.

    formerly: what goes on where those of these ids ended. ended: called whenever an execution has ended, if
        somebody set it. after: called with each batch that is committed, for effects that other parts of the
        shell carry out. limited: keys of the limits that are in force, by namespace.
    """

    def __init__(
        self,
        backend: StateBackend,
        engine_id: str,
        settings: KernelSettings,
        clock: Clock,
        evaluator: Evaluator,
        publisher: Publisher,
        patience: Patience,
        dispatcher: Callable[[Callable[[Outcome], None]], LocalDispatcher],
        entropy: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._settings, self._clock = settings, clock
        self._evaluator, self._publisher = evaluator, publisher
        self._recorder = Recorder(backend, engine_id, settings.snapshot_every, self._recorded)
        self._patience = patience
        self._stalls = Stalls(patience, clock, self._recorder.submit)
        self._draws = random.Random(entropy(16))
        self.timers = Timers(clock, self._due)
        self.dispatcher = dispatcher(self._ended)
        self._effects = Effects(self.dispatcher, evaluator, self._ended, self._answered)
        self.lives: dict[str, Live] = {}
        self.troubles: dict[str, Exception] = {}
        self.formerly: dict[str, Live] = {}
        self.ended: Callable[[], None] | None = None
        self.after: list[Callable[[Live, Batch], None]] = []
        self.limited: Mapping[str, frozenset[str]] = {}
        self._queue: list[Live] = []
        self._wake = anyio.Event()
        self._group: TaskGroup

    def enter(self, group: TaskGroup) -> None:
        """Take the task group in which attempts and slow questions run; call it before anything else."""
        self._group = group
        self._effects.enter(group)

    async def run(self) -> None:
        """Serve until cancelled."""
        while True:
            await self._wake.wait()
            self._wake = anyio.Event()
            self.turn()

    def turn(self) -> None:
        """Settle and submit everything that has something waiting and nothing in the writer."""
        queue, self._queue = self._queue, []
        work: list[tuple[Live, Batch]] = []
        for live in queue:
            live.queued = False
            if live.batch is None and live.arrivals and live.trouble is None:
                arrivals, live.arrivals = live.arrivals, []
                batch = self._settle(live, arrivals)
                if batch.worth_writing:
                    work.append((live, batch))
                else:
                    live.land()
                    self.tell_parents(live)
        if work:
            self._recorder.submit(work)

    def _settle(self, live: Live, arrivals: Sequence[Arrival], only_record: bool = False) -> Batch:
        limit = self._settings.inline_limit
        now, most = self._clock.now(), self._settings.roll_over_after
        gate = gate_of(live.state.graph, live.state, self.limited.get(live.namespace, NONE))
        return settle(live.state, arrivals, translate, now, self._evaluator, limit, only_record, most, gate)

    async def deliver(self, live: Live, arrivals: Sequence[Arrival]) -> list[RequestRow]:
        """Record what has arrived for an execution that stays without an owner; dispatch nothing.

        Return the requests that it leaves for other executions.
        """
        live.owned = False
        batch = self._settle(live, arrivals, only_record=True)
        self._recorder.submit([(live, batch)])
        await live.settled()
        return batch.requests

    def arrive(self, live: Live, *arrivals: Arrival) -> None:
        """Let something reach an execution; it is settled in the next turn."""
        live.arrivals.extend(arrivals)
        if live.rest.is_set():
            live.rest = anyio.Event()  # it rested; the batch that comes of this says whether it still does
            self.tell_parents(live)
        if not live.queued and live.batch is None:
            live.queued = True
            self._queue.append(live)
            self._wake.set()

    def hand_over(self, *requests: RequestRow) -> None:
        """Let stored requests reach their executions at once, as far as those are ours."""
        for request in requests:
            live = self.live(request.execution_id)
            if live is not None and request.request_id not in live.taken:
                live.taken.add(request.request_id)
                self.arrive(live, Requested(request, True, self.draw()))

    def live(self, execution_id: str) -> Live | None:
        """Return an execution of ours, or what goes on where it ended."""
        return self.lives.get(execution_id) or self.formerly.get(execution_id)

    def succeed(self, live: Live, successor: Live, arrivals: Sequence[Arrival]) -> None:
        """Let another execution go on where one has ended, with everything that came too late for that."""
        live.successor, successor.formerly = successor, (*live.formerly, live.execution_id)
        successor.taken |= live.taken
        left, live.arrivals = live.arrivals, []
        self.formerly |= dict.fromkeys(successor.formerly, successor)
        self.adopt(successor)
        self.arrive(successor, *arrivals, *left)

    def _part(self, live: Live) -> None:
        """Forget an execution that is ended or let go, and those before it."""
        if self.lives.get(live.execution_id) is live:
            del self.lives[live.execution_id]
        for earlier in live.formerly if live.successor is None else ():
            self.formerly.pop(earlier, None)

    def now(self) -> float:
        """Return the time, in epoch seconds."""
        return self._clock.now()

    def draw(self) -> float:
        """Return a number in [-1, 1] for a jitter."""
        return self._draws.uniform(-1, 1)

    def adopt(self, live: Live) -> None:
        """Take an execution under this engine's care, with the timers that its state waits for."""
        self.lives[live.execution_id] = live
        self.troubles.pop(live.execution_id, None)
        self.timers.add(open_timers(live.state))

    def let_go(self, live: Live, trouble: Exception) -> None:
        """Stop caring for an execution: its attempts are cancelled and nothing more is written.

        One that was taken up here once more meanwhile stays under care.
        """
        live.trouble, live.batch = trouble, None
        if self.lives.get(live.execution_id, live) is live:
            self.troubles[live.execution_id] = trouble
            self.dispatcher.drop(live.execution_id)
            self._part(live)
        live.stir()

    def fence(self, live: Live) -> None:
        """Let go of an execution that another engine has taken over."""
        error = Fenced(live.execution_id, live.epoch)
        LOG.error("%s", error)
        self.let_go(live, error)

    def _ended(self, outcome: Outcome) -> None:
        live = self.lives.get(outcome.key.execution_id)
        if live is not None:
            self.arrive(live, Ended(outcome, self.draw() if outcome.kind == "failed" else 0.0))
            if self.dispatcher.quiet:
                self.turn()  # nothing else can end in this turn of the loop, so nobody would share the commit

    def _answered(self, live: Live, question: str, answer: Answer) -> None:
        if live.execution_id in self.lives:
            self.arrive(live, AnswerFound(question, answer))

    def _due(self, execution_id: str, path: str, kind: str) -> None:
        live = self.lives.get(execution_id)
        if live is not None:
            self.arrive(live, Due(path, kind, self.draw()))

    def _recorded(self, live: Live, batch: Batch, error: StateBackendError | None) -> None:
        if live.trouble is not None:
            return  # let go while the batch was in the writer: whatever became of it, act no more
        if error is not None:
            self._refused(live, batch, error)
            return
        if self._patience.tried:
            self._patience.well()
        live.created, live.expected, live.state = True, live.epoch, batch.state
        if live.taken:
            live.taken.difference_update(again(batch.arrivals))
        self._publisher.publish(batch.recorded)
        self._act(live, batch)
        if live.state.status in FINAL_EXECUTION:
            self._part(live)
            self.dispatcher.forget(live.execution_id)
            if self.ended is not None:
                self.ended()
        live.land()
        self.tell_parents(live)
        if live.arrivals and live.execution_id in self.lives:
            self.arrive(live)

    def tell_parents(self, live: Live) -> None:
        """Let those above know whether only a person can help an execution on."""
        parent = self.lives.get(live.state.family.parent_id or "")
        while parent is not None and live.state.family.reports == "end":
            stuck = live.resting and live.state.status not in FINAL_EXECUTION
            child = live.state.root_id
            if stuck is (child in parent.stuck):
                return
            (parent.stuck.add if stuck else parent.stuck.discard)(child)
            parent.stir()
            live, parent = parent, self.lives.get(parent.state.family.parent_id or "")

    def _act(self, live: Live, batch: Batch) -> None:
        """Carry out what has just been recorded."""
        self._effects.interrupt(live, batch)
        self.timers.add(batch.timers[0])
        self.hand_over(*batch.requests)
        self._effects.begin(live, batch)
        for follow in self.after:
            follow(live, batch)

    def reopen(self, live: Live, questions: Sequence[tuple[str, Ask]]) -> None:
        """Work again on questions that were open when the execution was adopted."""
        self._effects.answer(live, live.state, questions)

    def _refused(self, live: Live, batch: Batch, error: StateBackendError) -> None:
        if not live.created and isinstance(error, StateConflict | VersionConflict):
            # It never was: another engine has begun the same child, or what it was to begin with is taken.
            self.let_go(live, error)
            self.troubles.pop(live.execution_id, None)
        elif isinstance(error, StateConflict):
            self.fence(live)
        elif not self._stalls.hold(live, batch, error, self._group.start_soon):
            LOG.error("%s", error)
            self.let_go(live, error)
