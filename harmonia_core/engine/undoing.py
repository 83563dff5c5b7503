"""Decide what is undone: which entries are owed, which undo comes next, what ends compensated. Pure."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from harmonia_core.engine import kernel_tasks
from harmonia_core.engine.turn import Turn, further
from harmonia_core.engine.undo_folds import to_undo
from harmonia_core.engine.walks import node_of
from harmonia_core.ids import item_path
from harmonia_core.model import commands as c
from harmonia_core.model.addresses import UNDO, read_address, undone_by
from harmonia_core.model.commands import Answer, Command
from harmonia_core.model.graph import Graph, TaskNode
from harmonia_core.model.state import ExecutionState
from harmonia_core.model.statuses import TaskStatus
from harmonia_core.model.undo import Compensation, UndoEntry

LOOK_BACK = 1024
"""Among so many entries those are looked for that may be undone beside the next one."""


def record_owed(turn: Turn, state: ExecutionState) -> None:
    """Record how the tasks that have just succeeded can be undone, in the order of their success."""
    number, in_order = state.undo.length, True
    for owed in state.undo.owed:
        node = node_of(state.graph, owed.path).undo
        assert node is not None
        constant = Answer(node.input.value) if node.input.constant else None
        answer = constant or turn.filled(owed.path, "undo", node.input, node)
        in_order = in_order and answer is not None
        if in_order and answer is not None:
            number += 1
            turn.out.append(c.RecordUndo(owed.path, number, answer.value, answer.holes, answer.error))


def go_on(graph: Graph, state: ExecutionState) -> list[Command]:
    """Return what takes all that is being undone further."""
    return [
        command
        for one in state.undo.open
        for entry in _next(graph, state, one)
        for command in _further(graph, state, entry)
    ]


def _next(graph: Graph, state: ExecutionState, one: Compensation) -> Iterator[UndoEntry]:
    """Yield the youngest entry that is not undone, and those of other items of its map behind it."""
    undo, first = state.undo, None
    items: set[int] = set()
    for number in range(one.cursor, max(one.since, one.cursor - LOOK_BACK), -1):
        if not to_undo(undo, number, one.path):
            continue
        entry = undo.entry(number)
        place = _item_of(graph, entry.path, one.path)
        if first is None:
            first = place
        elif place is None or place.map != first.map:
            return
        if place is None:
            yield entry
            return
        if place.item not in items:
            items.add(place.item)
            yield entry
            if len(items) >= place.window:
                return


class _Item(NamedTuple):
    """Name the item of a map in which something lies. window: how many may be at work at once."""

    map: str
    item: int
    window: int


def _item_of(graph: Graph, path: str, outer: str) -> _Item | None:
    """Return the outermost item, inside of what is being undone, in which a task lies; None if in none."""
    nodes, owner = graph.root, ""
    for name, numbers in read_address(path):
        node: TaskNode = nodes.tasks[nodes.index[name]]
        owner = f"{owner}/{name}" if owner else name
        if numbers and node.item is not None:
            item = item_path(owner, numbers[0])
            if len(item) > len(outer):
                return _Item(owner, numbers[0], node.window)
            node, owner, numbers = node.item, item, numbers[1:]
        if node.scope is None:
            return None
        nodes = node.scope
        owner = owner + "".join(f"[{number}]" for number in numbers)
    return None


def _further(graph: Graph, state: ExecutionState, entry: UndoEntry) -> Iterable[Command]:
    """Return what takes one undo further; nothing if it is in flight or waits."""
    task, path = entry.task, entry.path + UNDO
    node = node_of(graph, path)
    if task.status is not TaskStatus.READY:
        return ()
    if task.attempt:
        return further(node, path, task, state)
    if entry.fault is not None:
        return (c.HoldTask(path, "undo-failed", entry.fault),)
    if node.kernel:
        return kernel_tasks.begin(node, path, Answer(task.input, task.holes), state)
    return (c.ScheduleTask(path, node, 1, True, task.input, task.holes),)


def compensated(state: ExecutionState) -> list[Command]:
    """Return what ends the execution, once all of it is undone."""
    one = state.undo.compensation("")
    if one is None or one.cursor:
        return []
    return [c.EndCompensated(state.error, state.failed)]


def heeded(graph: Graph, state: ExecutionState, commands: Iterable[Command]) -> Iterator[Command]:
    """Yield commands as their tasks' `on_failure`, and what is being undone, let them stand."""
    for command in commands:
        found: Command | None = command
        if type(command) is c.FailTask:
            found = _failing(graph, state, command)
        elif type(command) is c.CancelTask:
            one = state.undo.compensation(command.path)
            found = None if one is not None and one.cursor else command
        elif type(command) is c.FailExecution:
            if graph.on_failure == "compensate" and state.undo.standing:
                found = c.BeginCompensation("", "failed", command.error)
        elif type(command) is c.CancelExecution and state.undo.wanted:
            found = c.BeginCompensation("", "requested", state.error)
        if found is not None:
            yield found


def _failing(graph: Graph, state: ExecutionState, command: c.FailTask) -> Command | None:
    """Return what comes of a task's failure; None while what lies inside it is being undone."""
    path = command.path
    node = node_of(graph, path)
    if node.on_failure == "hold":
        return command._replace(hold=hold_reason(path))
    if node.on_failure == "fail":
        return command
    one = state.undo.compensation(path)
    if one is not None:
        return None if one.cursor else command._replace(error=one.error or command.error)
    if _any_inside(state, path):
        return c.BeginCompensation(path, "failed", command.error)
    return command


def _any_inside(state: ExecutionState, path: str) -> bool:
    undo = state.undo
    since = undo.since.get(path, undo.length)
    return any(to_undo(undo, number, path) for number in range(undo.length, since, -1))


def hold_reason(path: str) -> str:
    """Return why a task or an undo that would fail waits for a person."""
    return "failed" if undone_by(path) is None else "undo-failed"
