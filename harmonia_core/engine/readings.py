"""Check what expressions read, as far as it can be known before anything runs. Pure.

The data roots are known (`input` by its schema, `vars` by declaration, `context`,
`env` by the allow-list); a task's result may be read by those that wait for it.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from harmonia_core.engine.dependencies import Dependencies, StepOrder
from harmonia_core.engine.inputs import TypeFacts
from harmonia_core.engine.suggestions import Names
from harmonia_core.errors import Problem
from harmonia_core.expressions import cel
from harmonia_core.model.paths import Path, Step, write_steps
from harmonia_core.model.values import Expression, Template

CONTEXT: Mapping[str, tuple[str, ...]] = {"workflow": ("name", "version"), "execution": (), "now": ()}
REDUCING = frozenset(("result", "output"))
_ELSEWHERE: Mapping[str, str] = {
    **dict.fromkeys(REDUCING, "the `reduce` of a map"),
    "cursor": "the `pages` of a map",
}
_ITEM_ROOTS = frozenset(("item", "index"))


class Undone(NamedTuple):
    """Name the type of a task that is undone; None if it is unknown."""

    facts: TypeFacts | None


class Place:
    """Say where an expression stands: its path, whose it is, and what only this place may read.

    reader: position of the task; None for what stands at the end of its scope, which may read every task.
    in_item: whether `item` and `index` exist here, beside those that the scope knows.
    in_catch: whether `error` does. also: other roots that do. boolean: a condition is needed.
    undoes: what is known of the task that is undone here, so that `output` exists; None elsewhere.
    """

    __slots__ = ("also", "boolean", "in_catch", "in_item", "path", "reader", "undoes")

    def __init__(
        self,
        path: str,
        reader: int | None,
        *,
        in_item: bool = False,
        in_catch: bool = False,
        boolean: bool = False,
        undoes: "Undone | None" = None,
        also: frozenset[str] = frozenset(),
    ) -> None:
        self.undoes, self.also = undoes, also
        self.path, self.reader, self.in_item, self.boolean = path, reader, in_item, boolean
        self.in_catch = in_catch


@dataclass(frozen=True, slots=True)
class Known:
    """Hold what a scope knows beside its tasks.

    variables: its own. roots: `item`, `index`, `error`. alone: whether nothing runs beside its tasks, so
        that they may also write what those of the scope around it may.
    """

    variables: Collection[str] = ()
    roots: frozenset[str] = frozenset()
    alone: bool = False


class Readings:
    """Check the readings of one scope; problems are added as they are found.

    outer, owner: the readings of the scope around it and the position of the task whose scope this is.
    """

    def __init__(
        self,
        input_schema: Mapping[str, Any] | None,
        dependencies: Dependencies | StepOrder,
        facts: Sequence[TypeFacts | None],
        problems: list[Problem],
        env_allow: Collection[str] | None,
        known: Known,
        outer: "Readings | None" = None,
        owner: int | None = None,
    ) -> None:
        self._dependencies, self._facts, self._known = dependencies, facts, known
        self._problems, self._env_allow = problems, env_allow
        self._schema: Mapping[str, Any] = input_schema or {}
        self._outer, self._owner = outer, owner
        self.roots: frozenset[str] = known.roots | (outer.roots if outer else frozenset())
        own = frozenset(known.variables)
        self.variables: frozenset[str] = own | (outer.variables if outer else frozenset())
        self.writable: frozenset[str] = own | (outer.writable if outer and known.alone else frozenset())

    def template(self, template: Template, place: Place) -> None:
        """Check every expression of a template."""
        for pointer, expression in template.expressions:
            self.expression(expression, place, pointer)

    def expression(self, expression: Expression, place: Place, pointer: tuple[Step, ...] = ()) -> None:
        """Check one expression; pointer: where it stands below the place."""
        for read in expression.reads:
            if read.root == "tasks":
                self._task(read, place, pointer)
            elif (found := self._fault(read, place)) is not None:
                code, message, hint = found
                self._add(code, place, pointer, message, hint)
        if expression.language != "path":
            cel.check(expression, write_steps(place.path, pointer), self._problems, boolean=place.boolean)

    def writes(self, names: Iterable[str], path: str, alone: bool) -> None:
        """Check that variables are declared, and that nothing that runs beside may write them, too.

        alone: false for the items of a map, which run beside each other.
        """
        for name in names:
            where = write_steps(path, (name,))
            if name not in self.variables:
                hint = Names(sorted(self.variables)).hint(name)
                message = f"no variable {name!r} is declared"
                self._problems.append(Problem("variable-unknown", where, message, suggestion=hint))
            elif not alone or name not in self.writable:
                message = f"{name!r} belongs to a scope in which other tasks run at the same time"
                hint = "hand the value out as an output, or declare the variable in this branch"
                self._problems.append(Problem("variable-not-writable", where, message, suggestion=hint))

    def finish(self) -> None:
        """Report the readings of tasks that are no ancestors; call once, after all others."""
        for reader, read, path in self._dependencies.unreadable():
            message, mend = self._dependencies.why_not(reader, read)
            if reader == read:
                message, mend = f"{self._name(read)!r} reads its own result", _own_result(path)
            self._problems.append(Problem("dependency-missing", path, message, suggestion=mend))

    def _add(
        self, code: str, place: Place, pointer: tuple[Step, ...], message: str, hint: str | None = None
    ) -> None:
        self._problems.append(Problem(code, write_steps(place.path, pointer), message, suggestion=hint))

    def _name(self, position: int) -> str:
        return next(name for name, place in self._dependencies.index.items() if place == position)

    def _task(self, read: Path, place: Place, pointer: tuple[Step, ...]) -> None:
        dependencies, name = self._dependencies, str(read.steps[0])
        position = dependencies.index.get(name)
        if position is None and self._outer is not None:
            self._outer._task(read, Place(place.path, self._owner), pointer)
            return
        if position is None:
            message = f"`{read}`: there is no task {name!r}"
            self._add("task-unknown", place, pointer, message, dependencies.ids.hint(name))
            return
        if place.reader is not None:
            dependencies.may_read(place.reader, position, write_steps(place.path, pointer))
        facts = self._facts[position]
        if facts is not None and len(read.steps) > 2 and read.steps[1] == "output":
            unknown = facts.output_fault(read.steps[2])
            if unknown is not None:
                self._add("path-unknown", place, pointer, f"`{read}`: {unknown[0]}", unknown[1])

    def _fault(self, read: Path, place: Place) -> tuple[str, str, str | None] | None:
        """Return code, message and suggestion for a path that leads nowhere."""
        root, steps = read.root, read.steps
        if root == "input":
            return self._input_fault(read)
        if root in _ITEM_ROOTS:
            where = "the `task` of a map" if root == "item" else "the `task` of a map and in loops"
            there = place.in_item or root in self.roots
            return None if there else ("root-misplaced", f"`{root}` exists only in {where}", None)
        if root == "output" and root not in place.also:
            return _output_fault(read, place)
        if root in _ELSEWHERE:
            there = root in place.also or root in self.roots
            return None if there else ("root-misplaced", f"`{root}` exists only in {_ELSEWHERE[root]}", None)
        if root == "error":
            there = place.in_catch or root in self.roots
            return None if there else ("root-misplaced", "`error` exists only in handlers of errors", None)
        if not steps:
            return None
        first = str(steps[0])
        if root == "vars" and first not in self.variables:
            hint = Names(sorted(self.variables)).hint(first)
            return "path-unknown", f"`{read}`: no variable {first!r} is declared", hint
        if root == "env" and self._env_allow is not None and first not in self._env_allow:
            hint = f"add it to the setting env_allow: {first}"
            return "env-not-allowed", f"the environment variable {first!r} may not be read", hint
        return _context_fault(read) if root == "context" else None

    def _input_fault(self, read: Path) -> tuple[str, str, str | None] | None:
        """Follow a path down the input's schema while every step's answer is certain."""
        schema: Any = self._schema
        for step in read.steps:
            if not isinstance(schema, dict) or not isinstance(step, str):
                return None
            properties = schema.get("properties")
            if not isinstance(properties, dict) or _is_open(schema, step):
                return None
            if step not in properties:
                return "path-unknown", f"`{read}`: the input has no {step!r}", Names(properties).hint(step)
            schema = properties[step]
        return None


def _own_result(path: str) -> str | None:
    return "what undoes a task reads its output as `output`" if ".compensate." in path else None


def _output_fault(read: Path, place: Place) -> tuple[str, str, str | None] | None:
    """Follow a path into the output of the task that is undone."""
    if place.undoes is None:
        hint = "the output of a task is read as tasks.<id>.output"
        return "root-misplaced", "`output` exists only in a `compensate` and in the `reduce` of a map", hint
    facts = place.undoes.facts
    unknown = facts.output_fault(read.steps[0]) if facts is not None and read.steps else None
    return None if unknown is None else ("path-unknown", f"`{read}`: {unknown[0]}", unknown[1])


def _is_open(schema: Mapping[str, Any], step: str) -> bool:
    """Tell whether an object may have a property that `properties` does not name."""
    known = step in schema["properties"]
    elsewhere = any(key in schema for key in ("$ref", "allOf", "anyOf", "oneOf", "patternProperties", "if"))
    return not known and (elsewhere or schema.get("additionalProperties") is not False)


def _context_fault(read: Path) -> tuple[str, str, str | None] | None:
    first = str(read.steps[0])
    if first not in CONTEXT:
        return "path-unknown", f"`{read}`: the context has no {first!r}", Names(CONTEXT).hint(first)
    fields = CONTEXT[first]
    if len(read.steps) > 1 and str(read.steps[1]) not in fields:
        second = str(read.steps[1])
        return "path-unknown", f"`{read}`: `context.{first}` has no {second!r}", Names(fields).hint(second)
    return None
