"""Why an execution, or one task of it, does not go on: the causes that its state knows. Pure.

What only the store and the engines know (owners, requests, children) is added in `explaining`.
"""

from collections.abc import Iterator
from itertools import islice, takewhile

from harmonia_core.engine.explain_causes import FEW, Cause, command
from harmonia_core.engine.explain_ends import ended, item_ended, task_ended
from harmonia_core.engine.explain_limits import queued
from harmonia_core.engine.explain_pause import in_pause
from harmonia_core.engine.explain_survey import below, map_full, survey
from harmonia_core.engine.explain_tasks import question
from harmonia_core.engine.explain_waiting import dependency, ready, waiting
from harmonia_core.engine.explain_ways import asked_within, chained, prefix_of, step
from harmonia_core.engine.walks import Level, levels, node_of
from harmonia_core.ids import item_path
from harmonia_core.model.addresses import read_address, undone_by
from harmonia_core.model.graph import TaskNode
from harmonia_core.model.state import ExecutionState, Question, TaskState
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
    if state.status is ExecutionStatus.PAUSED:
        found = in_pause(state, found)
    elif state.status is ExecutionStatus.QUEUED:
        found = queued(state, found)
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
        yield ended(state)
        return
    yield from survey(state)
    yield from _waiting_behind(state)
    yield from _around(state)


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
    waiting = (node for node in nodes.tasks if scope.task(node.index).status is TaskStatus.WAITING)
    first = list(islice(waiting, FEW)) if count > 0 else []
    if not first:
        return
    behind = dependency(state, nodes, scope, "", first[0], first[0].id)
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
        yield ended(state)._replace(path=path)
        return
    yield from _at(state, path, _way(state, path))
    yield from (one for one in map(_note, _around(state)) if one is not None)


def _way(state: ExecutionState, path: str) -> list[Level]:
    """Return the scopes on the way to a task, up to what is in another round than the path says."""
    whole = levels(state, path)
    return list(takewhile(lambda level: path.startswith(prefix_of(level)), whole))


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
        yield task_ended(state, path, task)
    elif number in state.undo.working:
        yield from below(state, node_of(state.graph, path), path, task)
    elif state.status in FINAL_EXECUTION or not state.undo.open:
        text = f"Nothing is being undone; it would be if {undone or 'the execution'} had to be."
        yield Cause("not-begun", path, text, {"kind": "task", "path": undone}, paths=(path,))
    else:
        for one in survey(state):
            yield one._replace(chain=(step(state, path, "waiting"), step(state, one.path, "")))
        text = "What was done after it is undone before it."
        yield Cause("dependency-open", path, text, {"kind": "undo", "path": undone}, paths=(path,))


def _at(state: ExecutionState, path: str, way: list[Level]) -> Iterator[Cause]:
    """Yield why the task does not go on to which a way leads, or the last thing on it that there is."""
    level = way[-1]
    node = level.nodes.tasks[level.position]
    prefix = prefix_of(level)
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


def _exactly(
    state: ExecutionState, level: Level, node: TaskNode, path: str, task: TaskState
) -> Iterator[Cause]:
    """Yield why a task does not go on that the state knows."""
    if task.status in FINAL_TASK:
        yield task_ended(state, path, task)
    elif task.status is TaskStatus.WAITING:
        yield from waiting(state, level, path)
    elif task.status is TaskStatus.READY and level.item is None and task.child is None:
        yield from ready(state, level, path)
    else:
        yield from chained(state, (step(state, path, task.status.value),), below(state, node, path, task))
        yield from asked_within(state, path)


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
        yield item_ended(items, index, here)
    else:
        chain = (step(state, path, TaskStatus.WAITING.value),)
        at_work = (one for one in below(state, node, owner, task) if one.code != "window-full")
        yield from chained(state, chain, at_work)
        yield map_full(node, owner, items)._replace(path=path, paths=(path,), many=1, since=task.started_at)


def _outside(
    state: ExecutionState, level: Level, node: TaskNode, here: str, task: TaskState, path: str
) -> Iterator[Cause]:
    """Yield why a task is not there: what it lies in has not begun, has ended, or is in another round."""
    if task.status in FINAL_TASK:
        yield task_ended(state, here, task)._replace(path=path, paths=(path,))
        return
    if task.inside is not None:
        number = task.inside.iteration
        text = f"{here} is in round {number} now."
        yield Cause("ended" if _past(path, here, number) else "not-begun", path, text,
                    {"kind": "task", "path": here}, task.started_at, paths=(path,))  # fmt: skip
        return
    chain = step(state, path, TaskStatus.WAITING.value)
    for cause in _exactly(state, level, node, here, task):
        yield cause._replace(chain=(chain, *(cause.chain or (step(state, here, task.status.value),))))
    blocking = {"kind": "task", "path": here, "status": task.status.value}
    yield Cause("not-begun", path, f"{here}, in which it lies, has not begun.", blocking, paths=(path,))


def _past(path: str, here: str, iteration: int) -> bool:
    """Tell whether a path lies in a round of a composite that is over."""
    part = read_address(path)[here.count("/")]
    return bool(part.numbers) and part.numbers[-1] < iteration
