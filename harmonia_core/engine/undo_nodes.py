"""Build what undoes a task, and check what an author says about failing. Pure."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from harmonia_core.engine.inputs import TypeFacts
from harmonia_core.engine.readings import Place, Undone
from harmonia_core.engine.task_types import TypeCatalog
from harmonia_core.errors import Problem
from harmonia_core.model.graph import OnFailure, RetryPolicy, TaskNode
from harmonia_core.model.pointer import Pointer, path_text
from harmonia_core.model.task_spec import WorkSpec, written

if TYPE_CHECKING:
    from harmonia_core.engine.nodes import NodeBuilder

# Types that mean something only where they stand, or wait for somebody else: an undo goes its way alone.
_OF_A_SCOPE = frozenset(("map", "set", "subworkflow", "event", "approval"))
_NOT_IN_UNDO = ("compensate", "on_failure", "catch", "last")


class UndoBuilder:
    """Build the undos of one scope; problems are added as they are found."""

    def __init__(self, builder: "NodeBuilder", catalog: TypeCatalog, problems: list[Problem]) -> None:
        self._builder, self._catalog, self._problems = builder, catalog, problems

    def on_failure(self, work: WorkSpec, facts: TypeFacts | None, path: str, default: OnFailure) -> OnFailure:
        """Return what comes before a task fails; report a word that cannot mean anything there."""
        word = work.on_failure or default
        if word == "compensate" and facts is not None and not _holds(facts):
            message = f"a task of type {work.type!r} holds nothing that could be undone"
            hint = "write it at the workflow, or at a composite around this task"
            self._add("on-failure-misplaced", f"{path}.on_failure", message, hint)
        return word

    def look_inside(self, node: TaskNode, path: str) -> None:
        """Report a composite that is to be compensated though nothing inside it can be undone."""
        holds = node.scope is not None or node.item is not None
        if node.on_failure == "compensate" and holds and not self._problems and not any_undo(_inside(node)):
            self._problems.append(nothing_to_undo(f"{path}.on_failure"))

    def undo(
        self, work: WorkSpec, facts: TypeFacts | None, position: int, place: Pointer, in_item: bool
    ) -> TaskNode | None:
        """Return the node of what undoes a task, None if nothing does."""
        spec = work.compensate
        if spec is None:
            return None
        pointer = (*place, "compensate")
        path = path_text(pointer)
        kind = self._catalog.of(spec.type, pointer)
        self._check(spec, kind, path)
        where = Place(f"{path}.input", position, in_item=in_item, undoes=Undone(facts))
        fields = self._builder.work(spec, kind, where, path)
        if kind is not None and kind.type.expand is None:
            self._builder.check_words(_without(spec), kind, path)
        if spec.retry_policy is None and not fields["kernel"]:
            fields["retry"] = RetryPolicy()
        return TaskNode(index=0, id="undo", on_failure="hold", **fields)

    def _check(self, spec: WorkSpec, facts: TypeFacts | None, path: str) -> None:
        if facts is not None and (facts.type.expand is not None or spec.type in _OF_A_SCOPE):
            message = f"a task of type {spec.type!r} cannot undo another; what undoes is one plain task"
            self._add("not-supported", f"{path}.type", message)
        for field in _NOT_IN_UNDO:
            if getattr(spec, field) is not None:
                key = written(field)
                message = f"no {key!r} here: what undoes a task is itself neither undone nor caught"
                self._add("key-misplaced", f"{path}.{key}", message)

    def _add(self, code: str, path: str, message: str, hint: str | None = None) -> None:
        self._problems.append(Problem(code, path, message, suggestion=hint))


def _holds(facts: TypeFacts) -> bool:
    return facts.type.expand is not None or facts.type.name == "map"


def _without(spec: WorkSpec) -> WorkSpec:
    """Return an undo without the words that have been refused already."""
    return spec.model_copy(update=dict.fromkeys(_NOT_IN_UNDO))


def nothing_to_undo(path: str) -> Problem:
    """Return what is wrong with a word that asks for compensation where nothing can be undone."""
    hint = "write a 'compensate' at the tasks whose work is to be undone"
    return Problem("nothing-to-undo", path, "no task in here says how it is undone", suggestion=hint)


def any_undo(nodes: Iterable[TaskNode]) -> bool:
    """Tell whether any of these tasks, or of those inside them, has an undo."""
    return any(node.undo is not None for node in _all(nodes))


def flags(nodes: Iterable[TaskNode]) -> tuple[bool, bool]:
    """Tell whether any of these tasks, or of those inside them, has an undo; and whether any holds."""
    found = list(_all(nodes))
    undoes = any(node.undo is not None or node.on_failure == "compensate" for node in found)
    return undoes, any(node.on_failure == "hold" for node in found)


def _inside(node: TaskNode) -> tuple[TaskNode, ...]:
    item = () if node.item is None else (node.item,)
    return item + (() if node.scope is None else node.scope.tasks)


def _all(nodes: Iterable[TaskNode]) -> Iterator[TaskNode]:
    for node in nodes:
        yield node
        yield from _all(_inside(node))
