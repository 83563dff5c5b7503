"""Definitions as graphs: compile once per content, with the task types that are plugged in."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import harmonia_core
from harmonia_core.contracts.registration import TASK_TYPES
from harmonia_core.contracts.task_type import TaskType
from harmonia_core.definitions.load import load_data
from harmonia_core.engine.compile import compile_definition
from harmonia_core.errors import DefinitionInvalid, InvariantViolated
from harmonia_core.model.definition import WorkflowDefinition
from harmonia_core.model.graph import Graph
from harmonia_core.plugins.load import Plugins


@dataclass(frozen=True, slots=True)
class Compiled:
    """Hold a graph beside the canonical text that its hash is over."""

    graph: Graph
    text: bytes


class Catalog:
    """Compile definitions for one engine, and remember the newest of them."""

    KEEP = 256

    def __init__(self, plugins: Plugins) -> None:
        self._registry = plugins.registry
        self._types: Mapping[str, TaskType] = plugins.registry.view(TASK_TYPES.name)
        self._compiled: dict[str, Compiled] = {}

    def task_type(self, name: str) -> TaskType:
        """Return a task type; raise PluginNotFound."""
        found = self._types.get(name)
        return found if found is not None else self._registry.get(TASK_TYPES.name, name)

    def compile(self, definition: WorkflowDefinition | Mapping[str, Any]) -> Compiled:
        """Return the graph of a definition; raise DefinitionInvalid with everything that is wrong."""
        if not isinstance(definition, WorkflowDefinition):
            definition = _loaded(definition)
        key = definition.content_hash()
        found = self._compiled.get(key)
        if found is None:
            found = Compiled(compile_definition(definition, self._types), definition.canonical())
            self._remember(key, found)
        return found

    def compile_stored(self, data: Mapping[str, Any], strict: bool) -> Graph:
        """Return the graph of a stored definition; not strict lets unknown task types pass."""
        definition = _loaded(data)
        if strict:
            return self.compile(definition).graph
        known = self._compiled.get(definition.content_hash())
        return known.graph if known else compile_definition(definition, self._with_strangers(definition))

    def versions(self, graph: Graph | None = None) -> dict[str, str]:
        """Return the versions of Harmonia and of the distributions behind task types (all, or a graph's)."""
        found = {"harmonia": harmonia_core.__version__}
        for name in graph.task_types if graph else self._types:
            origin = self._registry.origin(TASK_TYPES.name, name)
            found[origin.distribution] = origin.version
        return found

    def _with_strangers(self, definition: WorkflowDefinition) -> Mapping[str, TaskType]:
        specs = [spec for task in definition.tasks for spec in (task, task.task) if spec is not None]
        missing = {spec.type for spec in specs} - self._types.keys()
        return {**self._types, **{name: TaskType(name, _stranger) for name in missing}}

    def _remember(self, key: str, compiled: Compiled) -> None:
        self._compiled[key] = compiled
        if len(self._compiled) > self.KEEP:
            del self._compiled[next(iter(self._compiled))]


def _stranger(ctx: Any, input: Any) -> None:
    """Stand for a task type that is not plugged in here; such a graph is looked at, never run."""
    raise InvariantViolated("A graph with unknown task types was run.")


def _loaded(data: Mapping[str, Any]) -> WorkflowDefinition:
    loaded = load_data(dict(data))
    if loaded.definition is None or loaded.problems:
        raise DefinitionInvalid(loaded.problems)
    return loaded.definition
