"""Inputs of `event`, `emit` and `approval`, as authors write them. Pure."""

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError, to_json

from harmonia_core.model.definition_values import one_or_many
from harmonia_core.model.message_events import OnDeadline, OnReject
from harmonia_core.model.policies import Spec, TimeLimit

MAX_MESSAGE = 64 * 1024
"""Bytes of JSON that a message's data, and its correlation, may have."""
DAY = 86_400.0
"""Seconds for which a published message is kept unless it says otherwise."""
MAX_NAME, MOST_WANTS = 200, 100

Name = Annotated[str, Field(min_length=1, max_length=MAX_NAME)]


def _small(value: Any) -> Any:
    if len(to_json(value)) > MAX_MESSAGE:
        raise PydanticCustomError("value-too-large", "a message carries at most 64 KiB; send a reference")
    return value


Small = Annotated[Any, BeforeValidator(_small)]


class WantSpec(Spec):
    """Say which messages are wanted. correlation: any JSON; null for every one."""

    name: Name
    correlation: Small = None


def _some(value: Any) -> Any:
    if isinstance(value, list | tuple) and not 1 <= len(value) <= MOST_WANTS:
        raise PydanticCustomError("value-wrong", "write 1 to 100 of them")
    return value


Wants = Annotated[tuple[WantSpec, ...], BeforeValidator(_some)]


class EventInput(Spec):
    """Input of `event`: one message by `name`, or a list of which `any` or `all` must come.

    scope: `store` takes published messages, too; `execution` only those sent to this execution.
    """

    name: Name | None = None
    correlation: Small = None
    any: Wants | None = None
    all: Wants | None = None
    scope: Literal["store", "execution"] = "store"

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if [self.name is None, self.any is None, self.all is None].count(False) != 1:
            raise ValueError("an event has either a 'name', or 'any' or 'all' with a list of names")
        if self.name is None and self.correlation is not None:
            raise ValueError("write the 'correlation' at each name")
        return self

    @property
    def wants(self) -> tuple[WantSpec, ...]:
        """Return what is waited for, in the order written."""
        if self.name is not None:
            return (WantSpec(name=self.name, correlation=self.correlation),)
        return self.any or self.all or ()


class EmitInput(Spec):
    """Input of `emit`. to: id of an execution; without it the message is for whoever waits for it.

    id: two messages of the same id are one; by default the task's idempotency key.
    ttl: how long it is kept if nobody waits for it.
    """

    name: Name
    data: Small = None
    correlation: Small = None
    id: Annotated[str, Field(min_length=1, max_length=MAX_NAME)] | None = None
    to: Annotated[str, Field(min_length=1, max_length=MAX_NAME)] | None = None
    ttl: TimeLimit | None = None


People = Annotated[
    tuple[Annotated[str, Field(min_length=1, max_length=MAX_NAME)], ...], BeforeValidator(one_or_many)
]


class EscalationSpec(Spec):
    """Say who else may decide if nobody has. after: from the request on."""

    after: TimeLimit
    to: Annotated[People, Field(min_length=1)]


class ApprovalInput(Spec):
    """Input of `approval`.

    assignees: ids of those who may decide; without any, everybody may. form: JSON Schema of the data.
    deadline: how long a decision is waited for; on_deadline: what then counts as decided, or `fail`.
    on_reject: `fail` makes a rejection an error that can be caught.
    """

    title: str = Field(min_length=1)
    description: str = ""
    assignees: People = ()
    form: dict[str, Any] | bool | None = None
    escalation: EscalationSpec | None = None
    deadline: TimeLimit | None = None
    on_deadline: OnDeadline = "fail"
    on_reject: OnReject = "continue"

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        after = self.escalation.after if self.escalation else None
        if after is not None and self.deadline is not None and after >= self.deadline:
            raise ValueError("an escalation comes before the 'deadline'")
        if self.deadline is None and "on_deadline" in self.model_fields_set:
            raise ValueError("'on_deadline' needs a 'deadline'")
        return self
