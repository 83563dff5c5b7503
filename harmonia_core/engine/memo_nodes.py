"""Check where an author lets results be used again, and build what the graph holds of it. Pure."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from harmonia_core.engine.inputs import TypeFacts
from harmonia_core.engine.readings import Place, Readings
from harmonia_core.errors import Problem
from harmonia_core.model.graph import TaskNode
from harmonia_core.model.memo import Memo
from harmonia_core.model.task_spec import WorkSpec
from harmonia_core.model.values import Template

Parse = Callable[[Any, str, bool], Template]


def memo_of(
    work: WorkSpec,
    facts: TypeFacts | None,
    place: Place,
    found: Mapping[str, Any],
    parse: Parse,
    readings: Readings,
    problems: list[Problem],
) -> Memo | None:
    """Return what is to be kept of a task's results; None if nothing is, or what was written is wrong.

    place: of its input. found: the fields of its node so far.
    """
    spec = work.memo
    if spec is None:
        return None
    path = f"{place.path.removesuffix('.input')}.memo"
    refusal = _refusal(work, facts, place, found, keyed=spec.key is not None)
    if refusal is not None:
        problems.append(Problem(refusal[0], path, refusal[1], suggestion=refusal[2]))
        return None
    if spec.key is None:
        return Memo(spec.ttl, spec.scope, None)
    before = len(problems)
    key = parse(spec.key, f"{path}.key", True)
    if len(problems) == before:
        where = Place(f"{path}.key", place.reader, in_item=place.in_item, also=place.also)
        readings.template(key, where)
    return Memo(spec.ttl, spec.scope, key)


def _refusal(
    work: WorkSpec, facts: TypeFacts | None, place: Place, found: Mapping[str, Any], *, keyed: bool
) -> tuple[str, str, str | None] | None:
    """Return code, message and what to do if results of a task cannot be used again."""
    kind = None if facts is None else facts.type
    if kind is not None and (kind.kernel or kind.expand is not None):
        return "key-misplaced", f"no 'memo' here: the engine itself carries out {work.type!r}", None
    if place.undoes is not None:
        return "key-misplaced", "no 'memo' here: what undoes a task has to happen each time", None
    if work.compensate is not None:
        message = "a result that is used again did nothing that could be undone"
        return "memo-misplaced", message, "leave out 'memo' or 'compensate'"
    if not found["idempotent"]:
        message = "a task that is not idempotent does something each time; its result cannot stand for that"
        return "memo-misplaced", message, "leave out 'memo'"
    input: Template = found["input"]
    if input.secrets and not keyed:
        message = "its input holds a secret, which no result is told apart by"
        return "memo-secret", message, "give 'memo' a 'key' that says what the result depends on"
    return None


def any_memo(nodes: Iterable[TaskNode]) -> bool:
    """Tell whether results of any of these tasks, or of those inside them, are kept."""
    return any(node.memo is not None or any_memo(_inside(node)) for node in nodes)


def _inside(node: TaskNode) -> tuple[TaskNode, ...]:
    item = () if node.item is None else (node.item,)
    return item + (() if node.scope is None else node.scope.tasks)
