"""The kernel's own task types. The engine carries them out; here stand their names and inputs."""

from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from harmonia_core import TaskType
from harmonia_core.model.policies import Moment, Seconds


class _Input(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Range(_Input):
    """Whole numbers from `start` on, before `stop`, by `step`."""

    start: int = Field(0, strict=True)
    stop: int = Field(strict=True)
    step: int = Field(1, strict=True)

    @field_validator("step")
    @classmethod
    def _moves(cls, step: int) -> int:
        if step == 0:
            raise ValueError("a range that does not move has no end")
        return step


class MapInput(_Input):
    """Input of `map`: what to do the task for, in order. One of the two is given.

    items: a list; usually one expression. range: numbers, which are never written out.
    """

    items: list[Any] | None = None
    range: Range | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if (self.items is None) is (self.range is None):
            raise ValueError("a map has either 'items' or a 'range'")
        return self


class WaitInput(_Input):
    """Input of `wait`; one of the two is given.

    duration: seconds, or ISO 8601 such as `PT5M`; not negative.
    until: a moment, RFC 3339 with its zone; one that has passed is not waited for.
    """

    duration: Seconds | None = None
    until: Moment | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if (self.duration is None) is (self.until is None):
            raise ValueError("a wait has either a 'duration' or a moment 'until' which it lasts")
        return self


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
    description="Let time pass: seconds, an ISO 8601 duration, or until a moment. Durable; output is null.",
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
