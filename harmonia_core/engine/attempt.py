"""One attempt: from its job to exactly one outcome, whatever the task does.

The body (secrets, input model, the function, output model, artifacts) is an ordinary
coroutine, stepped in variables of its own and let go of when it does not answer a
cancellation. Everything that ends it meets in `_finish`, once.
"""

import math
from collections.abc import Callable
from contextvars import Context, copy_context
from time import monotonic
from typing import Any, Literal, TypeVar, cast

import anyio
from anyio.to_thread import run_sync
from pydantic_core import from_json

from harmonia_core.contracts.task_type import TaskType
from harmonia_core.engine.capture import speaker
from harmonia_core.engine.context import AttemptContext, Services
from harmonia_core.engine.failures import describe, refused
from harmonia_core.engine.handover import checked, resolved_type, succeeded, with_secrets
from harmonia_core.engine.lanes import Lane
from harmonia_core.engine.output import TooLarge
from harmonia_core.engine.stepping import step_through
from harmonia_core.errors import StateBackendError
from harmonia_core.model.outcomes import ErrorInfo, Job, Outcome

QUICK = 64 * 1024
"""Bytes of an output that may be copied and encoded on the loop; more goes to a thread."""

T = TypeVar("T")
Stop = Literal["cancelled", "timeout", "heartbeat"]


class Attempt:
    """Carry one attempt through a lane.

    ended: its outcome is delivered, or nobody wants one. dropped: nobody wants one.
    stop: why it should stop. ticket: of the watchdog. in_thread: it has one of the threads.
    """

    __slots__ = (
        "_end",
        "_grace_end",
        "_lane",
        "_services",
        "_timeout_at",
        "_type",
        "_type_of",
        "context",
        "dropped",
        "ended",
        "in_thread",
        "job",
        "let_go",
        "stop",
        "ticket",
    )

    def __init__(
        self,
        job: Job,
        services: Services,
        type_of: Callable[[str], TaskType],
        end: Callable[["Attempt", Outcome | None], None],
    ) -> None:
        self.job = job
        self.context = AttemptContext(job, services)
        self.stop: Stop | None = None
        self.ended = self.dropped = self.let_go = False
        self.ticket = 0
        self._services = services
        self._type_of = type_of
        self._end = end
        self._lane: Lane | None = None
        self.in_thread = False
        self._timeout_at = self._grace_end = math.inf

    async def run(self, lane: Lane) -> None:
        """Carry the attempt out in a lane and deliver its outcome."""
        self._lane = lane
        outcome: Outcome | None = None
        if self.stop is None and not self.ended:
            try:
                outcome = await step_through(self._body(), self._variables(), self, lane)
            except BaseException as error:
                outcome = self._caught(error)
        self._finish(outcome)

    def ask_to_stop(self, why: Stop) -> None:
        """Begin to end the attempt: interrupt an async function, tell a plain one; grace begins."""
        if self.ended or self.stop is not None:
            return
        self.stop = why
        self.context.stopping = True
        self._grace_end = monotonic() + self._services.settings.cancel_grace
        self._services.watchdog.watch(self, self._grace_end)
        if self._lane is not None and not self.in_thread:
            self._lane.cancel()

    def look(self, now: float) -> float | None:
        """Act on what is overdue; return when the watchdog should look again."""
        if self.ended:
            return None
        if self.stop is not None:
            if now < self._grace_end:
                return self._grace_end
            self.abandon()
            return None
        silent_at = self._silent_at()
        if now >= self._timeout_at:
            self.ask_to_stop("timeout")
        elif now >= silent_at:
            self.ask_to_stop("heartbeat")
        else:
            return min(self._timeout_at, silent_at)
        return None

    def abandon(self) -> None:
        """Deliver the outcome without the task's answer and let go of whatever still runs."""
        if self.ended:
            return
        grace = self._services.settings.cancel_grace
        text = f"The attempt did not stop within {grace:g} s; it was abandoned and may still be running."
        self.context.note("error", text)
        self.let_go = True
        self._finish(None)
        if self._lane is not None:
            self._lane.cancel()
            if hasattr(self._lane.wanted, "cancel"):
                self._lane.wanted.cancel()  # wakes it even inside a shield of its own

    def vanish(self) -> None:
        """End without an outcome: the loop itself is going away."""
        self.context.stopping = self.ended = True
        self.context.close()
        self._end(self, None)

    def _variables(self) -> Context:
        """Return the variables in which the task runs; there, and only there, its prints are its own."""
        variables = copy_context()
        variables.run(speaker.set, self.context)
        return variables

    async def _body(self) -> Outcome:
        try:
            self._type = resolved_type(self.job.type, self._type_of)
            if self.job.key.attempt > 1 or self._heartbeat_timeout is not None:
                await self._recall()
            outcome = await (self._asynchronous() if self._type.is_async else self._plain())
        except BaseException as error:
            if not self.context.has_artifacts or self._interrupted(error):
                raise
            outcome = self._failed(error)
        return await self._with_artifacts(outcome) if self.context.has_artifacts else outcome

    async def _asynchronous(self) -> Outcome:
        self._arm()
        argument = await self._in_worker(self._argument) if self.job.holes else self._argument()
        value = await self._type(self.context, argument)
        if (deferred := self._deferred()) is not None:
            return deferred
        quick = min(QUICK, self._services.settings.output_limit)
        try:
            return succeeded(self.job, self._type, value, self.context.masker, quick)
        except TooLarge:
            return await self._in_worker(self._packed, value)

    async def _plain(self) -> Outcome:
        services = self._services
        async with services.threads:
            self._arm()
            self.in_thread = True
            try:
                return await run_sync(self._call, abandon_on_cancel=True, limiter=services.unlimited)
            finally:
                self.in_thread = False

    def _call(self) -> Outcome:
        try:
            value = self._type(self.context, self._argument())
            return self._deferred() or self._packed(value)
        except BaseException as error:  # some kinds mean something else where they would arrive
            return self._failed(error)

    async def _in_worker(self, function: Callable[..., T], *arguments: Any) -> T:
        def guarded() -> tuple[T | None, BaseException | None]:
            try:
                return function(*arguments), None
            except BaseException as error:
                return None, error

        threads = self._services.threads
        result, error = await run_sync(guarded, abandon_on_cancel=True, limiter=threads)
        if error is not None:
            raise error
        return cast(T, result)

    def _argument(self) -> Any:
        data, self.context.masker = with_secrets(self.job, self._services.secret)
        return checked(self._type, data)

    def _packed(self, value: Any) -> Outcome:
        limit = self._services.settings.output_limit
        try:
            return succeeded(self.job, self._type, value, self.context.masker, limit)
        except TooLarge as error:
            text = f"The output is too large: {error}. Keep large results as an artifact: ctx.artifact(name)."
            raise refused("output-too-large", text) from None

    def _deferred(self) -> Outcome | None:
        token_hash = self.context.token_hash
        return Outcome(self.job.key, "deferred", token_hash=token_hash) if token_hash else None

    def _failed(self, error: BaseException) -> Outcome:
        masker = self.context.masker
        info = masker.error(describe(error, masker.text)) if masker else describe(error)
        return Outcome(self.job.key, "failed", error=info)

    def _caught(self, error: BaseException) -> Outcome | None:
        if self.ended:
            if isinstance(error, GeneratorExit):
                raise error
            return None
        if self.stop is not None:
            return None
        if self._interrupted(error):
            self.vanish()
            raise error
        return self._failed(error)

    def _interrupted(self, error: BaseException) -> bool:
        """Tell our cancellation, or the engine's, from one that the task made up."""
        if self.stop is not None or self.ended:
            return True
        return isinstance(error, anyio.get_cancelled_exc_class()) and (
            anyio.current_effective_deadline() == -math.inf
        )

    def _finish(self, outcome: Outcome | None) -> None:
        if self.ended:
            return
        if self.stop is not None or outcome is None:
            outcome = self._stopped()
        self.context.close()
        self.ended = True
        if self.ticket:
            self._services.watchdog.forget(self)
        self._end(self, outcome)

    def _stopped(self) -> Outcome:
        key = self.job.key
        if self.stop == "cancelled":
            return Outcome(key, "cancelled", abandoned=self.let_go)
        if self.stop == "timeout":
            text = f"The attempt took longer than {self._timeout:g} s."
            error = ErrorInfo("timeout", "attempt-timeout", text)
        else:
            text = f"No heartbeat for {self._heartbeat_timeout:g} s."
            error = ErrorInfo("heartbeat", "heartbeat-timeout", text)
        return Outcome(key, "failed", error=error, abandoned=self.let_go)

    def _arm(self) -> None:
        """Begin the time limits of the function; waiting for a thread does not count."""
        timeout, silence = self._timeout, self._heartbeat_timeout
        if timeout is None and silence is None:
            return
        now = self.context.beaten_at = monotonic()
        if timeout is not None:
            self._timeout_at = now + timeout
            self.context.limit(timeout)
        self._services.watchdog.watch(self, min(self._timeout_at, self._silent_at()))

    @property
    def _timeout(self) -> float | None:
        return self._type.timeout if self.job.timeout is None else self.job.timeout

    @property
    def _heartbeat_timeout(self) -> float | None:
        return (
            self._type.heartbeat_timeout if self.job.heartbeat_timeout is None else self.job.heartbeat_timeout
        )

    def _silent_at(self) -> float:
        silence = self._heartbeat_timeout
        return math.inf if silence is None else self.context.beaten_at + silence

    async def _recall(self) -> None:
        key = self.job.key
        self.context.recall(await self._services.heartbeats.last(key.execution_id, key.path), from_json)

    async def _with_artifacts(self, outcome: Outcome) -> Outcome:
        try:
            return outcome._replace(artifacts=await self.context.finish_artifacts())
        except StateBackendError:
            if outcome.kind == "failed":
                return outcome  # the task's own error says more than that its artifacts are missing
            raise
