"""Why an execution, or one task of it, does not go on: the causes that its state knows. Pure.

What only the store and the engines know (owners, requests, children) is added in `explaining`.
"""

from collections.abc import Iterable, Iterator

from harmonia_core.engine.explain_causes import FEW, Cause, Step, command
from harmonia_core.engine.explain_survey import (
    below,
    has_room,
    in_scope,
    map_full,
    survey,
    undoing,
    window_full,
)
from harmonia_core.engine.explain_tasks import question
from harmonia_core.engine.walks import Level, inside_path, levels, node_of
from harmonia_core.engine.winding import winding
from harmonia_core.ids import item_path
from harmonia_core.model.addresses import read_address, undone_by
from harmonia_core.model.graph import Scope, TaskNode
from harmonia_core.model.state import (
    MARK_CANCELLED,
    MARK_FAILED,
    MARK_SUCCEEDED,
    PAGE,
    ExecutionState,
    GraphState,
    Question,
    TaskState,
)
from harmonia_core.model.statuses import FINAL_EXECUTION, FINAL_TASK, ExecutionStatus, TaskStatus


def explain_state(state: ExecutionState, path: str | None = None) -> list[Cause]:
    """Return the causes that the state knows, each with its chain; ungathered, in no order.

    path: of the task that is asked about, else the whole execution. Raises KeyError for what is no task,
    ValueError for brackets with no number between them.
    """
    if path:
        node_of(state.graph, path)
        found = list(_of_task(state, path))
    else:
        found = list(_of_execution(state))
    owed = [one for one in state.asks.values() if one.place == "undo"] if state.undo.owed else []
    if owed:
        found = [_held_up(state, one, owed[0]) for one in found]
    return [one._replace(execution=state.execution_id) for one in found]


def _held_up(state: ExecutionState, cause: Cause, owed: Question) -> Cause:
    """Return a cause as it is while nothing is decided before it is known how something can be undone."""
    if cause.code != "about-to-go-on":
        return cause
    return question(state, owed)._replace(path=cause.path, paths=cause.paths, many=cause.many)


def _of_execution(state: ExecutionState) -> Iterator[Cause]:
    if state.status in FINAL_EXECUTION:
        yield _ended(state)
        return
    yield from survey(state)
    yield from _waiting_behind(state)
    yield from _around(state)


def _ended(state: ExecutionState) -> Cause:
    error = state.error
    blocking = {
        "kind": "execution",
        "id": state.execution_id,
        "status": state.status.value,
        "error": None if error is None else {"code": error.code, "message": error.message},
        "failed_tasks": list(state.failed[:FEW]),
    }
    said = "" if error is None else f": {error.code}: {error.message}"
    text = f"It has ended as {state.status.value}{said}"
    help = (command("show", state.execution_id),)
    return Cause("ended", "", text if text.endswith(".") else f"{text}.", blocking, state.ended_at, help=help)


def _around(state: ExecutionState) -> Iterator[Cause]:
    """Yield what concerns the execution as a whole."""
    show = (command("show", state.execution_id),)
    if state.cancelling or state.timed_out:
        why = (
            "its deadline has passed" if state.timed_out and not state.cancelling else "somebody asked for it"
        )
        text = f"The execution is ending early, because {why}; it ends once nothing of it is at work."
        blocking = {"kind": "execution", "id": state.execution_id, "reason": state.reason}
        yield Cause("cancelling", "", text, blocking, help=show)
    elif state.deadline is not None:
        text = "The execution fails if it has not ended by then."
        yield Cause("deadline-running", "", text, {"kind": "deadline"}, state.started_at, state.deadline)
    if state.status is ExecutionStatus.QUEUED:
        yield Cause("about-to-go-on", "", "It is about to begin.", {"kind": "engine"})


def _waiting_behind(state: ExecutionState) -> Iterator[Cause]:
    """Yield that tasks of the workflow wait for others, all of them as one cause."""
    scope, nodes = state.scope, state.graph.root
    if state.cancelling or state.timed_out or state.undo.compensation("") is not None:
        return
    count = scope.open - (scope.active | scope.ready).bit_count()
    if count <= 0:
        return
    waiting = (node for node in nodes.tasks if scope.task(node.index).status is TaskStatus.WAITING)
    first = [node for node, _ in zip(waiting, range(FEW), strict=False)]
    if first:
        behind = _dependency(state, nodes, scope, "", first[0], first[0].id)
        if count > 1:
            text = f"{count:,} tasks wait for others; {first[0].id} for {behind.blocking['path']}."
            behind = behind._replace(message=text)
        yield behind._replace(paths=tuple(node.id for node in first), many=count)


def _of_task(state: ExecutionState, path: str) -> Iterator[Cause]:
    undone = undone_by(path)
    if undone is not None:
        yield from _of_undo(state, path, undone)
        return
    if state.status in FINAL_EXECUTION:
        yield _ended(state)._replace(path=path)
        return
    way = levels(state, path)
    yield from _at(state, path, way)
    yield from (one for one in map(_note, _around(state)) if one is not None)


def _note(cause: Cause) -> Cause | None:
    return None if cause.code == "about-to-go-on" else cause


def _of_undo(state: ExecutionState, path: str, undone: str) -> Iterator[Cause]:
    number = state.undo.number(undone)
    if number is None:
        text = f"{undone} has nothing to be undone so far."
        yield Cause("not-begun", path, text, {"kind": "task", "path": undone}, paths=(path,))
        return
    task = state.undo.entry(number).task
    if task.status in FINAL_TASK:
        yield _task_ended(state, path, task)
    elif number in state.undo.working:
        yield from below(state, node_of(state.graph, path), path, task)
    elif state.status in FINAL_EXECUTION or not state.undo.open:
        text = f"Nothing is being undone; it would be if {undone or 'the execution'} had to be."
        yield Cause("not-begun", path, text, {"kind": "task", "path": undone}, paths=(path,))
    else:
        for one in survey(state):
            yield one._replace(chain=(_step(state, path, "waiting"), _step(state, one.path, "")))
        text = "What was done after it is undone before it."
        yield Cause("dependency-open", path, text, {"kind": "undo", "path": undone}, paths=(path,))


def _step(state: ExecutionState, path: str, status: str) -> Step:
    return Step(state.execution_id, path, status)


def _at(state: ExecutionState, path: str, way: list[Level]) -> Iterator[Cause]:
    """Yield why the task does not go on to which a way leads, or the last thing on it that there is."""
    level = way[-1]
    node = level.nodes.tasks[level.position]
    prefix = _prefix(level)
    here, task = prefix + node.id, level.graph.task(level.position)
    if level.item is not None and node.item is not None:
        owner, here = here, item_path(here, level.item)
        item = task.items.flight.get(level.item) if task.items is not None else None
        if item is None:
            yield from _no_item(state, level, node, owner, here, task, path)
            return
        node, task = node.item, item
    if here == path:
        yield from _exactly(state, level, node, path, task)
    else:
        yield from _outside(state, level, node, here, task, path)


def _prefix(level: Level) -> str:
    if level.inside is None:
        return ""
    return f"{inside_path(level.owner, level.nodes, level.inside)}/"


def _exactly(
    state: ExecutionState, level: Level, node: TaskNode, path: str, task: TaskState
) -> Iterator[Cause]:
    """Yield why a task does not go on that the state knows."""
    if task.status in FINAL_TASK:
        yield _task_ended(state, path, task)
    elif task.status is TaskStatus.WAITING:
        yield from _waiting(state, level, path)
    elif task.status is TaskStatus.READY and level.item is None and task.child is None:
        yield from _ready(state, level, path)
    else:
        yield from _chained(state, (_step(state, path, task.status.value),), below(state, node, path, task))
        yield from _asked_within(state, path)


def _asked_within(state: ExecutionState, path: str) -> Iterator[Cause]:
    """Yield what a task waits for that is neither a task nor an item inside it."""
    within = (f"{path}/", f"{path}[")
    for asked in state.asks.values():
        if asked.path == path or asked.path.startswith(within):
            yield question(state, asked)
    if any(one.path == path or one.path.startswith(within) for one in state.undo.open):
        yield from undoing(state)


def _chained(state: ExecutionState, chain: tuple[Step, ...], causes: Iterable[Cause]) -> Iterator[Cause]:
    """Yield causes with the way to them, which ends with the task that each is about."""
    for cause in causes:
        last = (
            chain
            if cause.path in ("", chain[-1].path)
            else (*chain, _step(state, cause.path, _status(state, cause.path)))
        )
        yield cause._replace(chain=last)


def _status(state: ExecutionState, path: str) -> str:
    task = state.task(path)
    return TaskStatus.WAITING.value if task is None else task.status.value


def _task_ended(state: ExecutionState, path: str, task: TaskState) -> Cause:
    error, reason = task.error, task.reason
    said = f": {error.code}: {error.message}" if error is not None else f" ({reason})" if reason else ""
    if task.status is TaskStatus.UNREACHABLE:
        said = f", because {reason} did not succeed" + _why(state, reason or "")
    blocking = {"kind": "task", "path": reason if task.status is TaskStatus.UNREACHABLE else path}
    text = f"The task has ended as {task.status.value}{said}"
    chain = tuple(_down(state, path)) if task.status is TaskStatus.UNREACHABLE else ()
    text = text if text.endswith(".") else f"{text}."
    return Cause("ended", path, text, blocking, task.ended_at, chain=chain, paths=(path,))


def _down(state: ExecutionState, path: str) -> Iterator[Step]:
    """Yield the way from an unreachable task to the one whose end made it so."""
    seen: set[str] = set()
    task = state.task(path)
    while task is not None and path not in seen:
        seen.add(path)
        yield _step(state, path, task.status.value)
        path = task.reason or "" if task.status is TaskStatus.UNREACHABLE else path
        task = state.task(path)


def _why(state: ExecutionState, path: str) -> str:
    *_, last = (*_down(state, path), _step(state, path, ""))[:-1] or (_step(state, path, ""),)
    root = state.task(last.path) if last.path else None
    if root is None or root.error is None:
        return ""
    return f"; {last.path} {root.status.value}: {root.error.code}: {root.error.message}"


def _waiting(state: ExecutionState, level: Level, path: str) -> Iterator[Cause]:
    """Yield the roots of what a waiting task waits for, then that it waits."""
    nodes, graph, prefix = level.nodes, level.graph, _prefix(level)
    start = nodes.tasks[level.position]
    yield from _early(state, path)
    if nodes.order is not None:
        yield from _not_reached(state, level, path)
        return
    for root, chain in _roots(state, nodes, graph, prefix, start):
        node, task = nodes.tasks[root], graph.task(root)
        if task.status is TaskStatus.READY and task.child is None:
            yield from _chained(state, chain, _idle(state, nodes, graph, prefix, root))
        else:
            here = prefix + node.id
            yield from _chained(state, chain, below(state, node, here, task))
            yield from _chained(state, chain, _asked_within(state, here))
    yield _dependency(state, nodes, graph, prefix, start, path)


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
    way.append(_step(state, prefix + nodes.tasks[position].id, graph.task(position).status.value))
    while at is not None:
        way.append(_step(state, prefix + nodes.tasks[at].id, graph.task(at).status.value))
        at = came[at]
    return way[::-1]


def _dependency(
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
    inside, prefix = level.inside, _prefix(level)
    cursor = -1 if inside is None else inside.cursor
    step = level.nodes.tasks[cursor] if cursor >= 0 else None
    chain: tuple[Step, ...] = (_step(state, path, TaskStatus.WAITING.value),)
    if step is not None and step.index != level.position:
        at, task = prefix + step.id, level.graph.task(cursor)
        chain = (*chain, _step(state, at, task.status.value))
        if task.status is TaskStatus.READY and task.child is None:
            yield from _chained(state, chain, _idle(state, level.nodes, level.graph, prefix, cursor))
        else:
            yield from _chained(state, chain, below(state, step, at, task))
    yield from _chained(state, chain, _asked_within(state, level.owner))
    at_step = prefix + step.id if step is not None else None
    text = (
        "Its sequence has not taken its first step." if step is None else f"Its sequence stands at {at_step}."
    )
    blocking = {"kind": "task", "path": at_step or level.owner}
    yield Cause("step-not-reached", path, text, blocking, paths=(path,))


def _ready(state: ExecutionState, level: Level, path: str) -> Iterator[Cause]:
    """Yield why a task has not begun whose dependencies are met."""
    yield from _early(state, path)
    prefix = _prefix(level)
    causes = list(_idle(state, level.nodes, level.graph, prefix, level.position))
    if any(one.code == "window-full" for one in causes):
        chain = (_step(state, path, TaskStatus.READY.value),)
        yield from _chained(state, chain, _at_work(state, level.nodes, level.graph, prefix))
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


def _no_item(
    state: ExecutionState, level: Level, node: TaskNode, owner: str, here: str, task: TaskState, path: str
) -> Iterator[Cause]:
    """Yield why an item is not at work: the map has not begun, its window is full, or it has ended."""
    items, index = task.items, level.item or 0
    if items is None or (task.status in FINAL_TASK and items.cursor <= index):
        yield from _outside(state, level, node, owner, task, path)
    elif index >= items.width:
        text = f"{owner} has {items.width:,} items, numbered from 0."
        yield Cause("ended", path, text, {"kind": "task", "path": owner}, paths=(path,))
    elif index < items.cursor:
        mark = items.marks[index // PAGE][index % PAGE]
        text = f"Item {index} has ended as {_MARKS.get(mark, 'cancelled')}."
        yield Cause("ended", path, text, {"kind": "task", "path": here}, paths=(path,))
    else:
        chain = (_step(state, path, TaskStatus.WAITING.value),)
        at_work = (one for one in below(state, node, owner, task) if one.code != "window-full")
        yield from _chained(state, chain, at_work)
        yield map_full(node, owner, items)._replace(path=path, paths=(path,), many=1, since=task.started_at)


_MARKS = {MARK_SUCCEEDED: "succeeded", MARK_FAILED: "failed", MARK_CANCELLED: "cancelled"}


def _outside(
    state: ExecutionState, level: Level, node: TaskNode, here: str, task: TaskState, path: str
) -> Iterator[Cause]:
    """Yield why a task is not there: what it lies in has not begun, has ended, or is in another round."""
    if task.status in FINAL_TASK:
        yield _task_ended(state, here, task)._replace(path=path, paths=(path,))
        return
    if task.inside is not None:
        number = task.inside.iteration
        text = f"{here} is in round {number} now."
        yield Cause("ended" if _past(path, here, number) else "not-begun", path, text,
                    {"kind": "task", "path": here}, task.started_at, paths=(path,))  # fmt: skip
        return
    chain = _step(state, path, TaskStatus.WAITING.value)
    for cause in _exactly(state, level, node, here, task):
        yield cause._replace(chain=(chain, *(cause.chain or (_step(state, here, task.status.value),))))
    blocking = {"kind": "task", "path": here, "status": task.status.value}
    yield Cause("not-begun", path, f"{here}, in which it lies, has not begun.", blocking, paths=(path,))


def _past(path: str, here: str, iteration: int) -> bool:
    """Tell whether a path lies in a round of a composite that is over."""
    part = read_address(path)[here.count("/")]
    return bool(part.numbers) and part.numbers[-1] < iteration
