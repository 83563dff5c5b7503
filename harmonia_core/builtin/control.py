"""The kernel's own task types. The engine carries them out; here stand their names and inputs."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from harmonia_core import TaskType
from harmonia_core.model.policies import Seconds


class _Input(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class MapInput(_Input):
    """Input of `map`. items: what to do the task for, in order; usually one expression."""

    items: list[Any]


class WaitInput(_Input):
    """Input of `wait`. duration: seconds, or ISO 8601 such as `PT5M`; not negative."""

    duration: Seconds


class FailInput(_Input):
    """Input of `fail`. error: the error code that `catch` and `retry_on` match."""

    error: str = Field(min_length=1)
    message: str = ""


MAP = TaskType(
    "map",
    None,
    MapInput,
    kernel=True,
    description="Do one task for each item, `max_concurrency` at a time; gives the list of their outputs.",
)
WAIT = TaskType(
    "wait",
    None,
    WaitInput,
    kernel=True,
    description="Let time pass: seconds or an ISO 8601 duration. The timer is durable; output is null.",
)
NOOP = TaskType(
    "noop",
    None,
    kernel=True,
    description="Do nothing. Takes any input and returns it; useful to join branches.",
)
FAIL = TaskType(
    "fail",
    None,
    FailInput,
    kernel=True,
    description="End as failed, with the error code and message given; never retried.",
)

SET = TaskType(
    "set",
    None,
    kernel=True,
    description="Give variables new values, by name. Each is written where it is declared.",
)

TASK_TYPES = (MAP, WAIT, NOOP, FAIL, SET)
