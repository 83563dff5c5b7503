"""The kernel's task types for messages and people. The engine carries them out."""

from collections.abc import Iterator, Mapping
from typing import Any

from harmonia_core import Problem, TaskType
from harmonia_core.expressions.schema import check_schema
from harmonia_core.model.message_inputs import ApprovalInput, EmitInput, EventInput


def _check_form(constants: Mapping[str, Any]) -> Iterator[Problem]:
    form = constants.get("form")
    if form is not None:
        yield from check_schema(form, "form")


EVENT = TaskType(
    "event",
    None,
    EventInput,
    kernel=True,
    description="Wait for a message by name and correlation, any or all of several. Durable.",
)
EMIT = TaskType(
    "emit",
    None,
    EmitInput,
    kernel=True,
    description="Send a message to an execution, or to whichever waits for it; gives its id.",
)
APPROVAL = TaskType(
    "approval",
    None,
    ApprovalInput,
    kernel=True,
    check=_check_form,
    description="Wait for a person's decision, with a form, assignees, a deadline and escalation. Durable.",
)

MESSAGE_TYPES = (EVENT, EMIT, APPROVAL)
