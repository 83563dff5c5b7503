"""The kernel's composite task types: what each puts inside a task."""

from collections.abc import Iterator, Sequence
from typing import Any

from harmonia_core import TaskType
from harmonia_core.contracts.composite import END, GraphScope, Handling, Inner, SequenceScope, Step, Way
from harmonia_core.contracts.composite_type import FORMS, inner, listed, refuse
from harmonia_core.model.pointer import Pointer
from harmonia_core.model.task_spec import TaskSpec, WorkSpec

BODY = frozenset(FORMS)
BRANCHES = frozenset(("branches", "max_concurrency"))
SHARED = frozenset(("vars", "output"))
MAX_ITERATIONS = 10_000
"""Rounds of a loop that does not say how many it may have."""


def group(spec: WorkSpec) -> GraphScope:
    """Hold a graph of tasks; its output is a template or an object of the outputs."""
    return _graph(spec, listed(spec.tasks, "tasks"))


def parallel(spec: WorkSpec) -> GraphScope:
    """Hold branches that run side by side."""
    return _graph(spec, _branches(spec))


def race(spec: WorkSpec) -> GraphScope:
    """Hold branches of which the first that succeed, one if not more are wanted, end the others."""
    tasks, enough = _branches(spec), spec.enough or 1
    if enough > len(tasks):
        raise refuse("value-wrong", ("enough",), f"{enough} of {len(tasks)} branches can never succeed")
    if enough == 1 and spec.output is not None:
        message = "no 'output' here: the output of a race is that of its winner"
        raise refuse("key-misplaced", ("output",), message)
    output = None if enough == 1 else _output(spec, tasks)
    return GraphScope(tasks, enough, spec.max_concurrency, output, spec.vars or {})


def _branches(spec: WorkSpec) -> tuple[Inner, ...]:
    if not spec.branches:
        raise refuse("key-missing", ("branches",), "at least one branch is needed")
    return tuple(inner(one.id, one, ("branches", number)) for number, one in enumerate(spec.branches))


def _graph(spec: WorkSpec, tasks: tuple[Inner, ...]) -> GraphScope:
    return GraphScope(
        tasks, window=spec.max_concurrency, output=_output(spec, tasks), variables=spec.vars or {}
    )


def _output(spec: WorkSpec, tasks: Sequence[Inner]) -> Any:
    if spec.output is not None:
        return spec.output
    return {task.id: f"${{tasks.{task.id}.output}}" for task in tasks}


def sequence(spec: WorkSpec) -> SequenceScope:
    """Hold steps that are carried out in order, unless `next` says otherwise."""
    tasks = listed(spec.steps, "steps")
    names = [task.id for task in tasks]
    steps = tuple(
        Step(task, _ways(task.spec, ("steps", number), names, number)) for number, task in enumerate(tasks)
    )
    return SequenceScope(
        steps,
        (Way(names[0]),),
        limit=spec.max_iterations or MAX_ITERATIONS,
        output=spec.output,
        variables=spec.vars or {},
    )


def _ways(spec: WorkSpec, place: Pointer, names: Sequence[str], number: int) -> tuple[Way, ...]:
    behind = names[number + 1] if number + 1 < len(names) else END
    given = spec.next if isinstance(spec, TaskSpec) else None
    if given is None:
        return (Way(behind),)
    for position, way in enumerate(given):
        if way.to != END and way.to not in names:
            where = (*place, "next", position, "to")
            raise refuse(
                "step-unknown",
                where,
                f"there is no step {way.to!r} here",
                "a step of this sequence, or 'end'",
            )
    ways = tuple(
        Way(way.to, way.when, (*place, "next", position, "when")) for position, way in enumerate(given)
    )
    return ways if ways and ways[-1].when is None else (*ways, Way(behind))


def decision(spec: WorkSpec) -> SequenceScope | GraphScope:
    """Hold cases of which the first that holds is carried out, or with `mode: all` all that hold."""
    if not spec.cases:
        raise refuse("key-missing", ("cases",), "at least one case is needed")
    cases = [
        (
            inner(case.id or f"case_{number + 1}", case, ("cases", number)),
            case.when,
            ("cases", number, "when"),
        )
        for number, case in enumerate(spec.cases)
    ]
    _no_doubles([case[0].id for case in cases])
    if spec.mode not in (None, "first", "all"):
        raise refuse(
            "value-wrong", ("mode",), f"{spec.mode!r} is no mode; a decision takes the 'first' case or 'all'"
        )
    default = None if spec.default is None else inner("default", spec.default, ("default",))
    if spec.mode == "all":
        return _all_that_hold(spec, cases, default)
    steps = [Step(case[0]) for case in cases] + ([] if default is None else [Step(default)])
    enter = [Way(case[0].id, case[1], case[2]) for case in cases] + (
        [] if default is None else [Way("default")]
    )
    return SequenceScope(tuple(steps), tuple(enter), output=spec.output, variables=spec.vars or {})


def _all_that_hold(
    spec: WorkSpec, cases: Sequence[tuple[Inner, Any, Pointer]], default: Inner | None
) -> GraphScope:
    if default is not None:
        message = "with `mode: all` there is no default; write a case whose condition says when"
        raise refuse("key-misplaced", ("default",), message)
    tasks = tuple(
        Inner(
            task.id,
            TaskSpec.model_construct(**{**_TASK, **dict(task.spec), "id": task.id, "when": when}),
            task.place,
        )
        for task, when, _ in cases
    )
    return GraphScope(tasks, output=_output(spec, tasks), variables=spec.vars or {})


_TASK = dict(TaskSpec.model_validate({"id": "task", "type": "group"}))


def _no_doubles(names: Sequence[str]) -> None:
    for number, name in enumerate(names):
        if name in names[:number]:
            raise refuse("duplicate-id", ("cases", number, "id"), f"the id {name!r} stands twice")


def loop(spec: WorkSpec) -> SequenceScope:
    """Hold a body that is carried out again: while or until a condition holds, or a number of times."""
    given = [word for word in ("as_long_as", "until", "times") if getattr(spec, word) is not None]
    if len(given) != 1:
        raise refuse(
            "key-missing" if not given else "key-misplaced",
            (),
            "a loop has one of 'while', 'until' and 'times'",
        )
    body = inner("body", spec, ())
    enter, then = _rounds(spec)
    return SequenceScope(
        (Step(body, then),),
        enter,
        limit=None if spec.times is not None else spec.max_iterations or MAX_ITERATIONS,
        counted=spec.times is not None,
        output=spec.output,
        variables=spec.vars or {},
    )


def _rounds(spec: WorkSpec) -> tuple[tuple[Way, ...], tuple[Way, ...]]:
    """Return where a loop is entered and where its body leads."""
    if spec.times is not None:
        return (Way("body"),), (Way("body"),)
    if spec.until is not None:
        return (Way("body"),), (Way(END, spec.until, ("until",)), Way("body"))
    again = (Way("body", spec.as_long_as, ("while",)),)
    return again, again


def attempt(spec: WorkSpec) -> SequenceScope:
    """Hold a body, what is done about its errors, and what is done at the end in any case."""
    steps = [Step(inner("body", spec, ()), (Way(END),), tuple(_handlers(spec)))]
    for number, handler in enumerate(spec.catch or ()):
        steps.append(Step(inner(f"catch_{number + 1}", handler, ("catch", number)), (Way(END),)))
    last = None
    if spec.last is not None:
        steps.append(Step(inner("finally", spec.last, ("finally",))))
        last = "finally"
    names = {handler.variable: None for handler in spec.catch or () if handler.variable}
    variables = {**names, **(spec.vars or {})}
    return SequenceScope(tuple(steps), (Way("body"),), last, output=spec.output, variables=variables)


def _handlers(spec: WorkSpec) -> Iterator[Handling]:
    for number, handler in enumerate(spec.catch or ()):
        place = ("catch", number, "when")
        yield Handling(f"catch_{number + 1}", handler.when, place, handler.errors, handler.variable)


def _composite(name: str, expand: Any, words: frozenset[str], description: str) -> TaskType:
    return TaskType(name, None, kernel=True, words=words | SHARED, expand=expand, description=description)


COMPOSITES = (
    _composite(
        "group", group, frozenset(("tasks", "max_concurrency")), "Run a graph of tasks inside one task."
    ),
    _composite("parallel", parallel, BRANCHES, "Run branches side by side."),
    _composite(
        "race",
        race,
        BRANCHES | {"enough"},
        "Run branches until the first succeeds; the others are cancelled.",
    ),
    _composite(
        "sequence",
        sequence,
        frozenset(("steps", "max_iterations")),
        "Carry out steps in order; `next` jumps.",
    ),
    _composite(
        "decision",
        decision,
        frozenset(("cases", "default", "mode")),
        "Carry out the first case whose condition holds, or with `mode: all` every one.",
    ),
    _composite(
        "loop",
        loop,
        BODY | {"as_long_as", "until", "times", "max_iterations"},
        "Carry out a body again while or until a condition holds, or a number of times.",
    ),
    _composite(
        "try",
        attempt,
        BODY | {"catch", "last"},
        "Carry out a body, handle its errors by class, and end with `finally` in any case.",
    ),
)
