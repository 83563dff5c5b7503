"""Definitions as graphs: compile once per content, with the task types that are plugged in."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

from pydantic_core import to_json

import harmonia_core
from harmonia_core.contracts.registration import TASK_TYPES
from harmonia_core.contracts.task_type import TaskType
from harmonia_core.definitions.load import load_data
from harmonia_core.engine.compile import compile_definition
from harmonia_core.errors import DefinitionInvalid, InvariantViolated
from harmonia_core.ids import is_name
from harmonia_core.model.definition import WorkflowDefinition
from harmonia_core.model.graph import Graph
from harmonia_core.plugins.load import Plugins
from harmonia_core.settings import KernelSettings

_DATA = frozenset(("input", "output", "vars", "metadata", "labels", "input_schema", "output_schema"))


@dataclass(frozen=True, slots=True)
class Compiled:
    """Hold a graph beside the canonical text that its hash is over."""

    graph: Graph
    text: bytes


class Catalog:
    """Compile definitions for one engine, and remember the newest of them."""

    KEEP = 256

    def __init__(self, plugins: Plugins, settings: KernelSettings) -> None:
        self._registry, self._settings = plugins.registry, settings
        self._types: Mapping[str, TaskType] = plugins.registry.view(TASK_TYPES.name)
        self._compiled: dict[str, Compiled] = {}

    def task_type(self, name: str) -> TaskType:
        """Return a task type; raise PluginNotFound."""
        found = self._types.get(name)
        return found if found is not None else self._registry.get(TASK_TYPES.name, name)

    def compile(self, definition: WorkflowDefinition | Mapping[str, Any]) -> Compiled:
        """Return the graph of a definition; raise DefinitionInvalid with everything that is wrong."""
        if isinstance(definition, WorkflowDefinition):
            return self._compile(definition)
        try:
            key = sha256(to_json(definition)).hexdigest()
        except (ValueError, TypeError):  # whatever is no JSON is named by the checks
            return self._compile(_loaded(definition))
        found = self._compiled.get(key)
        if found is None:
            found = self._compile(_loaded(definition))
            self._remember(key, found)
        return found

    def _compile(self, definition: WorkflowDefinition) -> Compiled:
        key = definition.content_hash()
        found = self._compiled.get(key)
        if found is None:
            found = Compiled(
                self._graph(definition, self._types, self._settings.env_allow), definition.canonical()
            )
            self._remember(key, found)
        return found

    def known(self, definition_hash: str) -> Graph | None:
        """Return the graph of a definition that has been compiled here before."""
        found = self._compiled.get(definition_hash)
        return found.graph if found is not None else None

    def compile_stored(self, data: Mapping[str, Any], strict: bool) -> Graph:
        """Return the graph of a stored definition.

        Not strict lets unknown task types pass, and names of the environment that may not be read here.
        """
        definition = _loaded(data)
        if strict:
            return self.compile(definition).graph
        return self._graph(definition, self._with_strangers(definition), None)

    def _graph(
        self,
        definition: WorkflowDefinition,
        task_types: Mapping[str, TaskType],
        env_allow: Collection[str] | None,
    ) -> Graph:
        settings = self._settings
        return compile_definition(
            definition,
            task_types,
            env_allow=env_allow,
            graph_window=settings.graph_window,
            map_window=settings.map_window,
        )

    def version_of(self, task_type: str) -> str:
        """Return the distribution behind a task type, with its version."""
        origin = self._registry.origin(TASK_TYPES.name, task_type)
        return f"{origin.distribution} {origin.version}"

    def versions(self, graph: Graph | None = None) -> dict[str, str]:
        """Return the versions of Harmonia and of the distributions behind task types (all, or a graph's)."""
        found = {"harmonia": harmonia_core.__version__}
        for name in graph.task_types if graph else self._types:
            origin = self._registry.origin(TASK_TYPES.name, name)
            found[origin.distribution] = origin.version
        return found

    def _with_strangers(self, definition: WorkflowDefinition) -> Mapping[str, TaskType]:
        missing = {name for name in _types_in(definition.as_data()) if _nameable(name)} - self._types.keys()
        known = {name: _unchecked(kind) for name, kind in self._types.items()}
        return {**known, **{name: TaskType(name, _stranger) for name in missing}}

    def _remember(self, key: str, compiled: Compiled) -> None:
        self._compiled[key] = compiled
        if len(self._compiled) > self.KEEP:
            del self._compiled[next(iter(self._compiled))]


def _types_in(part: Any) -> Iterator[str]:
    """Yield what stands as `type` in the normal form of a definition, at any depth; data is left aside."""
    if isinstance(part, list):
        for one in part:
            yield from _types_in(one)
    elif isinstance(part, dict):
        if isinstance(part.get("type"), str):
            yield part["type"]
        for key, value in part.items():
            if key not in _DATA:
                yield from _types_in(value)


def _nameable(name: str) -> bool:
    return all(is_name(part) for part in name.split("."))


def _unchecked(kind: TaskType) -> TaskType:
    """Return a task type that takes any input: what may not run here may still be looked at."""
    return kind if kind.kernel else replace(kind, check=None, input_model=None, output_model=None)


def _stranger(ctx: Any, input: Any) -> None:
    """Stand for a task type that is not plugged in here; such a graph is looked at, never run."""
    raise InvariantViolated("A graph with unknown task types was run.")


def _loaded(data: Mapping[str, Any]) -> WorkflowDefinition:
    loaded = load_data(dict(data))
    if loaded.definition is None or loaded.problems:
        raise DefinitionInvalid(loaded.problems)
    return loaded.definition
