"""How long ended executions are kept: rules as data. Pure."""

import json
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from harmonia_core.model.policies import Spec, read_duration

# `continued` is not among them: such an execution lives on in its successor.
Ended = Literal["completed", "failed", "cancelled", "terminated", "compensated"]


def _age(value: Any) -> float | None:
    try:
        return None if value is None else read_duration(value)
    except ValueError as error:
        raise PydanticCustomError("duration-invalid", "{reason}", {"reason": str(error)}) from None


class RetentionRule(Spec):
    """Say how long the ended executions that it selects are kept.

    status, workflow, namespace, labels: what it selects; nothing given selects every ended
        execution, several statuses any of them, labels those that carry all of them.
    keep_for: seconds or ISO 8601 since the end; older ones are pruned.
    keep_last: the newest so many of those that this rule decides about are kept, the others pruned.
    With both, one is enough to be pruned; with neither, what is selected is kept for ever.
    """

    status: tuple[Ended, ...] = ()
    workflow: str | None = None
    namespace: str | None = None
    labels: dict[str, str] = Field(default_factory=dict)
    keep_for: Annotated[float | None, BeforeValidator(_age)] = None
    keep_last: int | None = Field(None, ge=0, strict=True)


def read_rules(value: Any) -> Any:
    """Return rules from JSON text, as the environment gives them; anything else as it is.

    Raises PydanticCustomError for text that is no list in JSON.
    """
    if not isinstance(value, str):
        return value
    try:
        rules = json.loads(value)
    except ValueError as error:
        reason = f"a list of rules in JSON is needed; {error}"
        raise PydanticCustomError("rules-invalid", "{reason}", {"reason": reason}) from None
    if not isinstance(rules, list):
        raise PydanticCustomError("rules-invalid", 'a list of rules is needed, such as [{"keep_last": 1000}]')
    return rules


Rules = Annotated[tuple[RetentionRule, ...], BeforeValidator(read_rules)]
