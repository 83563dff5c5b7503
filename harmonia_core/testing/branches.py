"""The branches of a definition, and which of them executions came to. Pure."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from harmonia_core.engine.walks import node_of
from harmonia_core.model import events as e
from harmonia_core.model.addresses import UNDO
from harmonia_core.model.event import Event
from harmonia_core.model.graph import Graph, Jump, Order, Scope, TaskNode
from harmonia_core.testing.blueprint import places
from harmonia_core.testing.targets import place_of

_CHOOSING = ("decision", "try")
"""Types of which it is said which of the tasks inside was chosen, not that each of them ran."""
_TIMES = {0: "no", 1: "one"}
Found = tuple[str, str]
"""The path that a branch is of, and what it is."""


def branches(graph: Graph) -> list[str]:
    """Return the branches of a definition, as `place: what`, in its order."""
    return [branch for node in graph.root.tasks for branch in _of(node, node.id, True)]


def _of(node: TaskNode, path: str, runs: bool) -> Iterator[str]:
    if node.when is not None:
        yield from (f"{path}: when true", f"{path}: when false")
    if node.scope is None and node.item is None and runs:
        yield f"{path}: ran"
    if node.retry is not None and node.retry.max_retries:
        yield from (f"{path}: retried", f"{path}: retries exhausted")
    if node.type == "approval":
        constant = node.input.value if isinstance(node.input.value, dict) else {}
        yield from (f"{path}: approved", f"{path}: rejected")
        if "deadline" in constant:
            yield f"{path}: deadline"
    if node.item is not None:
        yield from (f"{path}: {many} item{'s' * (many != 'one')}" for many in ("no", "one", "many"))
        yield from _of(node.item, path, True)
    if node.scope is not None:
        yield from _inside(node, node.scope, path)
    if node.undo is not None:
        yield f"{path}{UNDO}: ran"


def _inside(node: TaskNode, scope: Scope, path: str) -> Iterator[str]:
    if scope.enough is not None:
        yield from (f"{path}: won by {one.id}" for one in scope.tasks)
    if scope.order is not None:
        yield from _moves(node, scope, scope.order, path)
    for one in scope.tasks:
        chosen = node.type in _CHOOSING and scope.order is not None and one.id != "body"
        yield from _of(one, f"{path}/{one.id}", not chosen)


def _moves(node: TaskNode, scope: Scope, order: Order, path: str) -> Iterator[str]:
    if node.type == "loop":
        yield from ([f"{path}: no round"] if order.enter[0].when is not None else [])
        yield from (f"{path}: one round", f"{path}: many rounds")
    elif node.type == "try":
        yield from (f"{path}: {one.id}" for one in scope.tasks if one.id != "body")
    elif node.type == "decision":
        yield from (f"{path}: {one.id}" for one in scope.tasks)
        yield from [] if any(way.when is None for way in order.enter) else [f"{path}: no case"]
    else:
        for step, rule in zip(scope.tasks, order.rules, strict=True):
            if any(jump.when is not None for jump in rule.then):
                yield from (f"{path}/{step.id}: to {_goal(scope, jump)}" for jump in rule.then)


def _goal(scope: Scope, jump: Jump) -> str:
    return "end" if jump.to is None else scope.tasks[jump.to].id


def written(graph: Graph) -> dict[str, Graph]:
    """Return a graph and those that it starts, by hash."""
    found = {graph.definition_hash: graph}
    for place in places(graph):
        child = place.node.child
        if child is not None and child.graph is not None:
            found[child.graph.definition_hash] = child.graph
    return found


class Hits:
    """Find the branches that the events of executions came to. graphs: by execution."""

    def __init__(self, graphs: Mapping[str, Graph]) -> None:
        self._graphs = graphs
        self._steps: dict[tuple[str, str], tuple[int | None, int]] = {}

    def of(self, recorded: Iterable[e.Recorded]) -> Iterator[tuple[str, str]]:
        """Yield the hash of a definition and a branch of it, as often as it was come to."""
        for one in recorded:
            graph, path = self._graphs.get(one.execution_id), getattr(one.event, "path", "")
            find = _FINDERS.get(type(one.event))
            if find is None or graph is None or not path:
                continue
            try:
                node = node_of(graph, path)
            except (KeyError, ValueError):
                continue
            for place, what in find(self, one, node):
                yield graph.definition_hash, f"{place_of(place)}: {what}"

    def _began(self, one: e.Recorded, node: TaskNode) -> Iterator[Found]:
        event: Any = one.event
        if event.first:
            if node.item is None:
                yield event.path, "ran"
            if node.when is not None:
                yield event.path, "when true"
            if event.width is not None:
                yield event.path, f"{_TIMES.get(event.width, 'many')} item{'s' * (event.width != 1)}"

    def _skipped(self, one: e.Recorded, node: TaskNode) -> Iterator[Found]:
        event: Any = one.event
        if event.reason == "when":
            yield event.path, "when false"

    def _retried(self, one: e.Recorded, node: TaskNode) -> Iterator[Found]:
        event: Any = one.event
        yield event.path, "retried"

    def _failed(self, one: e.Recorded, node: TaskNode) -> Iterator[Found]:
        event: Any = one.event
        if node.retry is not None and event.attempt > node.retry.max_retries > 0:
            yield event.path, "retries exhausted"

    def _decided(self, one: e.Recorded, node: TaskNode) -> Iterator[Found]:
        event: Any = one.event
        yield event.path, "deadline" if one.causation is None else event.decision

    def _entered(self, one: e.Recorded, node: TaskNode) -> Iterator[Found]:
        event: Any = one.event
        scope, (before, count) = node.scope, self._steps.get(_key(one), (None, 0))
        self._steps[_key(one)] = event.step, count + 1
        if scope is not None:
            yield event.path, scope.tasks[event.step].id
            if before is not None:
                yield f"{event.path}/{scope.tasks[before].id}", f"to {scope.tasks[event.step].id}"

    def _ended(self, one: e.Recorded, node: TaskNode) -> Iterator[Found]:
        event: Any = one.event
        last, count = self._steps.pop(_key(one), (None, 0))
        if node.type == "loop":
            yield event.path, f"{_TIMES.get(count, 'many')} round{'s' * (count > 1)}"
        elif node.type == "decision" and not count:
            yield event.path, "no case"
        if node.scope is not None and last is not None:
            yield f"{event.path}/{node.scope.tasks[last].id}", "to end"
        around, _, name = event.path.rpartition("/")
        if around:
            yield around, f"won by {name}"


def _key(one: e.Recorded) -> tuple[str, str]:
    return one.execution_id, one.event.path  # type: ignore[attr-defined]


_FINDERS: Mapping[type[Event], Callable[[Hits, e.Recorded, TaskNode], Iterator[Found]]] = {
    e.TaskScheduled: Hits._began,
    e.TaskSkipped: Hits._skipped,
    e.RetryScheduled: Hits._retried,
    e.TaskFailed: Hits._failed,
    e.ApprovalDecided: Hits._decided,
    e.StepEntered: Hits._entered,
    e.TaskSucceeded: Hits._ended,
}
