"""Why a task has not begun: its dependencies, its place in a sequence, the window of its scope. Pure."""

from collections.abc import Iterator

from harmonia_core.engine.explain_causes import FEW, Cause, Step
from harmonia_core.engine.explain_survey import below, has_room, in_scope, window_full
from harmonia_core.engine.explain_tasks import question
from harmonia_core.engine.explain_ways import asked_within, chained, prefix_of, step
from harmonia_core.engine.walks import Level
from harmonia_core.engine.winding import winding
from harmonia_core.model.graph import Scope, TaskNode
from harmonia_core.model.state import ExecutionState, GraphState
from harmonia_core.model.statuses import FINAL_TASK, TaskStatus


def waiting(state: ExecutionState, level: Level, path: str) -> Iterator[Cause]:
    """Yield the roots of what a waiting task waits for, then that it waits."""
    nodes, graph, prefix = level.nodes, level.graph, prefix_of(level)
    start = nodes.tasks[level.position]
    yield from _early(state, path)
    if nodes.order is not None:
        yield from _not_reached(state, level, path)
        return
    for root, chain in _roots(state, nodes, graph, prefix, start):
        node, task = nodes.tasks[root], graph.task(root)
        if task.status is TaskStatus.READY and task.child is None:
            yield from chained(state, chain, _idle(state, nodes, graph, prefix, root))
        else:
            here = prefix + node.id
            yield from chained(state, chain, below(state, node, here, task))
            yield from chained(state, chain, asked_within(state, here))
    yield dependency(state, nodes, graph, prefix, start, path)


def _early(state: ExecutionState, path: str) -> Iterator[Cause]:
    """Yield that a task will not begin any more, because what it lies in is being ended."""
    if winding(state, path) and not (state.cancelling or state.timed_out):
        text = "It will not begin: what it lies in is ending early."
        yield Cause("cancelling", path, text, {"kind": "scope"}, paths=(path,))


def _roots(
    state: ExecutionState, nodes: Scope, graph: GraphState, prefix: str, start: TaskNode
) -> Iterator[tuple[int, tuple[Step, ...]]]:
    """Yield what a waiting task waits for in the end, each once, with the shortest way to it."""
    came: dict[int, int | None] = {start.index: None}
    queue = [start.index]
    for position in queue:
        status = graph.task(position).status
        if status is TaskStatus.WAITING:
            for before in nodes.tasks[position].depends_on:
                if before not in came and graph.task(before).status not in FINAL_TASK:
                    came[before] = position
                    queue.append(before)
        else:
            yield position, tuple(_way(state, nodes, graph, prefix, came, position))


def _way(
    state: ExecutionState,
    nodes: Scope,
    graph: GraphState,
    prefix: str,
    came: dict[int, int | None],
    position: int,
) -> list[Step]:
    way, at = [], came[position]
    way.append(step(state, prefix + nodes.tasks[position].id, graph.task(position).status.value))
    while at is not None:
        way.append(step(state, prefix + nodes.tasks[at].id, graph.task(at).status.value))
        at = came[at]
    return way[::-1]


def dependency(
    state: ExecutionState, nodes: Scope, graph: GraphState, prefix: str, node: TaskNode, path: str
) -> Cause:
    """Return that a task waits for tasks before it."""
    ends = [graph.task(one).ended_at for one in node.depends_on]
    left = [one for one in node.depends_on if graph.task(one).status not in FINAL_TASK]
    names = [prefix + nodes.tasks[one].id for one in left]
    first = names[0] if names else None
    since = max((at for at in ends if at is not None), default=state.started_at)
    blocking = {
        "kind": "task",
        "path": first,
        "status": graph.task(left[0]).status.value if left else None,
        "open": len(left),
        "paths": names[:FEW],
    }
    more = f" and {len(left) - 1:,} more" if len(left) > 1 else ""
    ended = "have" if more else "has"
    join = "" if node.join.count == "all" else f" (it needs {node.join.count} of {len(node.depends_on)})"
    text = f"It depends on {first}{more}, which {ended} not ended{join}."
    return Cause("dependency-open", path, text, blocking, since, paths=(path,))


def _not_reached(state: ExecutionState, level: Level, path: str) -> Iterator[Cause]:
    """Yield why the current step of a sequence does not end, then that another one waits for it."""
    inside, prefix = level.inside, prefix_of(level)
    cursor = -1 if inside is None else inside.cursor
    current = level.nodes.tasks[cursor] if cursor >= 0 else None
    chain: tuple[Step, ...] = (step(state, path, TaskStatus.WAITING.value),)
    if current is not None and current.index != level.position:
        at, task = prefix + current.id, level.graph.task(cursor)
        chain = (*chain, step(state, at, task.status.value))
        if task.status is TaskStatus.READY and task.child is None:
            yield from chained(state, chain, _idle(state, level.nodes, level.graph, prefix, cursor))
        else:
            yield from chained(state, chain, below(state, current, at, task))
    yield from chained(state, chain, asked_within(state, level.owner))
    at_step = prefix + current.id if current is not None else None
    text = (
        "Its sequence has not taken its first step."
        if current is None
        else f"Its sequence stands at {at_step}."
    )
    blocking = {"kind": "task", "path": at_step or level.owner}
    yield Cause("step-not-reached", path, text, blocking, paths=(path,))


def ready(state: ExecutionState, level: Level, path: str) -> Iterator[Cause]:
    """Yield why a task has not begun whose dependencies are met."""
    yield from _early(state, path)
    prefix = prefix_of(level)
    causes = list(_idle(state, level.nodes, level.graph, prefix, level.position))
    if any(one.code == "window-full" for one in causes):
        chain = (step(state, path, TaskStatus.READY.value),)
        yield from chained(state, chain, _at_work(state, level.nodes, level.graph, prefix))
    yield from causes


def _at_work(state: ExecutionState, nodes: Scope, graph: GraphState, prefix: str) -> Iterator[Cause]:
    """Yield the causes of what fills a window."""
    for cause in in_scope(state, nodes, graph, prefix):
        if cause.code != "window-full":
            yield cause


def _idle(
    state: ExecutionState, nodes: Scope, graph: GraphState, prefix: str, position: int
) -> Iterator[Cause]:
    """Yield why a ready task does not begin."""
    path = prefix + nodes.tasks[position].id
    asked = [one for one in state.asks.values() if one.path == path]
    owed = [one for one in state.asks.values() if one.place == "undo"]
    if asked or (owed and state.undo.owed):
        yield from (question(state, one) for one in asked or owed)
    elif not has_room(state, nodes, graph):
        since = _ready_since(state, nodes, graph, position)
        yield window_full(state, nodes, graph, prefix, (path,), 1)._replace(since=since)
    else:
        text = "It can begin, and is about to."
        since = _ready_since(state, nodes, graph, position)
        yield Cause("about-to-go-on", path, text, {"kind": "engine"}, since, paths=(path,))


def _ready_since(state: ExecutionState, nodes: Scope, graph: GraphState, position: int) -> float | None:
    ends = (graph.task(before).ended_at for before in nodes.tasks[position].depends_on)
    return max((at for at in ends if at is not None), default=state.started_at)
