"""Carry a state over to another version of its definition, task by task. Pure."""

from harmonia_core.engine.rewind_scopes import Rebuild
from harmonia_core.model.graph import Graph
from harmonia_core.model.state import GraphState


def mapped(rebuild: Rebuild, scope: GraphState, graph: Graph, dropped: list[str]) -> GraphState:
    """Return a scope as the other version has it."""
    raise NotImplementedError
