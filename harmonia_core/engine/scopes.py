"""Build the scopes of a definition: its own, and those inside composites, at any depth. Pure."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from harmonia_core.contracts.composite import END, GraphScope, Handling, Inner, SequenceScope, Way, sound
from harmonia_core.engine.dependencies import Dependencies, StepOrder
from harmonia_core.engine.inputs import TypeFacts, retry_policy
from harmonia_core.engine.nodes import NodeBuilder
from harmonia_core.engine.readings import Known, Place, Readings
from harmonia_core.engine.sources import PAGES, comes_in_pages, paged
from harmonia_core.engine.subworkflows import Subworkflows
from harmonia_core.engine.task_types import TypeCatalog
from harmonia_core.errors import Problem, ProblemsError
from harmonia_core.model.definition import WorkflowDefinition
from harmonia_core.model.graph import Catch, Jump, OnFailure, Order, Rule, Scope
from harmonia_core.model.pointer import Pointer, path_text, read_pointer
from harmonia_core.model.task_spec import TaskSpec, WorkSpec
from harmonia_core.model.values import Expression, Template, parse_expression, parse_template

GUARD, MAIN = "try", "main"
WORKFLOW: Pointer = ()
"""Where what belongs to the workflow itself stands."""
_OUTSIDE = ("depends_on", "when", "join", "next", "catch", "last")
_FRESH = dict(TaskSpec.model_validate({"id": "fresh", "type": GUARD}))
_ITEM, _LOOP, _HANDLER = frozenset(("item", "index")), frozenset(("index",)), frozenset(("error",))


@dataclass(frozen=True, slots=True)
class Whole:
    """Hold what all scopes of a definition have in common; problems are added as they are found."""

    definition: WorkflowDefinition
    catalog: TypeCatalog
    problems: list[Problem]
    env_allow: Collection[str] | None
    graph_window: int
    map_window: int
    children: Subworkflows


@dataclass(frozen=True, slots=True)
class Around:
    """Hold what lies around a scope: the readings there, and the task whose scope it is.

    pointer: of that task in the model. roots: what only its tasks may read. anew: whether it may begin
    anew as a whole.
    """

    readings: Readings
    owner: int
    pointer: Pointer
    roots: frozenset[str]
    anew: bool = False


def root_scope(whole: Whole) -> tuple[Scope, Template | None]:
    """Return the workflow's own scope, and its output."""
    definition = whole.definition
    pointers: list[Pointer] = [("tasks", number) for number in range(len(definition.tasks))]
    if definition.catch is None and definition.last is None:
        return _root(whole, definition.tasks, pointers, definition.output)
    output = None if definition.output is None else f"${{tasks.{MAIN}.output}}"
    found = _root(whole, (_main(definition),), [WORKFLOW], output)
    if found[0].tasks[0].scope is None:
        # What is wrong with a handler must not hide what is wrong with the tasks.
        _root(whole, definition.tasks, pointers, definition.output)
    return found


def _root(
    whole: Whole, tasks: Sequence[TaskSpec], pointers: Sequence[Pointer], output: Any
) -> tuple[Scope, Template | None]:
    level = _Level(whole, tasks, pointers, None, None, Known(whole.definition.vars))
    scope = level.scope()
    template = level.template(output, "output")
    level.readings.finish()
    return scope, template


def _main(definition: WorkflowDefinition) -> TaskSpec:
    """Return the `try` that a workflow with `catch` or `finally` stands for, its tasks inside it."""
    own = {"tasks": definition.tasks, "catch": definition.catch, "last": definition.last}
    return TaskSpec.model_construct(**{**_FRESH, **own, "id": MAIN, "type": GUARD})


class _Level:
    """Build one scope. order: of a sequence, whether it may go back; None for a graph."""

    def __init__(
        self,
        whole: Whole,
        tasks: Sequence[TaskSpec],
        pointers: Sequence[Pointer],
        order: bool | None,
        around: Around | None,
        known: Known,
    ) -> None:
        self._whole, self._tasks, self._pointers = whole, list(tasks), pointers
        places = [whole.definition.place(pointer) for pointer in pointers]
        self.dependencies: Dependencies | StepOrder = (
            Dependencies(tasks, places, whole.problems) if order is None else StepOrder(tasks, order)
        )
        self._facts = [whole.catalog.of(task.type, place) for task, place in zip(tasks, places, strict=True)]
        for number, facts in enumerate(self._facts):
            if facts is not None and _needs_guard(tasks[number], facts):
                self._tasks[number] = guarded(tasks[number])
                self._facts[number] = whole.catalog.of(GUARD, places[number])
            elif comes_in_pages(tasks[number]):
                self._tasks[number] = paged(tasks[number])
                self._facts[number] = whole.catalog.of(PAGES, places[number])
        self.readings = Readings(
            whole.definition.input_schema, self.dependencies, self._facts, whole.problems, whole.env_allow,
            known, None if around is None else around.readings, None if around is None else around.owner,
        )  # fmt: skip
        default = whole.definition.retry_policy
        self._on_failure: OnFailure = "fail"
        if around is None and whole.definition.on_failure == "hold":
            self._on_failure = "hold"
        self._builder = NodeBuilder(
            self._tasks, places, self.dependencies, whole.catalog, self.readings, whole.problems,
            whole.map_window, None if default is None else retry_policy(default), self._inside,
            whole.children, self._on_failure,
        )  # fmt: skip

    def scope(self, **more: Any) -> Scope:
        """Return the scope with its nodes, in definition order."""
        nodes = tuple(self._builder.node(number, facts) for number, facts in enumerate(self._facts))
        index = MappingProxyType(dict(self.dependencies.index))
        return Scope(nodes, index, self._whole.graph_window, **more)

    def template(self, value: Any, path: str) -> Template | None:
        """Return a template that may read every task of the scope; no secret may stand in it."""
        if value is None:
            return None
        found = parse_template(value, path, secrets_allowed=False, problems=self._whole.problems)
        self.readings.template(found, Place(path, None))
        return found

    def jumps(self, ways: Sequence[Way], base: Pointer) -> tuple[Jump, ...]:
        """Return where ways lead."""
        return tuple(Jump(self._to(way), self._when(way, base, False)) for way in ways)

    def catches(self, ways: Sequence[Handling], base: Pointer) -> tuple[Catch, ...]:
        """Return where errors lead."""
        return tuple(
            Catch(self._to(way), way.errors, self._when(way, base, True), way.variable) for way in ways
        )

    def _to(self, way: Way) -> int | None:
        return None if way.to == END else self.dependencies.index[way.to]

    def _when(self, way: Way, base: Pointer, in_catch: bool) -> Expression | None:
        if way.when is None:
            return None
        path = path_text(self._whole.definition.place((*base, *way.place)))
        found = parse_expression(way.when, path, self._whole.problems)
        if found is not None:
            self.readings.expression(found, Place(path, None, boolean=True, in_catch=in_catch))
        return found

    def _inside(self, facts: TypeFacts, spec: WorkSpec, position: int, item: bool) -> Scope | None:
        pointer = (*self._pointers[position], *(("task",) if item else ()))
        roots = _ITEM if item else frozenset[str]()
        anew = spec.retry_policy is not None or self._holds(spec, item)
        return inside(self._whole, facts, spec, Around(self.readings, position, pointer, roots, anew))

    def _holds(self, spec: WorkSpec, item: bool) -> bool:
        """Tell whether a person may let a composite begin anew."""
        return (spec.on_failure or ("fail" if item else self._on_failure)) == "hold"


def _needs_guard(task: TaskSpec, facts: TypeFacts) -> bool:
    return (task.catch is not None or task.last is not None) and "catch" not in facts.type.words


def guarded(task: TaskSpec) -> TaskSpec:
    """Return the `try` that a task with `catch` or `finally` stands for, the task itself inside it."""
    own = {name: getattr(task, name) for name in ("id", *_OUTSIDE)}
    body = task.model_copy(update={name: _FRESH[name] for name in _OUTSIDE})
    return TaskSpec.model_construct(**{**_FRESH, **own, "type": GUARD, "task": body})


def inside(whole: Whole, facts: TypeFacts, spec: WorkSpec, around: Around) -> Scope | None:
    """Return the scope of a composite; None if it cannot be made."""
    assert facts.type.expand is not None
    try:
        found = sound(facts.type.expand(spec))
    except ProblemsError as error:
        for one in error.problems:
            pointer = (*around.pointer, *read_pointer(one.path))
            whole.problems.append(replace(one, path=path_text(whole.definition.place(pointer))))
        return None
    except Exception as error:  # of an author's type; nothing else may be hidden by it
        message = f"the task type {spec.type!r} could not say what is inside: {type(error).__name__}: {error}"
        where = path_text(whole.definition.place(around.pointer))
        whole.problems.append(Problem("type-fault", where, message, suggestion="tell its author"))
        return None
    if isinstance(found, GraphScope):
        return _graph(whole, found, around)
    return _sequence(whole, found, around)


def _graph(whole: Whole, found: GraphScope, around: Around) -> Scope:
    tasks, pointers = _listed(found.tasks, around.pointer)
    own = around.pointer == WORKFLOW  # the workflow's tasks: nothing runs beside them
    level = _Level(whole, tasks, pointers, None, around, Known(found.variables, around.roots, own))
    scope = level.scope(enough=found.enough, vars=MappingProxyType(dict(found.variables)))
    output = level.template(whole.definition.output if own else found.output, _output_path(whole, around))
    level.readings.finish()
    return replace(scope, output=output, window=found.window or scope.window, repeats=around.anew)


def _sequence(whole: Whole, found: SequenceScope, around: Around) -> Scope:
    base = around.pointer
    tasks, pointers = _listed([step.inner for step in found.steps], base)
    back = _goes_back(found)
    handles = found.last is not None or any(step.caught for step in found.steps)
    roots = around.roots | found.roots | (_LOOP if back else frozenset())
    roots |= _HANDLER if handles else frozenset()
    alone = "item" not in around.roots
    level = _Level(whole, tasks, pointers, back, around, Known(found.variables, roots, alone))
    scope = level.scope(vars=MappingProxyType(dict(found.variables)))
    order = Order(
        level.jumps(found.enter, base),
        tuple(Rule(level.jumps(step.then, base), level.catches(step.caught, base)) for step in found.steps),
        None if found.last is None else scope.index[found.last],
        found.limit,
        found.counted,
    )
    output = level.template(found.output, _output_path(whole, around))
    level.readings.finish()
    return replace(scope, order=order, output=output, repeats=back or around.anew)


def _goes_back(found: SequenceScope) -> bool:
    """Tell whether a way leads to a step that was carried out already."""
    index: Mapping[str, int] = {step.inner.id: number for number, step in enumerate(found.steps)}
    return any(
        index.get(way.to, len(index)) <= number
        for number, step in enumerate(found.steps)
        for way in (*step.then, *step.caught)
    )


def _listed(inner: Sequence[Inner], base: Pointer) -> tuple[list[TaskSpec], list[Pointer]]:
    """Return what is inside as tasks with ids, and where each stands in the model."""
    tasks = [TaskSpec.model_construct(**{**_FRESH, **dict(one.spec), "id": one.id}) for one in inner]
    return tasks, [(*base, *one.place) for one in inner]


def _output_path(whole: Whole, around: Around) -> str:
    return path_text((*whole.definition.place(around.pointer), "output"))
