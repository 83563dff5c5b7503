"""The places at which tests aim, and the graph in which mocks take the place of the engine. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import NamedTuple, TypeAlias

from harmonia_core.model.addresses import UNDO
from harmonia_core.model.graph import Graph, Scope, TaskNode
from harmonia_core.testing.mocks import AROUND, Mocks

MAIN = "main/body/"
"""What the paths begin with of the tasks of a workflow that has a `catch` or `finally` itself."""
Prefixes: TypeAlias = tuple[str, ...]
"""What may stand before the paths of an execution: those of the task that it carries out, each with a `/`."""


class Place(NamedTuple):
    """Hold a place of a definition: the paths by which a test may name it, without numbers."""

    paths: tuple[str, ...]
    node: TaskNode


def places(graph: Graph, prefixes: Prefixes = ()) -> Iterator[Place]:
    """Yield every place of a graph, and of those that it starts."""
    for node in graph.root.tasks:
        yield from _places(node, node.id, prefixes, False)


def _places(node: TaskNode, path: str, prefixes: Prefixes, guarded: bool) -> Iterator[Place]:
    paths = named(path, guarded, prefixes)
    yield Place(paths, node)
    if node.undo is not None:
        yield Place(undos(paths), node.undo)
    if node.item is not None:
        yield from _places(node.item, path, prefixes, False)
    if node.scope is not None:
        for inner in node.scope.tasks:
            yield from _places(inner, f"{path}/{inner.id}", prefixes, is_body(node, inner.id))
    if node.child is not None and node.child.graph is not None:
        yield from places(node.child.graph, before(paths))


def is_open(graph: Graph) -> bool:
    """Tell whether a graph starts workflows that are known only when it runs."""
    return any(
        place.node.child is not None and (place.node.child.reference is not None or place.node.child.pinned)
        for place in places(graph)
    )


def is_body(around: TaskNode, name: str) -> bool:
    """Tell whether a task is what a `try` carries out, and so what a test means by the name of that."""
    return around.type == "try" and name == "body"


def named(path: str, guarded: bool, prefixes: Prefixes = ()) -> tuple[str, ...]:
    """Return the paths by which a test may name what has a path in its own execution.

    guarded: it is the body of a `try`.
    """
    found = [path]
    if guarded:
        found.append(path.rpartition("/")[0])
    found += [one.removeprefix(MAIN) for one in found if one.startswith(MAIN)]
    return tuple(found + [prefix + one for prefix in prefixes for one in found])


def undos(paths: Iterable[str]) -> tuple[str, ...]:
    """Return the paths by which a test may name what undoes a task."""
    return tuple(path + UNDO for path in paths)


def before(paths: Iterable[str]) -> Prefixes:
    """Return what the paths begin with of what lies in the execution that a task stands for."""
    return tuple(f"{path}/" for path in paths)


def staged(graph: Graph, mocks: Mocks, prefixes: Prefixes = ()) -> Graph:
    """Return a graph in which what the engine carries out itself is handed over where a mock may name it."""
    return replace(graph, root=_scope(graph.root, mocks, "", prefixes, None))


def _scope(scope: Scope, mocks: Mocks, within: str, prefixes: Prefixes, around: TaskNode | None) -> Scope:
    tasks = tuple(
        _node(node, mocks, within + node.id, prefixes, around is not None and is_body(around, node.id))
        for node in scope.tasks
    )
    return replace(scope, tasks=tasks)


def _node(node: TaskNode, mocks: Mocks, path: str, prefixes: Prefixes, guarded: bool) -> TaskNode:
    paths = named(path, guarded, prefixes)
    if node.undo is not None:
        undo = node.undo
        if undo.kernel and mocks.may_name(undos(paths), undo.type):
            undo = replace(undo, kernel=False, scope=None, child=None)
        node = replace(node, undo=undo)
    if node.kernel and node.type not in AROUND and mocks.may_name(paths, node.type):
        return replace(node, kernel=False, scope=None, child=None)
    if node.item is not None:
        node = replace(node, item=_node(node.item, mocks, path, prefixes, False))
    if node.scope is not None:
        node = replace(node, scope=_scope(node.scope, mocks, f"{path}/", prefixes, node))
    if node.child is not None and node.child.graph is not None:
        child = staged(node.child.graph, mocks, before(paths))
        node = replace(node, child=replace(node.child, graph=child))
    return node
