"""Limits as an author writes them: resources that a task needs, how many executions may run at once. Pure."""

import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from harmonia_core.model.policies import Spec
from harmonia_core.model.slot_events import SlotPolicy

RESOURCE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}", re.ASCII)
_POLICIES = ("queue", "skip", "cancel-older")
_FORMS = "'limits' is a name, a list of names, or names with how much of each: {gpu: 2}"


def _limits(value: Any) -> Any:
    if isinstance(value, str):
        value = [value]
    if isinstance(value, list | tuple) and all(isinstance(name, str) for name in value):
        value = dict.fromkeys(value, 1)
    if not isinstance(value, Mapping):
        raise PydanticCustomError("value-wrong", _FORMS)
    for name, units in value.items():
        if not isinstance(name, str) or not RESOURCE_NAME.fullmatch(name):
            raise PydanticCustomError("value-wrong", "a resource has a name such as gpu or db.writes")
        if type(units) is not int or units < 1:
            raise PydanticCustomError("value-wrong", "how much of a resource a task needs is a number from 1")
    return dict(value)


def _policy(value: Any) -> Any:
    if value not in _POLICIES:
        raise PydanticCustomError("value-wrong", "'policy' is one of queue, skip, cancel-older")
    return value


def _key(value: Any) -> Any:
    if isinstance(value, str) and value.strip():
        return value
    raise PydanticCustomError("type-wrong", "'key' is a text, such as ${input.customer}")


ResourceUnits = Annotated[dict[str, int], BeforeValidator(_limits)]
"""Names of resources, with how much of each an attempt needs."""


class ConcurrencySpec(Spec):
    """Say how many executions of a workflow may run at once.

    max: at most so many of one namespace, or of those with the same key.
    policy: what one does that is too many: wait for its turn, end at once as cancelled, or have the oldest
        cancelled and then take its turn.
    """

    max: int = Field(ge=1, le=1_000_000, strict=True)
    key: Annotated[str, BeforeValidator(_key)] | None = None
    policy: Annotated[SlotPolicy, BeforeValidator(_policy)] = "queue"


def _concurrency(value: Any) -> Any:
    return {"max": value} if type(value) is int else value


Concurrency = Annotated[ConcurrencySpec, BeforeValidator(_concurrency)]
"""A number alone says how many."""
