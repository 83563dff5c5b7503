"""Read which tasks an execution is to be carried out again from. Pure."""

from typing import NamedTuple

from harmonia_core.errors import Problem
from harmonia_core.model.addresses import Part, read_address, undone_by
from harmonia_core.model.graph import Graph, TaskNode


class Step(NamedTuple):
    """Hold one level of the way to a task. item: of a map; round: of what lies inside, None for the last."""

    name: str
    item: int | None = None
    round: int | None = None

    @property
    def whole(self) -> bool:
        """Tell whether the task as a whole is meant, if the way ends here."""
        return self.item is None and self.round is None


Way = tuple[Step, ...]


def read_way(graph: Graph, path: str) -> Way | Problem:
    """Return the way to a task, or why there is none."""
    if undone_by(path) is not None:
        message = "what undoes a task is not carried out again; name the task"
        return Problem("path-wrong", path, message)
    try:
        address = read_address(path)
    except ValueError:
        return Problem("path-wrong", path, "this is no path of a task")
    nodes, way = graph.root, list[Step]()
    for number, part in enumerate(address):
        position = nodes.index.get(part.name)
        if position is None:
            return Problem("task-unknown", path, f"there is no task {part.name!r} there")
        node = nodes.tasks[position]
        last = number + 1 == len(address)
        found = _step(node, part, last)
        if found is None:
            return Problem("path-wrong", path, f"{part.name!r} has no items or rounds of this number")
        step, inner = found
        way.append(step)
        if not last:
            if inner.scope is None:
                return Problem("task-unknown", path, f"nothing lies inside {part.name!r}")
            nodes = inner.scope
    return tuple(way)


def _step(node: TaskNode, part: Part, last: bool) -> tuple[Step, TaskNode] | None:
    numbers, item = list(part.numbers), None
    if numbers and node.item is not None:
        item, node = numbers.pop(0), node.item
    round = None
    if numbers and node.scope is not None and node.scope.repeats:
        round = numbers.pop(0)
        # A block that begins anew as a whole has no rounds that could be gone back to.
        round = None if last and node.scope.order is None else round
    return None if numbers else (Step(part.name, item, round), node)
