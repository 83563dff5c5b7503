"""Compile the workflows that tasks start, together with the workflow that starts them. Pure.

Their problems are reported at their place: below the task where the definition is written out, in
its own file where it was read from one.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from harmonia_core.engine.task_types import TypeCatalog
from harmonia_core.errors import Problem
from harmonia_core.expressions.schema import check_value
from harmonia_core.model.child import Child
from harmonia_core.model.child_spec import SELF, SUBWORKFLOW, named
from harmonia_core.model.definition import WorkflowDefinition
from harmonia_core.model.faults import read_fault
from harmonia_core.model.graph import Graph
from harmonia_core.model.placing import place_problems
from harmonia_core.model.pointer import path_text, read_pointer
from harmonia_core.model.task_spec import WorkSpec
from harmonia_core.model.values import Template

if TYPE_CHECKING:
    from harmonia_core.engine.compile import Compilation

Compile = Callable[[WorkflowDefinition], "Compilation"]


@dataclass(frozen=True, slots=True)
class Subworkflows:
    """Compile what tasks of one definition start; problems are added as they are found."""

    definition: WorkflowDefinition
    compile: Compile
    catalog: TypeCatalog
    problems: list[Problem]

    def child(self, work: WorkSpec, input: Template, path: str) -> Child | None:
        """Return what a task at a place starts; None for a task of another type, or one that is wrong."""
        if work.type != SUBWORKFLOW:
            return None
        if work.detach and work.on_cancel is not None:
            message = "no 'on_cancel' here: a detached workflow goes on whatever becomes of the task"
            self.problems.append(Problem("key-misplaced", f"{path}.on_cancel", message))
        own = Child(detach=bool(work.detach), abandon=work.on_cancel == "abandon")
        written = work.workflow
        if written is None:
            message = "a sub-workflow needs a 'workflow': a definition, a name, {file: …}, {hash: …} or self"
            self.problems.append(Problem("key-missing", f"{path}.workflow", message))
            return None
        if written == SELF:
            self._check_input(self.definition.input_schema, input, path)
            return own
        if isinstance(written, str):
            return replace(own, reference=written)
        if named(written, "hash"):
            return replace(own, definition_hash=written["hash"])
        found = self._inline(written, input, path)
        if found is None:
            return None
        graph, text = found
        return replace(own, definition_hash=graph.definition_hash, graph=graph, text=text)

    def _inline(self, written: Any, input: Template, path: str) -> tuple[Graph, bytes] | None:
        definition = self._definition(written, f"{path}.workflow")
        if definition is None:
            return None
        found = self.compile(definition)
        self.problems.extend(nested(found.problems, f"{path}.workflow", definition))
        if found.graph is None:
            return None
        self.catalog.take_in(found.graph.task_types)
        self._check_input(definition.input_schema, input, path)
        return found.graph, definition.canonical()

    def _definition(self, written: Any, path: str) -> WorkflowDefinition | None:
        """Return the definition; one that nobody has read yet is one of data, tasks listed."""
        if isinstance(written, WorkflowDefinition):
            return written
        try:
            return WorkflowDefinition.model_validate(written)
        except ValidationError as error:
            place = read_pointer(path)
            for fault in error.errors(include_url=False):
                self.problems.append(read_fault(fault, (*place, *fault["loc"])))
            return None

    def _check_input(self, schema: dict[str, Any] | None, input: Template, path: str) -> None:
        """Compare an input that is written out whole with what the workflow takes."""
        if schema is not None and input.constant:
            self.problems.extend(check_value(schema, input.value, f"{path}.input"))


def nested(
    problems: "tuple[Problem, ...] | list[Problem]", path: str, definition: WorkflowDefinition
) -> list[Problem]:
    """Return the problems of a definition as those of what stands at a path of another one.

    What was read from a file of its own has line and column there.
    """
    file = definition.file
    if file is not None:
        placed = place_problems(problems, file.positions)
        problems = [replace(one, source=one.source or file.name) for one in placed]
    outer = read_pointer(path)
    return [replace(one, path=path_text((*outer, *read_pointer(one.path)))) for one in problems]
