"""Compile what a definition says about limits. Pure."""

from collections.abc import Iterable, Iterator

from harmonia_core.errors import Problem
from harmonia_core.model.definition import WorkflowDefinition
from harmonia_core.model.graph import Concurrency, TaskNode
from harmonia_core.model.values import parse_template

_READABLE = frozenset(("input", "context"))


def concurrency(definition: WorkflowDefinition, problems: list[Problem]) -> Concurrency | None:
    """Return how many executions may run at once; report a key that cannot be known when one begins."""
    spec = definition.concurrency
    if spec is None:
        return None
    if spec.key is None:
        return Concurrency(spec.max, None, spec.policy)
    place = "concurrency.key"
    key = parse_template(spec.key, place, secrets_allowed=False, problems=problems)
    for root in sorted({read.root for read in key.reads} - _READABLE):
        message = f"no {root!r} here: the key is made when an execution begins"
        problems.append(Problem("root-misplaced", place, message, suggestion="read 'input' or 'context'"))
    return Concurrency(spec.max, key, spec.policy)


def any_limits(nodes: Iterable[TaskNode]) -> bool:
    """Tell whether any of these tasks, or of those inside them, or what undoes one, names a resource."""
    return any(node.limits for node in _all(nodes))


def _all(nodes: Iterable[TaskNode]) -> Iterator[TaskNode]:
    for node in nodes:
        yield node
        yield from _all(one for one in (node.item, node.undo) if one is not None)
        if node.scope is not None:
            yield from _all(node.scope.tasks)
