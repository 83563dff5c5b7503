"""The compiled workflow: immutable, checked, indexed. `compile` builds it, nothing changes it.

A scope is one level of tasks; a task is known in its scope by its position in
definition order, so that sets of tasks are bit masks and counters are arrays.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

from harmonia_core.model.child import Child
from harmonia_core.model.values import Expression, Template

Count = Literal["all", "any"] | int
Done = Literal["success", "skipped", "end"]
OnFailure = Literal["fail", "compensate", "hold"]


@dataclass(frozen=True, slots=True)
class Join:
    """Say when the dependencies of a task are met: how many, and what counts as done."""

    count: Count = "all"
    done: Done = "skipped"


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Say whether and when a failed attempt is tried again; times in seconds.

    Delay before retry n = min(max_delay, initial_delay * backoff_multiplier ** (n - 1)),
    times 1 ± jitter. `retry_on` empty = every retryable error; `no_retry_on` wins.
    """

    max_retries: int = 3
    initial_delay: float = 1.0
    backoff_multiplier: float = 2.0
    max_delay: float = 60.0
    jitter: float = 0.1
    retry_on: tuple[str, ...] = ()
    no_retry_on: tuple[str, ...] = ()


DEFAULT_JOIN = Join()


@dataclass(frozen=True, slots=True)
class Reduce:
    """Say what a map's outputs are folded into: `value` over `result`, `output`, `item` and `index`."""

    initial: Template
    value: Expression


@dataclass(frozen=True, slots=True)
class TaskNode:
    """Hold all that the core knows about one task.

    index: position in its scope. depends_on, dependents: positions, ascending.
    kernel: the engine itself carries the task out (`map`, `wait`, `noop`, `fail`, composites).
    input: for a map, its own `items`; what each item runs is `item`, whose input
        may also read `item` and `index`.
    window: for a map, how many items may be begun and not ended at once.
    batch: how many values make an item, None for one that is not in a list. tolerate: how many items
        may fail, as a number or as a share of them all. enough: it ends once so many have succeeded.
    reduce: of a map whose output is one value.
    scope: for a composite, the tasks inside it. child: for a sub-workflow, what it starts.
    on_failure: what comes before it fails for good: nothing, the undoing of what lies inside, a person.
    undo: what undoes it once it has succeeded.
    retry: None means one attempt. timeout, heartbeat_timeout: seconds per attempt;
        total_timeout: seconds from first schedule to end, over all attempts.
    """

    index: int
    id: str
    type: str
    input: Template
    kernel: bool = False
    when: Expression | None = None
    join: Join = DEFAULT_JOIN
    depends_on: tuple[int, ...] = ()
    dependents: tuple[int, ...] = ()
    retry: RetryPolicy | None = None
    timeout: float | None = None
    total_timeout: float | None = None
    heartbeat_timeout: float | None = None
    idempotent: bool = True
    item: "TaskNode | None" = None
    window: int = 100
    scope: "Scope | None" = None
    batch: int | None = None
    tolerate: int | float = 0
    enough: int | None = None
    on_failure: OnFailure = "fail"
    undo: "TaskNode | None" = None
    child: Child | None = None
    reduce: Reduce | None = None

    def gives_up(self, failed: int, width: int) -> bool:
        """Tell whether a map of so many items ends because so many of them have failed."""
        allowed = self.tolerate if isinstance(self.tolerate, int) else int(self.tolerate * width + 1e-9)
        return failed > allowed


@dataclass(frozen=True, slots=True)
class Jump:
    """Say where a sequence goes on if a condition holds. to: position, None for its end."""

    to: int | None
    when: Expression | None = None


@dataclass(frozen=True, slots=True)
class Catch:
    """Say which errors of a step lead where.

    errors: categories, codes or exception class names; empty for every error.
    name: the variable of the scope that holds the error from then on.
    """

    to: int | None
    errors: tuple[str, ...] = ()
    when: Expression | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """Say what follows a step: the first jump that holds, else the end; on failure the first catch."""

    then: tuple[Jump, ...] = ()
    caught: tuple[Catch, ...] = ()


@dataclass(frozen=True, slots=True)
class Order:
    """Say how the cursor of a sequence moves.

    enter: where it begins, the first jump that holds; none holds: it ends at once.
    rules: by position. last: the step carried out whatever happened before, then the sequence ends.
    limit: how often it may jump back; more is an error. counted: its input's `times` says how often.
    """

    enter: tuple[Jump, ...]
    rules: tuple[Rule, ...]
    last: int | None = None
    limit: int | None = None
    counted: bool = False


@dataclass(frozen=True, slots=True)
class Scope:
    """Hold one level of tasks in definition order; `index` finds a position by id.

    order: of a sequence, whose steps are carried out one at a time; None for a graph.
    enough: a graph ends once so many of its tasks have succeeded; None when all have ended.
    output: of the composite whose scope it is. vars: with their first values.
    repeats: its tasks may be carried out again, so their paths name the iteration.
    """

    tasks: tuple[TaskNode, ...]
    index: Mapping[str, int]
    window: int = 1000
    order: Order | None = None
    enough: int | None = None
    output: Template | None = None
    vars: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    repeats: bool = False


@dataclass(frozen=True, slots=True)
class Graph:
    """Hold a compiled workflow.

    definition_hash: of the canonical JSON as stored. graph_hash: of what was compiled
        from it, task types included; adoption compares it.
    timeout: seconds from the start of the execution to its deadline.
    on_failure: whether what was done is undone before the execution fails. undoes, holds: whether any
        task has an undo, or waits for a person instead of failing.
    priority: of executions that are started without one of their own.
    """

    name: str
    version: str
    definition_hash: str
    graph_hash: str
    root: Scope
    vars: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    input_schema: Mapping[str, Any] | None = None
    output_schema: Mapping[str, Any] | None = None
    output: Template | None = None
    timeout: float | None = None
    labels: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    task_types: tuple[str, ...] = ()
    on_failure: OnFailure = "fail"
    undoes: bool = False
    holds: bool = False
    priority: int = 0
