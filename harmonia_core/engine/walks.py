"""Walks through the tree of scopes: what stands around a path, and what has begun below a task. Pure."""

from collections.abc import Iterator

from harmonia_core.ids import item_path
from harmonia_core.model.addresses import UNDO, read_address, undone_by
from harmonia_core.model.graph import Graph, Scope, TaskNode
from harmonia_core.model.state import ExecutionState, GraphState, InsideState, TaskState


def positions(mask: int) -> Iterator[int]:
    """Yield the positions whose bits are set, ascending."""
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low


def inside_path(path: str, scope: Scope, inside: InsideState) -> str:
    """Return what the addresses of the tasks inside a composite begin with, without the `/`."""
    return f"{path}[{inside.iteration}]" if scope.repeats else path


def node_of(graph: Graph, path: str) -> TaskNode:
    """Return the node of a task, of a map's items or of an undo, at any depth.

    Raises KeyError for what is none.
    """
    nodes = graph.root
    position = nodes.index.get(path)
    if position is not None:
        return nodes.tasks[position]
    undone = undone_by(path)
    if undone is not None:
        undo = node_of(graph, undone).undo
        if undo is None:
            raise KeyError(path)
        return undo
    node = None
    for name, numbers in read_address(path):
        if node is not None:
            if node.scope is None:
                raise KeyError(path)
            nodes = node.scope
        node = nodes.tasks[nodes.index[name]]
        if numbers and node.item is not None:
            node = node.item
    assert node is not None
    return node


class Level:
    """Hold one scope on the way to a task, and the task of that scope the way leads through or to.

    owner: path of the composite whose scope it is, empty for the workflow. inside: of that composite.
    item: index, if the way leads through an item of the map at this level.
    """

    __slots__ = ("graph", "inside", "item", "nodes", "owner", "position")

    def __init__(self, nodes: Scope, graph: GraphState, inside: InsideState | None, owner: str) -> None:
        self.nodes, self.graph, self.inside, self.owner = nodes, graph, inside, owner
        self.position, self.item = -1, None

    position: int
    item: int | None


def levels(state: ExecutionState, path: str, into: bool = False) -> list[Level]:
    """Return the scopes that lie around a task, the workflow's first; stops where the way ends.

    An empty path is the workflow itself; a path into a composite that has not begun ends there.
    into: also the scope inside the task, if it is a composite that has begun.
    """
    level = Level(state.graph.root, state.scope, None, "")
    found = [level]
    place = level.nodes.index.get(path)
    if place is not None and not (into and level.graph.task(place).inside):
        # By far the most questions are about the workflow's own tasks.
        level.position = place
        return found
    owner = ""
    address = read_address(path) if path else ()
    for left, (name, numbers) in zip(range(len(address) - 1, -1, -1), address, strict=True):
        position = level.nodes.index.get(name)
        if position is None:
            break
        level.position = position
        node, task = level.nodes.tasks[position], level.graph.task(position)
        owner = f"{owner}/{name}" if owner else name
        if numbers and node.item is not None:
            level.item = numbers[0]
            owner = item_path(owner, numbers[0])
            flight = task.items.flight if task.items is not None else {}
            node, task = node.item, flight.get(numbers[0], TaskState())
        if node.scope is None or task.inside is None or not (left or into):
            break
        level = Level(node.scope, task.inside.graph, task.inside, owner)
        found.append(level)
        owner = inside_path(owner, node.scope, task.inside)
    return found


def visible(state: ExecutionState, path: str, place: str) -> list[Level]:
    """Return the scopes that a question reads: at its beginning and its end a composite reads its own."""
    return levels(state, path, into=place in ("enter", "output"))


def around(state: ExecutionState, path: str) -> Iterator[TaskState]:
    """Yield the maps and composites that a task lies in, outermost first."""
    if "/" not in path and "[" not in path:
        return
    for level in levels(state, path):
        if level.position < 0:
            return
        task = level.graph.task(level.position)
        if task.items is not None and level.item is not None:
            yield task
            task = task.items.flight.get(level.item, TaskState())
        if task.inside is not None:
            yield task


def below(node: TaskNode, task: TaskState, path: str) -> Iterator[tuple[str, TaskNode, TaskState]]:
    """Yield what has begun inside a task and is not final, each task or item before what it holds."""
    if task.items is not None and node.item is not None:
        for index, item in task.items.flight.items():
            within = item_path(path, index)
            yield within, node.item, item
            yield from below(node.item, item, within)
    if task.inside is not None and node.scope is not None:
        prefix = inside_path(path, node.scope, task.inside)
        yield from _active(node.scope, task.inside.graph, f"{prefix}/")


def begun(graph: Graph, state: ExecutionState) -> list[tuple[str, TaskState]]:
    """Return the tasks, items and undos that have begun and are not final, by path."""
    found = [(path, task) for path, _, task in _active(graph.root, state.scope, "")]
    return found + undoing(state)


def undoing(state: ExecutionState) -> list[tuple[str, TaskState]]:
    """Return the undos that have begun and are not final, by path."""
    entries = (state.undo.entry(number) for number in state.undo.working)
    return [(entry.path + UNDO, entry.task) for entry in entries]


def _active(nodes: Scope, scope: GraphState, prefix: str) -> Iterator[tuple[str, TaskNode, TaskState]]:
    for position in positions(scope.active):
        node, task = nodes.tasks[position], scope.task(position)
        path = prefix + node.id
        yield path, node, task
        if task.items is not None or task.inside is not None:
            yield from below(node, task, path)
