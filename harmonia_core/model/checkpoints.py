"""Checkpoints: seqs with a name, and which get one by themselves, as written and as compiled. Pure."""

import re
from collections.abc import Mapping
from typing import Annotated, NamedTuple, Self

from pydantic import BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from harmonia_core.errors import HarmoniaError
from harmonia_core.model.definition_values import one_or_many
from harmonia_core.model.policies import Spec

KEEP = 10
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}", re.ASCII)
RESERVED = frozenset(("start", "end"))


class CheckpointsSpec(Spec):
    """Say which points of an execution are kept as checkpoints by themselves.

    after: paths of tasks, without items and rounds (`tries/call`), behind whose success there is one.
    every: one with every so-manieth event. keep: how many of one task, and of `every`, the last ones.
    """

    after: Annotated[tuple[str, ...], BeforeValidator(one_or_many)] = ()
    every: int | None = Field(None, ge=1, strict=True)
    keep: int = Field(KEEP, ge=1, le=1_000, strict=True)

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.after and self.every is None:
            raise PydanticCustomError("value-missing", "'checkpoints' needs 'after', 'every' or both")
        return self


class CheckpointPolicy(NamedTuple):
    """Hold what a graph keeps as checkpoints. after: paths without numbers; every: 0 for never."""

    after: frozenset[str]
    every: int
    keep: int


class Checkpoint(NamedTuple):
    """Name a seq of one log.

    at: when that event happened, epoch seconds. kind: `named` by somebody, or `automatic`.
    created_at: when it was named; actor: by whom, as `{kind, id}`, if that is known.
    """

    execution: str
    name: str
    seq: int
    at: float
    kind: str
    description: str | None
    created_at: float
    actor: Mapping[str, str] | None = None


def is_checkpoint_name(text: str) -> bool:
    """Tell whether somebody may give a checkpoint this name; automatic ones have a `:` in theirs."""
    return _NAME.fullmatch(text) is not None and text not in RESERVED


class CheckpointExists(HarmoniaError):
    """Refuse a name that a checkpoint of the execution has already; nothing is changed."""

    code = "checkpoint-exists"

    def __init__(self, execution_id: str, name: str, seq: int) -> None:
        self.execution_id, self.name, self.seq = execution_id, name, seq
        super().__init__(
            f"Execution {execution_id} has a checkpoint {name!r} at seq {seq}; choose another name."
        )


class PointUnknown(HarmoniaError):
    """Report a point that an execution does not have: a seq past its end, a name that nobody gave."""

    code = "point-unknown"

    def __init__(self, execution_id: str, point: str, reason: str) -> None:
        self.execution_id, self.point = execution_id, point
        super().__init__(f"Execution {execution_id} has no point {point!r}: {reason}.")
