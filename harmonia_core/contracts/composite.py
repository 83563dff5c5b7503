"""Composite task types: what they put inside a task, as data that `compile` builds a scope of.

There are two ways for control to flow, a graph of tasks and a sequence of steps; a composite is
one of them. What the author wrote is `WorkSpec`, whose words are the same for all composites.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from harmonia_core.ids import is_name
from harmonia_core.model.pointer import Pointer
from harmonia_core.model.task_spec import WorkSpec

END = "end"
"""Where a way leads that leaves a sequence."""
CURSOR = "page cursor"
"""The variable that the root `cursor` reads; no author can give one this name."""


@dataclass(frozen=True, slots=True)
class Inner:
    """Hold one task inside. place: where it is written, from the composite's own place on."""

    id: str
    spec: WorkSpec
    place: Pointer = ()


@dataclass(frozen=True, slots=True)
class Way:
    """Lead to a step, or to the `end`, if a condition holds. place: of the condition, as in Inner."""

    to: str
    when: Any = None
    place: Pointer = ()


@dataclass(frozen=True, slots=True)
class Handling(Way):
    """Lead there on errors of these classes, of any class without. variable: gets the error."""

    errors: tuple[str, ...] = ()
    variable: str | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """Hold one step. then: the first way whose condition holds is taken, none leads to the end."""

    inner: Inner
    then: tuple[Way, ...] = ()
    caught: tuple[Handling, ...] = ()


@dataclass(frozen=True, slots=True)
class GraphScope:
    """Hold tasks that run by their dependencies.

    enough: it ends once so many tasks have succeeded; without an output it has that of the last of these.
    window: how many of them may be at work at once; None for the engine's own limit.
    output: a template over the tasks inside. variables: with their first values.
    """

    tasks: tuple[Inner, ...]
    enough: int | None = None
    window: int | None = None
    output: Any = None
    variables: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SequenceScope:
    """Hold steps that are carried out one at a time; the output is that of the last one, or a template.

    enter: where it begins. last: id of the step carried out whatever happened before.
    limit: how often it may go back. counted: the task's input has a number `times`, of rounds.
    roots: what its tasks may read beside what every task may, such as `cursor`.
    """

    steps: tuple[Step, ...]
    enter: tuple[Way, ...]
    last: str | None = None
    limit: int | None = None
    counted: bool = False
    output: Any = None
    variables: Mapping[str, Any] = field(default_factory=dict)
    roots: frozenset[str] = frozenset()


Expand = Callable[[WorkSpec], GraphScope | SequenceScope]
"""Return what a composite task holds. Raises ProblemsError, paths relative to the task, for what is wrong."""


def sound(found: Any) -> "GraphScope | SequenceScope":
    """Return what `expand` returned; raise ValueError if it holds together with nothing."""
    if not isinstance(found, GraphScope | SequenceScope):
        raise ValueError(f"{type(found).__name__} is neither a GraphScope nor a SequenceScope")
    steps = found.steps if isinstance(found, SequenceScope) else ()
    tasks = tuple(step.inner for step in steps) if steps else getattr(found, "tasks", ())
    names = [task.id for task in tasks]
    if not names or len(set(names)) < len(names) or not all(map(is_name, names)):
        raise ValueError(f"it needs tasks, with ids that are names, each once: {names}")
    if isinstance(found, SequenceScope):
        ways = (*found.enter, *(way for step in steps for way in (*step.then, *step.caught)))
        led = {way.to for way in ways} | ({found.last} if found.last is not None else set())
        if unknown := sorted(led - {*names, END}):
            raise ValueError(f"there are no steps {unknown}")
    return found
