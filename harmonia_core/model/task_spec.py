"""Tasks as an author writes them, with all that composites are written with. Pure.

Which of the words a task may have depends on its type; that is checked by `engine.compile`.
"""

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from harmonia_core.model.child_spec import OnCancel, read_workflow
from harmonia_core.model.definition_values import Input, Json, JsonObject, Name, When, one_or_many
from harmonia_core.model.limit_spec import ResourceUnits
from harmonia_core.model.memo import MemoSpec, read_memo
from harmonia_core.model.policies import Join, JoinSpec, OnFailure, RetryPolicySpec, Spec, TimeLimit

NOT_YET_IN_WORKFLOW = frozenset[str]()
NOT_YET_IN_TASK = frozenset(("action", "component", "runs_on"))
NOT_YET_TYPES = frozenset(("component",))
"""Words of the language whose behaviour this version does not have; refused, never ignored."""

_PERCENT = re.compile(r"(\d{1,3}(?:\.\d{1,3})?) ?%", re.ASCII)
NOT_IN_MAP_TASK = frozenset(("id", "depends_on", "when", "join", "next"))
UNKNOWN_TYPE = ""
"""Stands for a type that was missing or unreadable, so that the rest can still be checked."""


def _ways(value: Any) -> Any:
    if isinstance(value, str):
        return ({"to": value},)
    return (value,) if isinstance(value, dict) else value


def _times(value: Any) -> Any:
    if value is None or isinstance(value, str) or (type(value) is int and value >= 0):
        return value
    raise PydanticCustomError("value-wrong", "'times' is a whole number from 0, or an expression for one")


def _expression(value: Any) -> Any:
    if isinstance(value, str) and value.strip():
        return value
    raise PydanticCustomError("type-wrong", "'value' is one expression")


def _share(value: Any) -> Any:
    """Return a number of items as it is, a share of them (`10%`, 0.1 in the normal form) as a fraction."""
    if value is None or (type(value) is int and value >= 0) or (type(value) is float and 0 <= value <= 1):
        return value
    match = _PERCENT.fullmatch(value) if isinstance(value, str) else None
    if match is None or float(match[1]) > 100:
        raise PydanticCustomError(
            "value-wrong", "'tolerate' is a number of items from 0, or a share such as 10%"
        )
    return float(match[1]) / 100


Expr = Annotated[str, BeforeValidator(_expression)]


class NextSpec(Spec):
    """Say where a sequence goes on behind a step. to: id of a step, or `end`."""

    to: str
    when: When = None


class Block(Spec):
    """Hold what is to be done, in one of three forms: one task, a graph of tasks, or steps in order."""

    task: "WorkSpec | None" = None
    tasks: "tuple[TaskSpec, ...] | None" = None
    steps: "tuple[TaskSpec, ...] | None" = None


class BranchSpec(Block):
    """Hold one branch of several."""

    id: str


class CaseSpec(Block):
    """Hold one case of a decision. id: of the task inside, `case_1` and so on by default."""

    when: When
    id: Name | None = None


class HandlerSpec(Block):
    """Hold what is done about errors. errors: categories, codes, exception class names; none for all.

    as: the variable that holds the error.
    """

    errors: Annotated[tuple[str, ...], BeforeValidator(one_or_many)] = ()
    when: When = None
    variable: Name | None = Field(None, alias="as")


class ReduceSpec(Spec):
    """Say what a map's outputs are folded into, in the order of the items.

    initial: the first `result`; it may hold expressions. value: an expression for the next, over `result`,
        `output`, `item` and `index`.
    """

    initial: Json = None
    value: Expr


class WorkSpec(Block):
    """Hold what every task has, also the one a map does for each item.

    type: name of a task type. input: an object, or one expression that yields one.
    timeout, heartbeat_timeout: per attempt; total_timeout: from first schedule to end.
    idempotent: None leaves it to the task type.
    memo: whether and how its results may be used again.
    compensate: what undoes the task once it has succeeded. on_failure: what comes before it fails.
    limits: resources that an attempt needs, with how much of each.
    task, tasks, steps, branches, cases, default, while, until, times, max_iterations, catch, finally,
        max_concurrency, batch_size, tolerate, reduce, pages, enough, mode, output, vars: of maps and
        composites, each of which takes some of them.
    workflow, detach, on_cancel: of a sub-workflow; what it starts, a WorkflowDefinition once it is read.
    """

    type: str = Field(max_length=200)
    input: Input = Field(default_factory=dict)
    retry_policy: RetryPolicySpec | None = None
    timeout: TimeLimit | None = None
    total_timeout: TimeLimit | None = None
    heartbeat_timeout: TimeLimit | None = None
    idempotent: bool | None = Field(None, strict=True)
    compensate: "WorkSpec | None" = None
    memo: Annotated[MemoSpec | None, BeforeValidator(read_memo)] = None
    on_failure: OnFailure | None = None
    limits: ResourceUnits | None = None
    description: str = ""
    metadata: JsonObject = Field(default_factory=dict)
    branches: tuple[BranchSpec, ...] | None = None
    cases: tuple[CaseSpec, ...] | None = None
    default: Block | None = None
    mode: str | None = None
    enough: int | None = Field(None, ge=1, strict=True)
    as_long_as: When = Field(None, alias="while")
    until: When = None
    times: Annotated[Any, BeforeValidator(_times)] = None
    max_iterations: int | None = Field(None, ge=1, strict=True)
    max_concurrency: int | None = Field(None, ge=1, strict=True)
    batch_size: int | None = Field(None, ge=1, strict=True)
    tolerate: Annotated[Any, BeforeValidator(_share)] = None
    reduce: ReduceSpec | None = None
    pages: "WorkSpec | None" = None
    catch: tuple[HandlerSpec, ...] | None = None
    last: Block | None = Field(None, alias="finally")
    vars: dict[Name, Json] | None = None
    output: Json = None
    workflow: Annotated[Any, BeforeValidator(read_workflow)] = None
    detach: bool | None = Field(None, strict=True)
    on_cancel: OnCancel | None = None


class TaskSpec(WorkSpec):
    """Hold one task as its author wrote it.

    when: one expression, with or without `${...}` around it, or a plain boolean.
    next: of a step, where its sequence goes on; the step behind it by default.
    """

    id: str
    depends_on: Annotated[tuple[str, ...], BeforeValidator(one_or_many)] = ()
    when: When = None
    join: Join = JoinSpec()
    next: Annotated[tuple[NextSpec, ...] | None, BeforeValidator(_ways)] = None


WORDS = frozenset(Block.model_fields) | frozenset(
    ("branches", "cases", "default", "mode", "enough", "as_long_as", "until", "times", "max_iterations",
     "max_concurrency", "batch_size", "tolerate", "reduce", "pages", "catch", "last", "vars", "output",
     "workflow", "detach", "on_cancel")
)  # fmt: skip
"""Fields that only composites have, by the names of the model; each says which it takes."""

for _model in (Block, BranchSpec, CaseSpec, HandlerSpec, WorkSpec, TaskSpec):
    _model.model_rebuild()


def written(field: str) -> str:
    """Return a word of composites as an author writes it."""
    return {"as_long_as": "while", "last": "finally", "variable": "as"}.get(field, field)
