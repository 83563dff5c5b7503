"""What the maintained frontier must equal: a scan of every task at every level, without any short cut."""

from harmonia_core.engine.frontier import count, verdict
from harmonia_core.model.graph import Scope, TaskNode
from harmonia_core.model.state import ExecutionState, GraphState, InsideState, MapState, Tally, TaskState
from harmonia_core.model.statuses import FINAL_TASK, ExecutionStatus, TaskStatus


def naive(nodes: Scope, scope: GraphState) -> dict[str, int]:
    """Say what the frontier of a scope should be, by looking at every task; check those inside."""
    found = dict.fromkeys(("ready", "doomed", "active", "stirred", "outstanding", "open", "held"), 0)
    for node in nodes.tasks:
        task, bit = scope.task(node.index), 1 << node.index
        found["ready"] += bit * (task.status is TaskStatus.READY)
        begun = task.attempt > 0 or task.status in (TaskStatus.ATTENTION, TaskStatus.BACKOFF)
        found["active"] += bit * (begun and task.status not in FINAL_TASK)
        found["outstanding"] += task.status in (TaskStatus.RUNNING, TaskStatus.BACKOFF)
        found["open"] += task.status not in FINAL_TASK
        held, stirred = within(node, task)
        if task.status not in FINAL_TASK:
            found["held"] += (task.status is TaskStatus.ATTENTION) + held
            found["stirred"] += bit * stirred
        if task.status is TaskStatus.WAITING and nodes.order is None:
            found["doomed"] += bit * doomed(scope, node)
    return found


def within(node: TaskNode, task: TaskState) -> tuple[int, bool]:
    """Return how much of a map or composite is held, and whether it has something to decide."""
    if task.items is not None and task.status not in FINAL_TASK and node.item is not None:
        held = marks_agree(task.items, node.item)
        return held, something_to_decide(task, task.items, node)
    if task.inside is not None and node.scope is not None:
        same(task.inside.graph, naive(node.scope, task.inside.graph))
        return task.inside.graph.held, composite_stirs(node.scope, task, task.inside)
    return 0, False


def composite_stirs(nodes: Scope, task: TaskState, inside: InsideState) -> bool:
    graph = inside.graph
    if task.status is not TaskStatus.RUNNING:
        return False
    tasks = [graph.task(node.index) for node in nodes.tasks]
    if graph.ready or graph.doomed or graph.stirred or all(one.status in FINAL_TASK for one in tasks):
        return True
    if task.reason == "total-timeout" or inside.stopped:
        return True
    if nodes.order is not None:
        return inside.cursor < 0 or tasks[inside.cursor].status in FINAL_TASK
    won = sum(one.status is TaskStatus.SUCCEEDED for one in tasks)
    return nodes.enough is not None and won >= nodes.enough


def doomed(scope: GraphState, node: TaskNode) -> bool:
    """Count the ended dependencies of a waiting task; it must not be able to begin."""
    tally = Tally()
    for position in node.depends_on:
        status = scope.task(position).status
        tally = count(tally, status) if status in FINAL_TASK else tally
    judged = verdict(node.join, len(node.depends_on), tally)
    assert judged != "met", "a task whose dependencies are met is not ready"
    if judged == "open":
        assert scope.task(node.index).tally == tally
    return judged != "open"


def something_to_decide(task: TaskState, items: MapState, node: TaskNode) -> bool:
    assert node.item is not None
    if task.status is TaskStatus.ATTENTION:
        return False
    if task.reason == "total-timeout" or any(stirred(node.item, one) for one in items.flight.values()):
        return True
    if items.stopped or (node.enough is not None and items.succeeded >= node.enough):
        return True
    over = (items.failed and node.gives_up(items.failed, items.width)) or items.cursor == items.width
    return not items.flight if over else len(items.flight) < node.window


def stirred(node: TaskNode, item: TaskState) -> bool:
    return item.status is TaskStatus.READY or within(node, item)[1]


def marks_agree(items: MapState, node: TaskNode) -> int:
    """Check an open map's counters against its marks; return how many items are held."""
    marks = b"".join(items.marks)
    assert len(marks) == items.width
    open_ = [n for n in range(items.width) if marks[n : n + 1] == b"."]
    if items.prior is None:
        assert [n for n in open_ if n < items.cursor] == sorted(items.flight)
    else:
        # Taken over from another execution: the cursor passes over what has ended or is in flight.
        assert set(items.flight) <= set(open_)
        assert items.cursor == min(set(open_) - set(items.flight), default=items.width)
    assert (marks.count(b"s"), marks.count(b"f")) == (items.succeeded, items.failed)
    assert sorted(items.again) == sorted(n for n, item in items.flight.items() if stirred(node, item))
    held = sum(
        (item.status is TaskStatus.ATTENTION) + within(node, item)[0] for item in items.flight.values()
    )
    assert held == items.held
    return held


def agree(state: ExecutionState) -> None:
    """Assert that what is maintained, at every level, is what a scan finds."""
    same(state.scope, naive(state.graph.root, state.scope))
    waits_for_a_person(state)


def waits_for_a_person(state: ExecutionState) -> None:
    """Assert that an execution is in attention if a person has to decide about what keeps it from going on.

    While it is being ended, or undone, a task in attention keeps nobody; an undo in attention does.
    """
    status, undos = state.status, state.undo.held
    if status in (ExecutionStatus.RUNNING, ExecutionStatus.ATTENTION):
        assert (status is ExecutionStatus.ATTENTION) == (state.scope.held + undos > 0)
    elif status in (ExecutionStatus.CANCELLING, ExecutionStatus.COMPENSATING):
        assert not undos


def same(scope: GraphState, found: dict[str, int]) -> None:
    assert {name: getattr(scope, name) for name in found} == found
