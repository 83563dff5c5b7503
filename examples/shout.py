"""A whole plugin in one file: the task type `shout`."""

from pydantic import BaseModel

from harmonia_core import TaskContext, task_type


class ShoutInput(BaseModel):
    text: str


@task_type("shout", input=ShoutInput)
async def shout(ctx: TaskContext, input: ShoutInput) -> ShoutInput:
    """Return the text in upper case."""
    return ShoutInput(text=input.text.upper())
