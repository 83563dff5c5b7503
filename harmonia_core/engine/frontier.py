"""Keep a graph scope's frontier: which tasks are ready, doomed, active. Pure.

`put` is the only way a task of a scope changes. It moves the masks and counters
by the difference of old and new, and tells the dependants when a task has ended.
"""

from typing import Literal

from harmonia_core.model.graph import Join, Scope, TaskNode
from harmonia_core.model.slots import GRANTED
from harmonia_core.model.state import PAGE_BITS, PAGE_MASK, GraphState, MapState, Tally, TaskState
from harmonia_core.model.statuses import FINAL_TASK, TaskStatus

Verdict = Literal["open", "met", "skip", "unreachable"]

_OUTSTANDING = frozenset({TaskStatus.RUNNING, TaskStatus.BACKOFF})
# Also without an attempt: its input or its condition could not be known, and a person decides; or it
# waits under a limit. So does one that has been let pass there and is about to begin: it holds its place.
_HELD_BACK = frozenset({TaskStatus.ATTENTION, TaskStatus.BACKOFF, TaskStatus.BLOCKED})
_READY, _WAITING = TaskStatus.READY, TaskStatus.WAITING
_SUCCEEDED, _SKIPPED, _ATTENTION = TaskStatus.SUCCEEDED, TaskStatus.SKIPPED, TaskStatus.ATTENTION


def verdict(join: Join, total: int, tally: Tally) -> Verdict:
    """Say whether the dependencies of a task are met, can still be, or never will be.

    `skip` means that only skips prevented it; anything else in the way makes it unreachable.
    """
    succeeded, skipped, blocked = tally
    ended = succeeded + skipped + blocked
    if join.count == "all":
        return _all(join, total, tally, ended)
    wanted = 1 if join.count == "any" else join.count
    reached = ended if join.done == "end" else succeeded
    if reached >= wanted:
        return "met"
    if reached + total - ended >= wanted:
        return "open"
    return "unreachable" if blocked else "skip"


def _all(join: Join, total: int, tally: Tally, ended: int) -> Verdict:
    if tally.blocked and join.done != "end":
        return "unreachable"
    if tally.skipped and join.done == "success":
        return "skip"
    if ended < total:
        return "open"
    return "skip" if total and tally.skipped == total else "met"


def put(scope: GraphState, nodes: Scope, position: int, new: TaskState) -> GraphState:
    """Return the scope with one task replaced, its frontier moved along."""
    pages, ready, doomed, active, stirred, outstanding, open_, held = scope
    number, slot, bit = position >> PAGE_BITS, position & PAGE_MASK, 1 << position
    page = list(pages[number])
    old, page[slot] = page[slot], new
    before, after = old.status, new.status
    touched = {number: page}
    final = after in FINAL_TASK
    if after is not before:
        if after is _READY or before is _READY:
            ready ^= bit
        outstanding += (after in _OUTSTANDING) - (before in _OUTSTANDING)
        if doomed & bit:
            doomed ^= bit
        if final and before not in FINAL_TASK:
            open_ -= 1
            for dependent in nodes.tasks[position].dependents:
                if not doomed >> dependent & 1:  # otherwise the ends before this one have settled it
                    grown, lost = _tell(touched, pages, nodes, dependent, after)
                    ready |= grown
                    doomed |= lost
    granted = after is _READY and new.reason == GRANTED
    if ((new.attempt > 0 or after in _HELD_BACK or granted) and not final) is not (active & bit != 0):
        active ^= bit
    if (
        new.items is not None
        or new.inside is not None
        or old.items is not None
        or after is _ATTENTION
        or before is _ATTENTION
    ):
        held += held_in(new) - held_in(old)
        stir = not final and _stirs(nodes.tasks[position], new)
        if stir is not (stirred & bit != 0):
            stirred ^= bit
    fresh = list(pages)
    for number, page in touched.items():
        fresh[number] = tuple(page)
    return GraphState(tuple(fresh), ready, doomed, active, stirred, outstanding, open_, held)


def held_in(task: TaskState) -> int:
    """Count the tasks and items in attention that a task is or holds."""
    if task.status in FINAL_TASK:
        return 0
    held = (task.status is _ATTENTION) + (task.items.held if task.items else 0)
    return held + (task.inside.graph.held if task.inside else 0)


def _stirs(node: TaskNode, task: TaskState) -> bool:
    if task.items is not None:
        return stirs(node, task, task.items)
    return stirs_inside(node, task)


def stirs_inside(node: TaskNode, task: TaskState) -> bool:
    """Tell whether a composite has something to decide: inside it, or its own end."""
    nodes, inside = node.scope, task.inside
    if nodes is None or inside is None or task.status is not TaskStatus.RUNNING:
        return False
    graph = inside.graph
    if graph.ready or graph.doomed or graph.stirred or not graph.open:
        return True
    if task.reason == "total-timeout" or inside.stopped is not None:
        return True
    if nodes.order is not None:
        return inside.cursor < 0 or graph.task(inside.cursor).status in FINAL_TASK
    if nodes.enough is None:
        return False
    return sum(task.status is _SUCCEEDED for page in graph.pages for task in page) >= nodes.enough


def _tell(
    touched: dict[int, list[TaskState]],
    pages: tuple[tuple[TaskState, ...], ...],
    nodes: Scope,
    position: int,
    ended: TaskStatus,
) -> tuple[int, int]:
    """Count one ended dependency at a dependant; return the bits that became ready and doomed."""
    number, slot = position >> PAGE_BITS, position & PAGE_MASK
    page = touched.get(number)
    if page is None:
        page = touched[number] = list(pages[number])
    task = page[slot]
    if task.status is not _WAITING:
        return 0, 0
    tally = count(task.tally, ended)
    node = nodes.tasks[position]
    judged = verdict(node.join, len(node.depends_on), tally)
    page[slot] = TaskState(_READY if judged == "met" else _WAITING, tally=tally)
    if judged == "met":
        return 1 << position, 0
    return 0, 0 if judged == "open" else 1 << position


def count(tally: Tally, ended: TaskStatus) -> Tally:
    """Return the tally with one more ended dependency."""
    succeeded, skipped, blocked = tally
    if ended is _SUCCEEDED:
        return Tally(succeeded + 1, skipped, blocked)
    if ended is _SKIPPED:
        return Tally(succeeded, skipped + 1, blocked)
    return Tally(succeeded, skipped, blocked + 1)


def stirs(node: TaskNode, task: TaskState, items: MapState) -> bool:
    """Tell whether a map has something to decide: items to begin or repeat, or its own end."""
    if task.status is _ATTENTION:
        return False
    over = items.cursor == items.width or (items.failed > 0 and node.gives_up(items.failed, items.width))
    if items.again or (over and not items.flight) or task.reason == "total-timeout" or items.stopped:
        return True
    if node.enough is not None and items.succeeded >= node.enough:
        return True
    return not over and len(items.flight) < node.window
