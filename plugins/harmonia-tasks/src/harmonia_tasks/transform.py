"""The task type `transform`: reshape data with expressions alone."""

from typing import Any

from pydantic import BaseModel, ConfigDict

from harmonia_core import TaskContext, task_type


class TransformInput(BaseModel):
    """Input of `transform`. value: anything; the expressions in it are resolved by the engine."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    value: Any


@task_type("transform", input=TransformInput, pure=True)
async def transform(ctx: TaskContext, input: TransformInput) -> Any:
    """Return the value given, its expressions resolved."""
    return input.value
