"""Begin an execution from the past of another one: re-run, fork, restore, upgrade. Pure.

All four are one function. The origin is folded to a point; what is to run again is put back, with
everything that follows from it; what was under way begins anew; everything else is kept as it ended.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from harmonia_core.engine.item_values import width_of
from harmonia_core.engine.rewind_mapping import mapped
from harmonia_core.engine.rewind_parts import failed_inside
from harmonia_core.engine.rewind_past import Past, lies_below
from harmonia_core.engine.rewind_paths import Step, Way, read_way
from harmonia_core.engine.rewind_places import placed as placed
from harmonia_core.engine.rewind_scopes import Rebuild
from harmonia_core.engine.rewind_undo import taken_over, with_undo
from harmonia_core.engine.rewind_values import Values
from harmonia_core.engine.walks import inside_path, node_of
from harmonia_core.errors import Problem, ProblemsError
from harmonia_core.model.addresses import heads, read_address, undone_by
from harmonia_core.model.commands import Answer, AnswerKey
from harmonia_core.model.graph import Graph, Scope, TaskNode
from harmonia_core.model.refs import BlobRef
from harmonia_core.model.rewinding import NO_CHANGES, UNCHANGED
from harmonia_core.model.rewinding import AtSeq as AtSeq
from harmonia_core.model.rewinding import Changes as Changes
from harmonia_core.model.rewinding import FromTasks as FromTasks
from harmonia_core.model.rewinding import Need as Need
from harmonia_core.model.rewinding import Origin as Origin
from harmonia_core.model.rewinding import Point as Point
from harmonia_core.model.rewinding import Repeat as Repeat
from harmonia_core.model.rewinding import Rewound as Rewound
from harmonia_core.model.state import ExecutionState, GraphState, TaskState
from harmonia_core.model.statuses import ExecutionStatus, TaskStatus


class RewindRefused(ProblemsError):
    """Refuse to begin from a past as it was asked for; nothing has been recorded."""

    code = "rewind-refused"
    subject = "What was asked for"


def rewind(
    origin: Origin, point: Point, changes: Changes = NO_CHANGES, graph: Graph | None = None
) -> Rewound:
    """Return what an execution begins with that goes on from a point of another one.

    graph: of another version of the definition, which it goes on by. Raises RewindRefused.
    """
    seq = point.seq if isinstance(point, AtSeq) else None
    last = origin.log[-1].seq if origin.log else 0
    if seq is not None and not 0 < seq <= last:
        raise RewindRefused([Problem("seq-unknown", "", f"there is no seq {seq}; the last is {last}")])
    past = Past(origin, seq)
    undone = {path for path in past.undone if past.reused(path)}
    rebuild, scope = _put_back(past, point, undone)
    # What has failed or was cancelled may go on inside, where there are results that have been undone.
    while more := _undone_in(past, rebuild) - undone:
        undone |= more
        rebuild, scope = _put_back(past, point, undone)
    return _rewound(rebuild, scope, changes, graph or past.graph, tuple(sorted(undone)))


def _undone_in(past: Past, rebuild: Rebuild) -> set[str]:
    """Return which results that have been undone are reused, by themselves or inside what is."""
    reused = frozenset(rebuild.reused)
    return {
        path for path in past.undone for kept, _ in heads(path) if kept in reused and past.reused(path, kept)
    }


def _put_back(past: Past, point: Point, undone: Iterable[str]) -> tuple[Rebuild, GraphState]:
    """Return the tasks as they are to begin; raise RewindRefused."""
    rebuild = Rebuild(past, again_failed=isinstance(point, FromTasks))
    ways = _ways(rebuild, sorted(undone))
    if isinstance(point, FromTasks):
        ways += _ways(rebuild, point.paths)
        if not point.paths and not failed_points(past.state) and not past.state.scope.open:
            ways = [(Step(node.id),) for node in past.graph.root.tasks]
    scope = past.state.scope
    if not rebuild.problems:
        scope = rebuild.graph(past.graph.root, scope, "", ways)
    if rebuild.problems:
        raise RewindRefused(_once(rebuild.problems))
    return rebuild, scope


def _ways(rebuild: Rebuild, paths: Iterable[str]) -> list[Way]:
    found = []
    for path in paths:
        way = read_way(rebuild.past.graph, path)
        if isinstance(way, Problem):
            rebuild.problems.append(way)
        else:
            found.append(way)
    return found


def _rewound(
    rebuild: Rebuild, scope: GraphState, changes: Changes, graph: Graph, undone: tuple[str, ...]
) -> Rewound:
    past, values = rebuild.past, Values(rebuild)
    scope = values.revised(past.graph.root, scope)
    variables, dropped = values.variables(), list[str]()
    if graph is not past.graph:
        scope, variables = (
            mapped(rebuild, scope, graph, dropped),
            {name: variables.get(name, first) for name, first in graph.vars.items()},
        )
    again = _again(rebuild, graph)
    for path in values.lost():
        message = "the variables that it wrote are known only to the execution that this one goes on from"
        rebuild.refuse("not-in-this-log", path, message, "begin with that execution instead")
    answers = _given(rebuild, graph, again, changes.inputs)
    for name in changes.vars:
        if name not in graph.vars:
            rebuild.refuse("variable-unknown", f"vars.{name}", f"the workflow has no variable {name!r}")
    undo = taken_over(rebuild, values, graph, changes.adopt_compensation)
    if rebuild.problems:
        raise RewindRefused(_once(rebuild.problems))
    failed = _failed(graph.root, scope)
    state = ExecutionState(
        graph, past.state.execution_id, scope,
        status=ExecutionStatus.QUEUED,
        input=past.state.input if changes.input is UNCHANGED else changes.input,
        error=failed[0][1].error if failed else None,
        vars={**variables, **changes.vars},
        labels=past.state.labels,
        failed=tuple(path for path, _ in failed),
        answers=answers,
        inbox=values.inbox(),
    )  # fmt: skip
    state = with_undo(state, undo)
    owed = {one.path for one in undo.owed}
    return Rewound(
        state,
        again,
        tuple(dict.fromkeys(rebuild.reopened)),
        tuple(dict.fromkeys(rebuild.reused)),
        values.repeats(frozenset(undone)),
        tuple(dropped),
        undone,
        tuple(need for need in rebuild.needs if need.path in owed or state.task(need.path) is not None),
        undo.paths,
        undo.abandoned,
    )


def _again(rebuild: Rebuild, graph: Graph) -> tuple[str, ...]:
    """Return what runs again, with what the origin came to after the point and before could not be known."""
    found = dict.fromkeys(rebuild.again)
    past = rebuild.past
    for path, seq in past.scheduled.items():
        if seq > past.point and undone_by(path) is None and not lies_below(found, path):
            found[path] = None
    return tuple(found) if graph is past.graph else tuple(path for path in found if _is_in(graph, path))


def _is_in(graph: Graph, path: str) -> bool:
    try:
        return node_of(graph, path) is not None
    except (KeyError, ValueError):
        return False


def _failed(nodes: Scope, scope: GraphState) -> list[tuple[str, TaskState]]:
    found = [(node.id, scope.task(node.index)) for node in nodes.tasks]
    failed = [(path, task) for path, task in found if task.status is TaskStatus.FAILED]
    return sorted(failed, key=lambda one: one[1].ended_seq or 0)


def _given(
    rebuild: Rebuild, graph: Graph, again: Sequence[str], inputs: Mapping[str, Any]
) -> Mapping[AnswerKey, Answer]:
    """Return the inputs that stand in place of a task's own, once."""
    found: dict[AnswerKey, Answer] = {}
    for path, value in inputs.items():
        named = _named(path, again)
        try:
            node = None if named is None else node_of(graph, named)
        except (KeyError, ValueError):
            node = None
        if node is None or named is None:
            message = f"{path} does not run again, so that an input for it would be lost"
            rebuild.refuse("input-unused", path, message, "name it among what runs again")
        elif node.item is not None and not isinstance(value, BlobRef) and width_of(value, node.batch) is None:
            message = "a map takes an input with a list of `items`, or a `range`"
            rebuild.refuse("input-invalid", path, message)
        else:
            width = None if node.item is None else width_of(value, node.batch)
            found[named, "given"] = Answer(value, width=width)
    return found


def _named(path: str, again: Sequence[str]) -> str | None:
    """Return which of the paths that run again is meant: this one, one below, or it without its rounds."""
    if path in again or lies_below(frozenset(again), path):
        return path
    alike = [one for one in again if "/".join(part.name for part in read_address(one)) == path]
    return alike[0] if len(alike) == 1 else None


def _once(problems: Iterable[Problem]) -> list[Problem]:
    return list(dict.fromkeys(problems))


def failed_points(state: ExecutionState) -> tuple[str, ...]:
    """Return from where an execution is carried out again if nothing else is said: what has failed."""
    return tuple(_points(state.graph.root, state.scope, ""))


def _points(nodes: Scope, graph: GraphState, prefix: str) -> list[str]:
    found = []
    for node in nodes.tasks:
        task, path = graph.task(node.index), prefix + node.id
        if task.status in (TaskStatus.FAILED, TaskStatus.CANCELLED):
            found += _inside(node, task, path) or [path]
    return found


def _inside(node: TaskNode, task: TaskState, path: str) -> list[str]:
    if node.scope is None or task.inside is None or not failed_inside(node, task):
        return []
    within = f"{inside_path(path, node.scope, task.inside)}/"
    return _points(node.scope, task.inside.graph, within)
