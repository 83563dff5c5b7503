"""Carry out what a mock answers, as an attempt: in workflow time, with the limits that the task has."""

import inspect
import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import anyio

from harmonia_core.contracts.task_type import TaskContext, TaskType
from harmonia_core.engine.capture import speaker
from harmonia_core.engine.failures import Refused
from harmonia_core.engine.handover import checked
from harmonia_core.model.outcomes import Category, ErrorInfo, Job
from harmonia_core.testing.answers import Never, Takes
from harmonia_core.testing.clock import FakeClock
from harmonia_core.testing.mocks import Mock
from harmonia_core.testing.refusals import TargetInvalid


class Limits(NamedTuple):
    """Hold the time limits of an attempt in seconds, as far as it has them."""

    timeout: float | None
    heartbeat: float | None

    def ends(self, began: float) -> tuple[float, Category, str, str]:
        """Return when they end an attempt, and by which category, code and text."""
        most, silence = self.timeout, self.heartbeat
        if silence is not None and (most is None or silence < most):
            return began + silence, "heartbeat", "heartbeat-timeout", f"No heartbeat for {silence:g} s."
        if most is not None:
            return began + most, "timeout", "attempt-timeout", f"The attempt took longer than {most:g} s."
        return math.inf, "timeout", "", ""


class MockedWork:
    """Make task types that answer for attempts.

    waits: executions and paths of the attempts that only wait for workflow time. stir: called when one
    begins to wait for nothing. blame: told what is wrong with the test itself.
    """

    def __init__(
        self, clock: FakeClock, stir: Callable[[], None], blame: Callable[[Exception], None]
    ) -> None:
        self._clock, self._stir, self._blame = clock, stir, blame
        self.waits: set[tuple[str, str]] = set()

    def task_type(self, job: Job, mock: Mock, real: TaskType) -> TaskType:
        """Return what carries out one attempt that a mock answers for. real: the type it stands for."""
        limits = Limits(job.timeout or real.timeout, job.heartbeat_timeout or real.heartbeat_timeout)

        async def answer(ctx: TaskContext, input: Any) -> Any:
            if not real.kernel:
                checked(real, input)
            mock.inputs.append(input)
            speaker.set(None)  # what the test prints, it prints
            output = await self._answer(mock.answer(job.key.attempt), job, limits, ctx, input)
            self._compare(output, mock, real)
            return output

        return TaskType(real.name, answer, is_async=True)

    async def _answer(self, answer: Any, job: Job, limits: Limits, ctx: TaskContext, input: Any) -> Any:
        began, due = self._clock.now(), 0.0
        while isinstance(answer, Takes):
            due, answer = (due or began) + answer.seconds, answer.then
        await self._until(math.inf if isinstance(answer, Never) else due, job, limits, began)
        if isinstance(answer, BaseException) or (
            isinstance(answer, type) and issubclass(answer, BaseException)
        ):
            raise answer
        if not callable(answer):
            return answer
        try:
            found = answer(input, ctx) if _takes_two(answer) else answer(input)
            return await found if inspect.isawaitable(found) else found
        except AssertionError as error:  # the test's own, which no retry or handler may hide
            self._blame(error)
            raise

    async def _until(self, due: float, job: Job, limits: Limits, began: float) -> None:
        """Wait for workflow time; end the attempt if it is to end before."""
        end, category, code, text = limits.ends(began)
        if due <= self._clock.now() and due < end:
            return
        place = job.key.execution_id, job.key.path
        self.waits.add(place)
        try:
            if min(due, end) == math.inf:
                self._stir()
                await anyio.sleep_forever()
            await self._clock.sleep_until(min(due, end))
        finally:
            self.waits.discard(place)
        if end <= due:
            raise Refused(ErrorInfo(category, code, text))

    def _compare(self, output: Any, mock: Mock, real: TaskType) -> None:
        """Complain about fields that the real task type would never give."""
        model = real.output_model
        if model is None or not isinstance(output, Mapping) or model.model_config.get("extra") == "allow":
            return
        fields = model.model_fields
        known = {*fields, *(field.alias for field in fields.values() if field.alias)}
        strange = sorted(set(map(str, output)) - known)
        if strange:
            self._blame(
                TargetInvalid(
                    f"{mock!r} gives {', '.join(map(repr, strange))}, which the output of the task type"
                    f" {real.name!r} does not have; it has {', '.join(sorted(map(str, known)))}."
                )
            )


def _takes_two(function: Callable[..., Any]) -> bool:
    """Tell whether a function takes the input and the context, rather than the input alone."""
    try:
        inspect.signature(function).bind(None, None)
    except (TypeError, ValueError):
        return False
    return True
