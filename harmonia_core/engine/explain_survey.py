"""Why what is open in a scope, a map or a composite does not go on: a walk over what has begun. Pure.

What has not begun is looked at by counters and masks alone, so that a wide map costs what its window costs.
"""

from collections.abc import Iterator

from harmonia_core.engine.explain_causes import FEW, Cause, command
from harmonia_core.engine.explain_tasks import cause_of, question
from harmonia_core.engine.undo_folds import to_undo
from harmonia_core.engine.walks import inside_path, node_of, positions
from harmonia_core.engine.winding import winding
from harmonia_core.ids import item_path
from harmonia_core.model.addresses import UNDO
from harmonia_core.model.graph import Scope, TaskNode
from harmonia_core.model.state import ExecutionState, GraphState, InsideState, MapState, TaskState
from harmonia_core.model.statuses import FINAL_TASK, TaskStatus
from harmonia_core.model.undo import Compensation


def survey(state: ExecutionState) -> Iterator[Cause]:
    """Yield why each thing does not go on that has begun in an execution and not ended."""
    yield from (question(state, asked) for asked in state.asks.values())
    yield from in_scope(state, state.graph.root, state.scope, "")
    yield from undoing(state)


def undoing(state: ExecutionState) -> Iterator[Cause]:
    """Yield the causes of what is being undone."""
    for number in state.undo.working:
        entry = state.undo.entry(number)
        path = entry.path + UNDO
        later = [one for one in state.undo.working if one > number]
        if entry.task.status is TaskStatus.READY and later:
            yield _undone_before(path, state.undo.entry(later[-1]).path + UNDO)
        else:
            yield from below(state, node_of(state.graph, path), path, entry.task)
    yield from (compensating(state, one) for one in state.undo.open)


def _undone_before(path: str, later: str) -> Cause:
    """Return that an undo waits, because what was done after it is undone before it."""
    text = f"What was done after it is undone before it: {later} has not ended."
    return Cause("dependency-open", path, text, {"kind": "task", "path": later}, paths=(path,))


def in_scope(state: ExecutionState, nodes: Scope, scope: GraphState, prefix: str) -> Iterator[Cause]:
    """Yield the causes of what has begun in a scope, and of what is ready to."""
    for position in positions(scope.active):
        node, task = nodes.tasks[position], scope.task(position)
        if task.status is TaskStatus.READY and task.child is None and not has_room(state, nodes, scope):
            yield window_full(state, nodes, scope, prefix, (prefix + node.id,), 1)
        else:
            yield from below(state, node, prefix + node.id, task)
    asked = {one.path for one in state.asks.values()}
    if scope.ready & ~scope.active and not _ends_early(state, prefix):
        yield from _not_begun(state, nodes, scope, prefix, asked)


def has_room(state: ExecutionState, nodes: Scope, scope: GraphState) -> bool:
    """Tell whether one more task of a graph may be at work."""
    return nodes.window - scope.outstanding - len(state.asks) > 0


def _ends_early(state: ExecutionState, prefix: str) -> bool:
    """Tell whether nothing begins any more in a scope, because it is being ended or undone."""
    return state.undo.compensation("") is not None or winding(state, prefix + "_" if prefix else "_")


def _not_begun(
    state: ExecutionState, nodes: Scope, scope: GraphState, prefix: str, asked: set[str]
) -> Iterator[Cause]:
    """Yield why tasks have not begun that could: the window is full, or somebody is about to begin them."""
    idle = scope.ready & ~scope.active
    first = [prefix + nodes.tasks[position].id for position in _few(idle)]
    first = [path for path in first if path not in asked]
    count = idle.bit_count() - len(asked.intersection(prefix + nodes.tasks[p].id for p in positions(idle)))
    if count <= 0:
        return
    if not has_room(state, nodes, scope):
        yield window_full(state, nodes, scope, prefix, tuple(first), count)
    else:
        text = "It can begin, and is about to." if count == 1 else "They can begin, and are about to."
        paths = tuple(first[:FEW])
        yield Cause(
            "about-to-go-on", paths[0] if paths else "", text, {"kind": "engine"}, paths=paths, many=count
        )


def _few(mask: int) -> Iterator[int]:
    for number, position in enumerate(positions(mask)):
        if number == FEW + APPEAL:
            return
        yield position


APPEAL = 32
"""How many more are looked at, for some of the first may be known to wait for an answer."""


def window_full(
    state: ExecutionState, nodes: Scope, scope: GraphState, prefix: str, paths: tuple[str, ...], count: int
) -> Cause:
    """Return that tasks of a graph cannot begin because too many are at work."""
    work = (TaskStatus.RUNNING, TaskStatus.BACKOFF)
    tasks = ((nodes.tasks[p], scope.task(p)) for p in positions(scope.active))
    fill = [prefix + node.id for node, task in tasks if task.status in work]
    blocking = {
        "kind": "window",
        "of": prefix.rstrip("/") or None,
        "size": nodes.window,
        "filled": scope.outstanding + len(state.asks),
        "by": fill[:FEW],
    }
    text = f"{nodes.window} tasks may be at work at once, and are."
    return Cause("window-full", paths[0] if paths else "", text, blocking, paths=paths[:FEW], many=count)


def below(state: ExecutionState, node: TaskNode, path: str, task: TaskState) -> Iterator[Cause]:
    """Yield why a task, an item or an undo that has begun does not end: its own cause, or those inside it."""
    if task.status in FINAL_TASK:
        return
    if task.items is not None and node.item is not None and task.status is TaskStatus.RUNNING:
        yield from _in_map(state, node, node.item, path, task, task.items)
    elif task.inside is not None and node.scope is not None and task.status is TaskStatus.RUNNING:
        yield from _in_composite(state, node.scope, path, task, task.inside)
    else:
        cause = cause_of(state, node, path, task)
        if cause is not None:
            yield cause


def _in_map(
    state: ExecutionState, node: TaskNode, inner: TaskNode, path: str, task: TaskState, items: MapState
) -> Iterator[Cause]:
    for index, item in items.flight.items():
        yield from below(state, inner, item_path(path, index), item)
    if (
        items.cursor < items.width
        and len(items.flight) >= node.window
        and not winding(state, item_path(path, 0))
    ):
        yield map_full(node, path, items)
    if not items.flight and not _asked(state, path):
        yield Cause("about-to-go-on", path, "It is about to end.", {"kind": "engine"}, paths=(path,))


def _asked(state: ExecutionState, path: str) -> bool:
    undone = state.undo.compensation(path) is not None
    below = f"{path}["
    return undone or any(one.path == path or one.path.startswith(below) for one in state.asks.values())


def map_full(node: TaskNode, path: str, items: MapState) -> Cause:
    """Return that items of a map cannot begin because too many are at work."""
    count = items.width - items.cursor
    by = [item_path(path, index) for index in list(items.flight)[:FEW]]
    blocking = {"kind": "window", "of": path, "size": node.window, "filled": len(items.flight), "by": by}
    text = (
        f"{node.window:,} items may be at work at once, and are; {count:,} of {items.width:,} have not begun."
    )
    first = tuple(item_path(path, items.cursor + n) for n in range(min(count, FEW)))
    return Cause("window-full", first[0], text, blocking, paths=first, many=count)


def _in_composite(
    state: ExecutionState, nodes: Scope, path: str, task: TaskState, inside: InsideState
) -> Iterator[Cause]:
    within = inside_path(path, nodes, inside)
    quiet = not inside.graph.active
    for cause in in_scope(state, nodes, inside.graph, f"{within}/"):
        quiet = False
        yield cause
    if quiet and not _asks_inside(state, path, within) and state.undo.compensation(path) is None:
        yield Cause(
            "about-to-go-on", path, "Its next step is being taken.", {"kind": "engine"}, paths=(path,)
        )


def _asks_inside(state: ExecutionState, path: str, within: str) -> bool:
    return any(
        one.path == path or one.path == within or one.path.startswith(f"{within}/")
        for one in state.asks.values()
    )


def compensating(state: ExecutionState, one: Compensation) -> Cause:
    """Return that something is being undone, and what."""
    undo = state.undo
    working = [undo.entry(number).path + UNDO for number in undo.working]
    left = sum(to_undo(undo, number, one.path) for number in range(one.cursor, one.since, -1))
    where = f" inside {one.path}" if one.path else ""
    now = f"; now {', '.join(working[:FEW])}" if working else ""
    text = f"What was done{where} is being undone, the last first: {left:,} left{now}."
    blocking = {"kind": "undo", "of": one.path or None, "left": left, "by": working[:FEW]}
    help = (command("show", state.execution_id),)
    return Cause("compensating", one.path, text, blocking, help=help, paths=(one.path,))
