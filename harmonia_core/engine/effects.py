"""Carry out what batches have recorded: interrupt what is ended early, begin attempts, work on questions."""

from collections.abc import Callable, Sequence
from typing import Any

from anyio.abc import TaskGroup

from harmonia_core.engine.dispatch import LocalDispatcher
from harmonia_core.engine.evaluate import Evaluator
from harmonia_core.engine.live import Live
from harmonia_core.engine.outcomes import wanted
from harmonia_core.engine.settle import Batch
from harmonia_core.engine.walks import below, node_of
from harmonia_core.engine.winding import winding
from harmonia_core.errors import StateBackendError
from harmonia_core.ids import stable_key
from harmonia_core.model.addresses import undone_by
from harmonia_core.model.commands import Answer, Ask, ScheduleTask
from harmonia_core.model.events import ExecutionTerminated, ScopeStopped, TaskResolved
from harmonia_core.model.outcomes import AttemptKey, ErrorInfo, Job, Outcome
from harmonia_core.model.refs import BlobRef
from harmonia_core.model.state import ExecutionState
from harmonia_core.model.statuses import FINAL_TASK
from harmonia_core.model.undo import lies_in


class Effects:
    """Act for one engine, on the event loop's thread and only after the commit.

    ended: takes the outcome of an attempt that could not begin. answered: takes what a question came to.
    """

    def __init__(
        self,
        dispatcher: LocalDispatcher,
        evaluator: Evaluator,
        ended: Callable[[Outcome], None],
        answered: Callable[[Live, str, Answer], None],
    ) -> None:
        self._dispatcher, self._evaluator = dispatcher, evaluator
        self._ended, self._answered = ended, answered
        self._group: TaskGroup

    def enter(self, group: TaskGroup) -> None:
        """Take the task group in which attempts and slow questions run."""
        self._group = group

    def interrupt(self, live: Live, batch: Batch) -> None:
        """Interrupt the attempts that a batch ends early."""
        state, first = batch.state, batch.first
        if (state.cancelling and not first.cancelling) or (state.timed_out and not first.timed_out):
            for key in self._dispatcher.in_flight(live.execution_id):
                if winding(state, key.path):
                    self._dispatcher.cancel(live.execution_id, key.path)
        for _, path, kind in batch.timers[1]:
            if kind == "total" and not _held(state, path):
                self._interrupt(live, path)
        for recorded in batch.recorded:
            event = recorded.event
            if isinstance(event, TaskResolved) and event.resolution == "skip":
                self._end_inside(live, event.path)
            elif isinstance(event, ScopeStopped):
                self._interrupt(live, event.path)
            elif isinstance(event, ExecutionTerminated):
                self._dispatcher.cancel(live.execution_id)

    def begin(self, live: Live, batch: Batch) -> None:
        """Begin the attempts of a batch, and work on its questions."""
        for command in batch.effects:
            if type(command.input) is BlobRef:
                self._group.start_soon(self._begin_large, live, command)
            else:
                self._dispatcher.start(self._group, _job(live, batch.state, command, command.input))
        self.answer(live, batch.state, batch.slow)

    def answer(self, live: Live, state: ExecutionState, questions: Sequence[tuple[str, Ask]]) -> None:
        """Work on questions about a state beside everything else."""
        for question, ask in questions:
            self._group.start_soon(self._answer, live, state, question, ask)

    async def _begin_large(self, live: Live, command: ScheduleTask) -> None:
        """Begin an attempt whose input the log holds as a blob, unless it is not wanted any more."""
        key = AttemptKey(live.execution_id, command.path, command.attempt)
        try:
            input = await self._evaluator.value(live.state, command.input)
        except StateBackendError as error:
            lost = ErrorInfo("infrastructure", "input-unavailable", str(error))
            self._ended(Outcome(key, "failed", error=lost))
            return
        if live.trouble is not None:
            return
        if wanted(live.state, command.path):
            self._dispatcher.start(self._group, _job(live, live.state, command, input))
        else:
            self._ended(Outcome(key, "cancelled"))

    def _interrupt(self, live: Live, path: str) -> None:
        """Interrupt the attempts of a task and of all that has begun inside it."""
        self._dispatcher.cancel(live.execution_id, path)
        task = live.state.task(path)
        if task is not None:
            for part, _, _ in below(node_of(live.state.graph, path), task, path):
                if winding(live.state, part):
                    self._dispatcher.cancel(live.execution_id, part)

    def _end_inside(self, live: Live, path: str) -> None:
        """Interrupt the attempts of a task that a person has skipped, and of all that lies inside it."""
        for key in self._dispatcher.in_flight(live.execution_id):
            if key.path == path or lies_in(key.path, path):
                self._dispatcher.cancel(live.execution_id, key.path)

    async def _answer(self, live: Live, state: ExecutionState, question: str, ask: Ask) -> None:
        try:
            answer = await self._evaluator.slowly(state, ask)
        except StateBackendError as error:
            answer = Answer(error=ErrorInfo("infrastructure", "value-unavailable", str(error)))
        self._answered(live, question, answer)


def _held(state: ExecutionState, path: str) -> bool:
    """Tell whether a total timeout stands still, and is not over."""
    task = state.task(path) if state.control.holds else None
    return task is not None and task.status not in FINAL_TASK and task.reason != "total-timeout"


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
        None if undone_by(command.path) else state.deadline,
    )
