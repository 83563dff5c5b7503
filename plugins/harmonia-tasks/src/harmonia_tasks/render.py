"""The task type `render`: a text from a template and values."""

from collections.abc import Iterator, Mapping
from typing import Any, Literal

import anyio
import anyio.to_thread
from pydantic import BaseModel, ConfigDict, Field

from harmonia_core import Problem, TaskContext, TaskType, task_type
from harmonia_tasks.settings import TasksSettings

PIECE = 1024 * 1024
MEDIA_TYPES = {"text": "text/plain; charset=utf-8", "html": "text/html; charset=utf-8"}


class RenderInput(BaseModel):
    """Input of `render`.

    template: Jinja2. Put data into `values`, not into the template by `${...}`.
    values: the names that the template may use; any other is an error.
    format: `html` escapes the values, `text` does not.
    artifact: keep the text as an artifact of this name instead of returning it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    template: str
    values: dict[str, Any] = Field(default_factory=dict)
    format: Literal["text", "html"] = "text"
    artifact: str | None = Field(default=None, min_length=1, max_length=255)


def render_type(settings: TasksSettings) -> TaskType:
    """Return the task type, bound to these settings."""

    @task_type("render", input=RenderInput, check=_check, pure=True)
    async def render(ctx: TaskContext, input: RenderInput) -> dict[str, Any]:
        """Render a Jinja2 template with values; returns the text, or an artifact that holds it."""
        text = await _render(input, settings)
        if input.artifact is None:
            return {"text": text.decode()}
        with ctx.artifact(input.artifact, MEDIA_TYPES[input.format]) as writer:
            for start in range(0, len(text), PIECE):
                writer.write(text[start : start + PIECE])
        reference = writer.reference
        return {"artifact": reference, "size": reference["$artifact"]["size"]}  # what is kept may be masked

    return render


async def _render(input: RenderInput, settings: TasksSettings) -> bytes:
    from harmonia_tasks.renderers import RENDERERS, Order

    request = {
        "template": input.template,
        "values": input.values,
        "html": input.format == "html",
        "limit": settings.output_limit,
    }
    order = Order(request, settings.render_timeout)
    try:
        return await anyio.to_thread.run_sync(RENDERERS.render, order, abandon_on_cancel=True)
    except anyio.get_cancelled_exc_class():
        RENDERERS.abandon(order)  # the thread that is left behind then ends at once
        raise


def _check(constants: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield what is wrong with a template that is known at compile time."""
    template = constants.get("template")
    if not isinstance(template, str):
        return
    from harmonia_tasks.templates import problems  # Jinja2 is slow to import

    for message, line in problems(template):
        place = f"Line {line} of the template: " if line else ""
        yield Problem("template-invalid", "template", f"{place}{message}")
