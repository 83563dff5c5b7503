"""What the maintained frontier must equal: a scan of every task, without any short cut."""

from typing import Any

from harmonia_core.engine.frontier import count, verdict
from harmonia_core.model.state import ExecutionState, MapState, Tally, TaskState
from harmonia_core.model.statuses import FINAL_TASK, TaskStatus


def naive(state: ExecutionState) -> dict[str, int]:
    """Say what the frontier should be, by looking at every task."""
    found = dict.fromkeys(("ready", "doomed", "active", "stirred", "outstanding", "open", "held"), 0)
    for node in state.graph.root.tasks:
        task, bit = state.scope.task(node.index), 1 << node.index
        found["ready"] += bit * (task.status is TaskStatus.READY)
        found["active"] += bit * (task.attempt > 0 and task.status not in FINAL_TASK)
        found["outstanding"] += task.status in (TaskStatus.RUNNING, TaskStatus.BACKOFF)
        found["open"] += task.status not in FINAL_TASK
        found["held"] += task.status is TaskStatus.ATTENTION
        if task.items is not None and task.status not in FINAL_TASK:
            found["held"] += marks_agree(task.items)
            found["stirred"] += bit * something_to_decide(task, task.items, node.window)
        if task.status is TaskStatus.WAITING:
            found["doomed"] += bit * doomed(state, node)
    return found


def doomed(state: ExecutionState, node: Any) -> bool:
    """Count the ended dependencies of a waiting task; it must not be able to begin."""
    tally = Tally()
    for position in node.depends_on:
        status = state.scope.task(position).status
        tally = count(tally, status) if status in FINAL_TASK else tally
    judged = verdict(node.join, len(node.depends_on), tally)
    assert judged != "met", "a task whose dependencies are met is not ready"
    if judged == "open":
        assert state.scope.task(node.index).tally == tally
    return judged != "open"


def something_to_decide(task: TaskState, items: MapState, window: int) -> bool:
    if task.reason == "total-timeout" or any(
        item.status is TaskStatus.READY for item in items.flight.values()
    ):
        return True
    over = items.failed or items.cursor == items.width
    return not items.flight if over else len(items.flight) < window


def marks_agree(items: MapState) -> int:
    """Check an open map's counters against its marks; return how many items are held."""
    marks = b"".join(items.marks)
    assert len(marks) == items.width
    open_ = [n for n in range(items.width) if marks[n : n + 1] == b"."]
    assert [n for n in open_ if n < items.cursor] == sorted(items.flight)
    assert (marks.count(b"s"), marks.count(b"f")) == (items.succeeded, items.failed)
    assert sorted(items.again) == sorted(n for n, i in items.flight.items() if i.status is TaskStatus.READY)
    held = sum(item.status is TaskStatus.ATTENTION for item in items.flight.values())
    assert held == items.held
    return held


def same(state: ExecutionState, found: dict[str, int]) -> None:
    assert {name: getattr(state.scope, name) for name in found} == found
