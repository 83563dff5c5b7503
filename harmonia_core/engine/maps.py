"""Take the items of a map further: repeat, begin and end them, and then the map itself. Pure."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from harmonia_core.engine.ends import not_enough, total_timeout
from harmonia_core.engine.items import next_open
from harmonia_core.engine.winding import wind
from harmonia_core.ids import item_path
from harmonia_core.model.commands import Command, FailTask, StopScope, SucceedTask
from harmonia_core.model.graph import TaskNode
from harmonia_core.model.outcomes import ErrorInfo
from harmonia_core.model.refs import ItemsRef
from harmonia_core.model.state import MapState, TaskState
from harmonia_core.model.statuses import TaskStatus

if TYPE_CHECKING:
    from harmonia_core.engine.turn import Turn

_FRESH = TaskState(TaskStatus.READY)


def go_on(turn: "Turn", node: TaskNode, path: str, task: TaskState) -> None:
    """Decide on a map that has something to decide."""
    items, inner = task.items, node.item
    assert items is not None and inner is not None
    if task.reason == "total-timeout" or items.stopped:
        _wind(turn, node, path, task, items)
        return
    if node.enough is not None and items.succeeded >= node.enough:
        if items.flight:
            turn.out.append(StopScope(path, "won", path))
        else:
            _succeed(turn, node, path, task, items)
        return
    for index in items.again:
        item = items.flight[index]
        if item.status is TaskStatus.READY:
            turn.begin(inner, item_path(path, index), item, turn.out)
        else:
            turn.go_on(inner, item_path(path, index), item)
    given_up = items.failed > 0 and node.gives_up(items.failed, items.width)
    if not given_up:
        _begin_items(turn, node, inner, path, items)
    if not items.flight and (given_up or items.cursor == items.width):
        _end(turn, node, path, task, items, given_up)


def _begin_items(turn: "Turn", node: TaskNode, inner: TaskNode, path: str, items: MapState) -> None:
    in_order = True
    for index in _next(items, node.window - len(items.flight)):
        step: list[Command] = []
        moved = turn.begin(inner, item_path(path, index), _FRESH, step)
        # The cursor is one number, so an item waits for the answers of those before it.
        if in_order or not moved:
            turn.out.extend(step)
        in_order = in_order and moved


def _next(items: MapState, room: int) -> Iterable[int]:
    """Return the items that may begin next, as far as there is room."""
    if items.prior is None:
        return range(items.cursor, min(items.width, items.cursor + room))
    found: list[int] = []
    index = items.cursor
    while index < items.width and len(found) < room:
        found.append(index)
        index = next_open(items, index + 1)
    return found


def _wind(turn: "Turn", node: TaskNode, path: str, task: TaskState, items: MapState) -> None:
    """End a map early: its items first, those that run by their own outcome."""
    for index, item in items.flight.items():
        wind(turn, node.item, item_path(path, index), item)  # type: ignore[arg-type]
    if items.flight:
        return
    if task.reason == "total-timeout":
        turn.out.append(FailTask(path, task.attempt, total_timeout(node)))
    else:
        _succeed(turn, node, path, task, items)


def _succeed(turn: "Turn", node: TaskNode, path: str, task: TaskState, items: MapState) -> None:
    """End a map well; items that never began, because enough succeeded, have no place in its output."""
    if node.reduce is None:
        turn.out.append(SucceedTask(path, task.attempt, ItemsRef(path, items.reach, prior=items.prior)))
        return
    answer = turn.reduced(node, path, task)
    if answer is None:
        return
    if answer.error is not None:
        turn.out.append(FailTask(path, task.attempt, answer.error))
    else:
        turn.out.append(SucceedTask(path, task.attempt, answer.value))


def _end(turn: "Turn", node: TaskNode, path: str, task: TaskState, items: MapState, given_up: bool) -> None:
    if given_up:
        turn.out.append(_given_up(path, task, items))
    elif node.enough is not None:
        turn.out.append(FailTask(path, task.attempt, not_enough(node.enough)))
    else:
        _succeed(turn, node, path, task, items)


def _given_up(path: str, task: TaskState, items: MapState) -> Command:
    cause = items.error.message if items.error else ""
    message = f"Item {items.error_index} failed: {cause}"
    details = {
        "item": items.error_index,
        "failed": items.failed,
        "begun": items.begun,
        "count": items.width,
    }
    category = items.error.category if items.error else "task"
    error = ErrorInfo(category, "item-failed", message, retryable=False, details=details, cause=cause)
    return FailTask(path, task.attempt, error)
