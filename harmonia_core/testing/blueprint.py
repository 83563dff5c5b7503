"""The places at which tests aim, and the graph in which mocks take the place of the engine's own work. Pure."""

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from harmonia_core.model.addresses import UNDO
from harmonia_core.model.graph import Graph, Scope, TaskNode
from harmonia_core.testing.mocks import AROUND, Mocks

MAIN = "main/body/"
"""What the paths begin with of the tasks of a workflow that has a `catch` or `finally` itself."""


class Place(NamedTuple):
    """Hold a place of a definition: the paths by which a test may name it, without numbers."""

    paths: tuple[str, ...]
    node: TaskNode


def places(graph: Graph, prefix: str = "") -> Iterator[Place]:
    """Yield every place of a graph, and of those that it starts. prefix: what their full paths begin with."""
    for node in graph.root.tasks:
        yield from _places(node, node.id, prefix, False)


def _places(node: TaskNode, path: str, prefix: str, guarded: bool) -> Iterator[Place]:
    yield Place(named(path, guarded, prefix), node)
    if node.undo is not None:
        yield Place(named(path + UNDO, False, prefix), node.undo)
    if node.item is not None:
        yield from _places(node.item, path, prefix, False)
    if node.scope is not None:
        for inner in node.scope.tasks:
            yield from _places(inner, f"{path}/{inner.id}", prefix, is_body(node, inner.id))
    if node.child is not None and node.child.graph is not None:
        yield from places(node.child.graph, f"{prefix}{path}/")


def is_open(graph: Graph) -> bool:
    """Tell whether a graph starts workflows that are known only when it runs."""
    return any(
        place.node.child is not None and (place.node.child.reference is not None or place.node.child.pinned)
        for place in places(graph)
    )


def is_body(around: TaskNode, name: str) -> bool:
    """Tell whether a task is what a `try` carries out, and so what a test means by the name of that."""
    return around.type == "try" and name == "body"


def named(path: str, guarded: bool, prefix: str = "") -> tuple[str, ...]:
    """Return the paths by which a test may name what has a path in its own execution.

    guarded: it is the body of a `try`. prefix: the path of the task whose execution it is in, and `/`.
    """
    found = [path]
    if guarded:
        found.append(path.rpartition("/")[0])
    found += [one.removeprefix(MAIN) for one in found if one.startswith(MAIN)]
    return tuple(found + [prefix + one for one in found if prefix])


def staged(graph: Graph, mocks: Mocks, prefix: str = "") -> Graph:
    """Return a graph in which what the engine carries out itself is handed over where a mock may name it."""
    return replace(graph, root=_scope(graph.root, mocks, "", prefix, None))


def _scope(scope: Scope, mocks: Mocks, within: str, prefix: str, around: TaskNode | None) -> Scope:
    tasks = tuple(
        _node(node, mocks, within + node.id, prefix, around is not None and is_body(around, node.id))
        for node in scope.tasks
    )
    return replace(scope, tasks=tasks)


def _node(node: TaskNode, mocks: Mocks, path: str, prefix: str, guarded: bool) -> TaskNode:
    if node.undo is not None:
        node = replace(node, undo=_node(node.undo, mocks, path + UNDO, prefix, False))
    if node.kernel and node.type not in AROUND and mocks.may_name(named(path, guarded, prefix), node.type):
        return replace(node, kernel=False, scope=None, child=None)
    if node.item is not None:
        node = replace(node, item=_node(node.item, mocks, path, prefix, False))
    if node.scope is not None:
        node = replace(node, scope=_scope(node.scope, mocks, f"{path}/", prefix, node))
    if node.child is not None and node.child.graph is not None:
        child = staged(node.child.graph, mocks, f"{prefix}{path}/")
        node = replace(node, child=replace(node.child, graph=child))
    return node
