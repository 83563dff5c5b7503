"""What another version would mean for executions that run: which of their tasks it has, too. Pure.

Tasks are matched by path. One that is there and does the same kind of work maps, whatever else is
different about it; a result that stands is not computed again.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple

from harmonia_core.model.graph import Graph, Scope, TaskNode

Verdict = Literal["same", "changed", "added", "missing", "retyped"]
BROKEN: tuple[Verdict, ...] = ("missing", "retyped")

# Fields of a node that are compared as they are, by what a person calls them.
_FIELDS: Mapping[str, str] = {
    "input": "input", "when": "when", "join": "join", "retry": "retry policy", "timeout": "timeout",
    "total_timeout": "total timeout", "heartbeat_timeout": "heartbeat timeout", "idempotent": "idempotent",
    "window": "window", "batch": "batch size", "tolerate": "tolerate", "enough": "enough",
}  # fmt: skip


class TaskMatch(NamedTuple):
    """Say what becomes of one task. path: items and rounds of a task are written `[]`."""

    path: str
    verdict: Verdict
    reasons: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the match in its public JSON shape."""
        return {"path": self.path, "verdict": self.verdict, "reasons": list(self.reasons)}


class Compatibility(NamedTuple):
    """Hold the matches of all tasks, those of the older version first."""

    tasks: tuple[TaskMatch, ...]

    @property
    def maps(self) -> bool:
        """Tell whether every task of the older version is one of the newer."""
        return not any(task.verdict in BROKEN for task in self.tasks)

    @property
    def counts(self) -> dict[str, int]:
        """Return how many tasks there are of each verdict."""
        return dict(Counter(task.verdict for task in self.tasks))

    def as_json(self) -> dict[str, Any]:
        """Return the statement in its public JSON shape; tasks that are the same are only counted."""
        tasks = [task.as_json() for task in self.tasks if task.verdict != "same"]
        return {"maps": self.maps, "counts": self.counts, "tasks": tasks}


class _Place(NamedTuple):
    """Hold a node with the scope it stands in."""

    node: TaskNode
    scope: Scope | None

    @property
    def waits_for(self) -> frozenset[str]:
        """Return the ids of what it depends on."""
        return (
            frozenset(self.scope.tasks[one].id for one in self.node.depends_on) if self.scope else frozenset()
        )


def compatibility(old: Graph, new: Graph) -> Compatibility:
    """Return what becomes of the tasks of executions that run by `old` if they go on by `new`."""
    before, after = dict(_places(old.root, "")), dict(_places(new.root, ""))
    found = [_match(path, place, after.get(path)) for path, place in before.items()]
    found += [TaskMatch(path, "added") for path in after if path not in before]
    return Compatibility(tuple(found))


def _places(scope: Scope, prefix: str) -> Iterator[tuple[str, _Place]]:
    for node in scope.tasks:
        yield from _node(_Place(node, scope), prefix + node.id)


def _node(place: _Place, path: str) -> Iterator[tuple[str, _Place]]:
    yield path, place
    if place.node.item is not None:
        yield from _node(_Place(place.node.item, None), f"{path}[]")
    inside = place.node.scope
    if inside is not None:
        yield from _places(inside, f"{path}[]/" if inside.repeats else f"{path}/")


def _match(path: str, old: _Place, new: _Place | None) -> TaskMatch:
    if new is None:
        return TaskMatch(path, "missing", ("it is gone",))
    kind = [_kind(old.node), _kind(new.node)]
    if kind[0] != kind[1]:
        return TaskMatch(path, "retyped", (f"it is {kind[1]}, was {kind[0]}",))
    reasons = tuple(_differences(old, new))
    return TaskMatch(path, "changed" if reasons else "same", reasons)


def _kind(node: TaskNode) -> str:
    if node.scope is None:
        return f"of type {node.type!r}"
    return f"of type {node.type!r}, {'a graph' if node.scope.order is None else 'a sequence'}"


def _differences(old: _Place, new: _Place) -> Iterator[str]:
    for name in sorted(new.waits_for - old.waits_for):
        yield f"it waits for {name}"
    for name in sorted(old.waits_for - new.waits_for):
        yield f"it waits no more for {name}"
    for name, word in _FIELDS.items():
        if getattr(old.node, name) != getattr(new.node, name):
            yield f"its {word} is different"
    if old.node.scope and new.node.scope and _other_way(old.node.scope, new.node.scope):
        yield "the way through what is inside is different"


def _other_way(old: Scope, new: Scope) -> bool:
    """Tell whether what is inside is gone through differently; that tasks are new or gone is said of them."""
    if (old.enough, dict(old.vars)) != (new.enough, dict(new.vars)):
        return True
    before, after = (tuple(task.id for task in scope.tasks) for scope in (old, new))
    if {*before} != {*after}:
        return False
    return (old.output, old.order) != (new.output, new.order) or (old.order is not None and before != after)
