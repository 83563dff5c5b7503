"""Compute the frontier of a scope anew from the statuses of its tasks. Pure.

`frontier.put` keeps it up to date with every event; where tasks are put back, nothing can be
kept up to date, and it is found by this one look at everything.
"""

from collections.abc import Sequence

from harmonia_core.engine.frontier import count, held_in, stirs, stirs_inside, verdict
from harmonia_core.model.graph import Scope, TaskNode
from harmonia_core.model.state import PAGE, GraphState, Tally, TaskState
from harmonia_core.model.statuses import FINAL_TASK, TaskStatus

_COUNTED = frozenset({TaskStatus.RUNNING, TaskStatus.BACKOFF})
_HELD_BACK = frozenset({TaskStatus.ATTENTION, TaskStatus.BACKOFF})


def regrown(nodes: Scope, tasks: Sequence[TaskState]) -> GraphState:
    """Return the scope that holds these tasks.

    In a graph, what waits or is ready and has not begun follows from what it depends on; in a
    sequence it stands as it is given.
    """
    ready = doomed = active = stirred = outstanding = open_ = held = 0
    settled = []
    for node, given in zip(nodes.tasks, tasks, strict=True):
        task, bit = given, 1 << node.index
        if nodes.order is None and unbegun(task):
            task, lost = judged(node, tasks)
            doomed |= bit * lost
        settled.append(task)
        ready |= bit * (task.status is TaskStatus.READY)
        outstanding += task.status in _COUNTED
        if task.status in FINAL_TASK:
            continue
        open_ += 1
        held += held_in(task)
        active |= bit * (task.attempt > 0 or task.status in _HELD_BACK)
        stirred |= bit * _stirs(node, task)
    pages = tuple(tuple(settled[n : n + PAGE]) for n in range(0, len(settled), PAGE))
    return GraphState(pages, ready, doomed, active, stirred, outstanding, open_, held)


def unbegun(task: TaskState) -> bool:
    """Tell whether nothing has happened to a task but the ends of what it depends on."""
    ready = task.status is TaskStatus.READY and not task.attempt and task.reason is None
    return ready or task.status is TaskStatus.WAITING


def judged(node: TaskNode, tasks: Sequence[TaskState]) -> tuple[TaskState, bool]:
    """Return a task that has not begun as its dependencies leave it, and whether it never will.

    They count in the order in which they ended, and only until they have settled it.
    """
    total, tally = len(node.depends_on), Tally()
    said = "met" if not total else verdict(node.join, total, tally)
    ends = (tasks[place] for place in node.depends_on if tasks[place].status in FINAL_TASK)
    for ended in sorted(ends, key=lambda task: task.ended_seq or 0):
        if said != "open":
            break
        tally = count(tally, ended.status)
        said = verdict(node.join, total, tally)
    status = TaskStatus.READY if said == "met" else TaskStatus.WAITING
    return TaskState(status, tally=tally), said not in ("met", "open")


def _stirs(node: TaskNode, task: TaskState) -> bool:
    if task.items is not None:
        return stirs(node, task, task.items)
    return stirs_inside(node, task)
