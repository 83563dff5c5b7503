"""The task type `python`: call an importable function from an allow-list of modules."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from inspect import isawaitable
from typing import Any, Literal, Self

import anyio
import anyio.to_thread
from pydantic import BaseModel, ConfigDict, Field, model_validator

from harmonia_core import PermanentError, Problem, TaskContext, TaskType, task_type
from harmonia_tasks.callables import Target, is_allowed, refusal, resolve, split
from harmonia_tasks.failures import from_base_exception
from harmonia_tasks.process_limits import ProcessLimits, rlimits
from harmonia_tasks.process_support import missing
from harmonia_tasks.settings import TasksSettings


class PythonInput(BaseModel):
    """Input of `python`.

    callable: `package.module:function`; the module must be allowed.
    args: keyword arguments.
    mode: `thread` (quick; async functions run on the loop) or `process` (can be killed).
    limits: of the process.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    callable: str
    args: dict[str, Any] = Field(default_factory=dict)
    mode: Literal["thread", "process"] = "thread"
    limits: ProcessLimits = ProcessLimits()

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.mode == "thread" and self.limits != ProcessLimits():
            raise ValueError("only a process can be limited: say `mode: process`")
        return self


def python_type(settings: TasksSettings) -> TaskType:
    """Return the task type, bound to the allow-list of these settings."""
    allowed = settings.python_modules
    targets: dict[str, Target] = {}

    @task_type("python", input=PythonInput, check=partial(_check, allowed))
    async def python(ctx: TaskContext, input: PythonInput) -> Any:
        """Call an importable function with keyword arguments; its JSON result is the output."""
        if input.mode == "process":
            return await _in_process(ctx, input, settings)
        target = targets.get(input.callable)
        if target is None:
            target = targets[input.callable] = await _find(input.callable, allowed)
        return await _in_thread(ctx, target, input.args)

    return python


def _check(allowed: Sequence[str], constants: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield what is wrong with a callable that is known at compile time; imports nothing."""
    name = constants.get("callable")
    if not isinstance(name, str):
        return
    try:
        module, _ = split(name)
    except PermanentError as error:
        yield Problem(error.error_code, "callable", str(error))
        return
    if not is_allowed(module, allowed):
        yield Problem("module-not-allowed", "callable", refusal(module, allowed))


async def _find(name: str, allowed: Sequence[str]) -> Target:
    if split(name)[0] in sys.modules:
        return resolve(name, allowed)
    # An import may be slow and may do anything: not on the loop.
    return await anyio.to_thread.run_sync(resolve, name, allowed, abandon_on_cancel=True)


async def _in_thread(ctx: TaskContext, target: Target, args: Mapping[str, Any]) -> Any:
    given = {**args, "ctx": ctx} if target.wants_context and "ctx" not in args else args
    target.require_arguments(given)
    call = partial(target.function, **given)
    if target.is_async:
        return await _await(call())
    # On cancel it has its grace to notice `ctx.cancelled`; after that the engine lets go of the thread.
    result = await anyio.to_thread.run_sync(_shelter, call)
    return await _await(result) if isawaitable(result) else result


def _shelter(call: Any) -> Any:
    """Call; what would end the loop's own task, such as SystemExit, comes out as a TaskError."""
    try:
        return call()
    except Exception:
        raise
    except BaseException as error:
        raise from_base_exception(error) from error


async def _await(awaitable: Any) -> Any:
    try:
        return await awaitable
    except (Exception, anyio.get_cancelled_exc_class(), GeneratorExit):
        raise
    except BaseException as error:
        raise from_base_exception(error) from error


async def _in_process(ctx: TaskContext, input: PythonInput, settings: TasksSettings) -> Any:
    if (needed := missing()) is not None:
        raise PermanentError(f"`mode: process` needs {needed}.", "process-not-supported")
    from harmonia_tasks.process_call import call_in_process  # thread mode needs no processes

    module, _ = split(input.callable)
    if not is_allowed(module, settings.python_modules):
        raise PermanentError(refusal(module, settings.python_modules), "module-not-allowed")
    request = {
        "callable": input.callable,
        "args": input.args,
        "allowed": settings.python_modules,
        "output_limit": settings.output_limit,
    }
    return await call_in_process(ctx, request, rlimits(input.limits, settings))
