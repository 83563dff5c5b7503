"""Values on their way into a task's function and out of it: checked, detached, masked. Pure.

Nothing that the engine keeps is shared with a task, in either direction.
"""

import inspect
from collections.abc import Callable
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import PydanticSerializationError, to_json

from harmonia_core.contracts.task_type import TaskType
from harmonia_core.engine.failures import input_invalid, output_invalid, refused
from harmonia_core.engine.masking import Masker
from harmonia_core.engine.output import NotJSON, detached, encode
from harmonia_core.engine.secret_holes import filled
from harmonia_core.model.outcomes import Job, Outcome


def resolved_type(name: str, type_of: Callable[[str], TaskType]) -> TaskType:
    """Return the task type of that name; raise Refused if there is none that can be called."""
    try:
        found = type_of(name)
    except Exception as error:
        raise refused("task-type-missing", f"No task type {name!r} is installed: {error}") from error
    if found.handler is None:
        raise refused("task-type-missing", f"Task type {name!r} is carried out by the engine itself.")
    return found


def with_secrets(job: Job, secret: Callable[[str, str], str | None]) -> tuple[Any, Masker | None]:
    """Return a copy of the job's input with its secrets in it, and what masks them. May block."""
    try:
        data = detached(job.input)
    except ValueError as error:
        raise refused("input-invalid", f"The input cannot be handed over: {error}") from error
    return filled(data, job.holes, job.namespace, secret) if job.holes else (data, None)


def checked(task: TaskType, data: Any) -> Any:
    """Return what the function gets: the input as its model, or as it is."""
    if task.input_model is None:
        return data
    try:
        return task.input_model.model_validate(data)
    except ValidationError as error:
        raise input_invalid(error) from None


def succeeded(job: Job, task: TaskType, value: Any, masker: Masker | None, limit: int) -> Outcome:
    """Return the outcome for what the function returned; raise TooLarge past `limit` bytes."""
    try:
        if task.output_model is not None or type(value) is not dict:
            value = _dumped(task, value)
        output, encoded = encode(value, limit)
    except (NotJSON, PydanticSerializationError) as error:
        if inspect.iscoroutine(value):
            value.close()
        raise refused("output-not-json", f"The output is not JSON: {error}.") from None
    if masker is not None and (masked := masker.json(output)) is not output:
        output, encoded = masked, to_json(masked)
    return Outcome(job.key, "succeeded", output, encoded)


def _dumped(task: TaskType, value: Any) -> Any:
    model = task.output_model
    if model is not None and not isinstance(value, model):
        try:
            value = model.model_validate(value)
        except ValidationError as error:
            raise output_invalid(error) from None
    return value.model_dump(mode="json") if isinstance(value, BaseModel) else value
