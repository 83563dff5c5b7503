"""Drive the executions that this engine owns: gather arrivals, settle, commit, then act.

One coroutine (`run`) takes every execution that something arrived for and hands
their batches to the store together, so that whatever ends in one turn of the
loop shares a commit. Effects happen only in `_committed`.
"""

import logging
import random
from collections.abc import Callable, Sequence
from typing import Any

import anyio
from anyio.abc import TaskGroup

from harmonia_core.clock import Clock
from harmonia_core.contracts.rows import RequestRow
from harmonia_core.contracts.state_backend import StateBackend, StateConflict
from harmonia_core.engine.arrivals import AnswerFound, Arrival, Due, Ended, Requested, translate
from harmonia_core.engine.dispatch import LocalDispatcher
from harmonia_core.engine.evaluate import Evaluator
from harmonia_core.engine.live import Live
from harmonia_core.engine.outcomes import wanted
from harmonia_core.engine.patience import Patience
from harmonia_core.engine.projections import open_timers
from harmonia_core.engine.publish import Publisher
from harmonia_core.engine.record import Recorder
from harmonia_core.engine.settle import Batch, settle
from harmonia_core.engine.stalls import Stalls
from harmonia_core.engine.timers import Timers
from harmonia_core.engine.walks import begun, below, node_of
from harmonia_core.engine.winding import winding
from harmonia_core.errors import Fenced, StateBackendError, VersionConflict
from harmonia_core.ids import stable_key
from harmonia_core.model.commands import Answer, Ask, ScheduleTask
from harmonia_core.model.events import ScopeStopped
from harmonia_core.model.outcomes import AttemptKey, ErrorInfo, Job, Outcome
from harmonia_core.model.refs import BlobRef
from harmonia_core.model.state import ExecutionState
from harmonia_core.model.statuses import FINAL_EXECUTION, TaskStatus
from harmonia_core.settings import KernelSettings

LOG = logging.getLogger("harmonia.engine")


class Driver:
    """Own the live executions of one engine. Every method runs on the event loop's thread.

    ended: called whenever an execution has ended, if somebody set it. after: called with each batch that is
        committed, for effects that other parts of the shell carry out.
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
    ) -> None:
        self._settings, self._clock = settings, clock
        self._evaluator, self._publisher = evaluator, publisher
        self._recorder = Recorder(backend, engine_id, settings.snapshot_every, self._recorded)
        self._patience = patience
        self._stalls = Stalls(patience, clock, self._recorder.submit)
        self._draws = random.Random()
        self.timers = Timers(clock, self._due)
        self.dispatcher = dispatcher(self._ended)
        self.lives: dict[str, Live] = {}
        self.troubles: dict[str, Exception] = {}
        self.ended: Callable[[], None] | None = None
        self.after: list[Callable[[Live, Batch], None]] = []
        self._queue: list[Live] = []
        self._wake = anyio.Event()
        self._group: TaskGroup

    def enter(self, group: TaskGroup) -> None:
        """Take the task group in which attempts and slow questions run; call it before anything else."""
        self._group = group

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
        if work:
            self._recorder.submit(work)

    def _settle(self, live: Live, arrivals: Sequence[Arrival], only_record: bool = False) -> Batch:
        limit = self._settings.inline_limit
        return settle(live.state, arrivals, translate, self._clock.now(), self._evaluator, limit, only_record)

    async def deliver(self, live: Live, arrivals: Sequence[Arrival]) -> None:
        """Record what has arrived for an execution that stays without an owner; dispatch nothing."""
        live.owned = False
        self._recorder.submit([(live, self._settle(live, arrivals, only_record=True))])
        await live.settled()

    def arrive(self, live: Live, *arrivals: Arrival) -> None:
        """Let something reach an execution; it is settled in the next turn."""
        live.arrivals.extend(arrivals)
        if live.rest.is_set():
            live.rest = anyio.Event()  # it rested; the batch that comes of this says whether it still does
        if not live.queued and live.batch is None:
            live.queued = True
            self._queue.append(live)
            self._wake.set()

    def hand_over(self, request: RequestRow) -> None:
        """Let a stored request reach its execution at once, if it is one of ours."""
        live = self.lives.get(request.execution_id)
        if live is not None and request.request_id not in live.taken:
            live.taken.add(request.request_id)
            self.arrive(live, Requested(request, True, self.draw()))

    def draw(self) -> float:
        """Return a number in [-1, 1] for a jitter."""
        return self._draws.uniform(-1, 1)

    def adopt(self, live: Live) -> None:
        """Take an execution under this engine's care, with the timers that its state waits for."""
        self.lives[live.execution_id] = live
        self.troubles.pop(live.execution_id, None)
        self.timers.add(open_timers(live.state))

    def let_go(self, live: Live, trouble: Exception) -> None:
        """Stop caring for an execution: its attempts are cancelled and nothing more is written."""
        live.trouble = self.troubles[live.execution_id] = trouble
        live.batch = None
        self.dispatcher.drop(live.execution_id)
        self.lives.pop(live.execution_id, None)
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
        self._publisher.publish(batch.recorded)
        self._act(live, batch)
        if live.state.status in FINAL_EXECUTION:
            self.lives.pop(live.execution_id, None)
            self.dispatcher.forget(live.execution_id)
            if self.ended is not None:
                self.ended()
        live.land()
        if live.arrivals and live.execution_id in self.lives:
            self.arrive(live)

    def _act(self, live: Live, batch: Batch) -> None:
        """Carry out what has just been recorded: interrupt, set timers, dispatch, evaluate."""
        state = batch.state
        if (state.cancelling and not batch.first.cancelling) or (
            state.timed_out and not batch.first.timed_out
        ):
            for path, task in begun(state.graph, state):
                if task.status is TaskStatus.RUNNING and winding(state, path):
                    self.dispatcher.cancel(live.execution_id, path)
        rows, closed = batch.timers
        if rows:
            self.timers.add(rows)
        for _, path, kind in closed:
            if kind == "total":
                self._interrupt(live, path)
        for request in batch.requests:
            self.hand_over(request)
        for recorded in batch.recorded:
            if type(recorded.event) is ScopeStopped:
                self._interrupt(live, recorded.event.path)
        for command in batch.effects:
            if type(command.input) is BlobRef:
                self._group.start_soon(self._start_large, self._group, live, command)
            else:
                self.dispatcher.start(self._group, _job(live, state, command, command.input))
        for follow in self.after:
            follow(live, batch)
        for question, ask in batch.slow:
            self._group.start_soon(self._answer, live, state, question, ask)

    async def _start_large(self, group: TaskGroup, live: Live, command: ScheduleTask) -> None:
        """Begin an attempt whose input the log holds as a blob, unless it is not wanted any more."""
        key = AttemptKey(live.execution_id, command.path, command.attempt)
        try:
            input = await self._evaluator.value(live.state, command.input)
        except StateBackendError as error:
            lost = ErrorInfo("infrastructure", "input-unavailable", str(error))
            self._ended(Outcome(key, "failed", error=lost))
            return
        if live.execution_id not in self.lives:
            return
        if wanted(live.state, command.path):
            self.dispatcher.start(group, _job(live, live.state, command, input))
        else:
            self._ended(Outcome(key, "cancelled"))

    def _interrupt(self, live: Live, path: str) -> None:
        """Interrupt the attempts of a task and of all that has begun inside it."""
        self.dispatcher.cancel(live.execution_id, path)
        task = live.state.task(path)
        if task is not None:
            for part, _, _ in below(node_of(live.state.graph, path), task, path):
                if winding(live.state, part):
                    self.dispatcher.cancel(live.execution_id, part)

    async def _answer(self, live: Live, state: ExecutionState, question: str, ask: Ask) -> None:
        try:
            answer = await self._evaluator.slowly(state, ask)
        except StateBackendError as error:
            answer = Answer(error=ErrorInfo("infrastructure", "value-unavailable", str(error)))
        if live.execution_id in self.lives:
            self.arrive(live, AnswerFound(question, answer))

    def reopen(self, live: Live, questions: Sequence[tuple[str, Ask]]) -> None:
        """Work again on questions that were open when the execution was adopted."""
        for question, ask in questions:
            self._group.start_soon(self._answer, live, live.state, question, ask)

    def _refused(self, live: Live, batch: Batch, error: StateBackendError) -> None:
        if isinstance(error, StateConflict):
            self.fence(live)
            return
        if not live.created and isinstance(error, VersionConflict):
            # What it was to begin with is taken: it never was, and who starts it decides what to do.
            self.let_go(live, error)
            del self.troubles[live.execution_id]
            return
        if not self._stalls.hold(live, batch, error, self._group.start_soon):
            LOG.error("%s", error)
            self.let_go(live, error)


def _job(live: Live, state: ExecutionState, command: ScheduleTask, input: Any) -> Job:
    node = command.node
    return Job(
        AttemptKey(live.execution_id, command.path, command.attempt),
        live.namespace,
        node.type,
        input,
        command.holes,
        stable_key(state.root_id, command.path),
        node.timeout,
        node.heartbeat_timeout,
        state.deadline,
    )
