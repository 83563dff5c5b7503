"""The state of an execution: a tree of scopes, folded from the log, never changed in place.

Named tuples rather than dataclasses: a transition builds several of them, and a
tuple costs a third. Sets of tasks of a scope are bit masks over their positions,
wide scopes are pages of 256, so an event copies only what lies on its path.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from harmonia_core.model.addresses import read_address, undone_by
from harmonia_core.model.commands import Answer, AnswerKey
from harmonia_core.model.control import FREE, Control
from harmonia_core.model.family import ALONE, Family
from harmonia_core.model.graph import Graph, Scope, TaskNode
from harmonia_core.model.inbox import EMPTY, Inbox
from harmonia_core.model.outcomes import ErrorInfo
from harmonia_core.model.refs import BlobRef, Stored
from harmonia_core.model.slots import NO_SLOTS, Slots
from harmonia_core.model.statuses import FINAL_TASK, ExecutionStatus, TaskStatus
from harmonia_core.model.undo import NOTHING_UNDONE, UndoState
from harmonia_core.model.values import Hole

PAGE_BITS = 8
PAGE = 1 << PAGE_BITS
PAGE_MASK = PAGE - 1

# One byte per item: how it ended, or that it has not.
MARK_OPEN, MARK_SUCCEEDED, MARK_FAILED, MARK_CANCELLED = b".sfc"


class Tally(NamedTuple):
    """Count how the dependencies of a waiting task have ended so far."""

    succeeded: int = 0
    skipped: int = 0
    blocked: int = 0


class MapState(NamedTuple):
    """Hold the items of a running map.

    cursor: index of the next item to begin; flight: items begun and not ended;
    again: indexes in flight that are ready for another dispatch; marks: pages of
    one byte per item; held: items in attention; error, error_index: of the first
    item that failed by seq; stopped: those in flight are ended early. prior: outputs that were taken over
    from another execution, None if the map was begun in this one; the cursor then passes over what has ended.
    """

    width: int
    cursor: int = 0
    flight: "Mapping[int, TaskState]" = MappingProxyType({})
    again: tuple[int, ...] = ()
    marks: tuple[bytes, ...] = ()
    succeeded: int = 0
    failed: int = 0
    held: int = 0
    error: ErrorInfo | None = None
    error_index: int | None = None
    stopped: bool = False
    prior: BlobRef | tuple[()] | None = None

    @property
    def begun(self) -> int:
        """Return how many items have begun."""
        if self.prior is None:
            return self.cursor
        return sum(len(page) - page.count(MARK_OPEN) for page in self.marks) + len(self.flight)

    @property
    def reach(self) -> int:
        """Return how many items, from the first to the last that has begun, have a place in the output."""
        if self.prior is None:
            return self.cursor
        ended = len(b"".join(self.marks).rstrip(bytes([MARK_OPEN])))
        return max([ended, *(index + 1 for index in self.flight)])


class TaskState(NamedTuple):
    """Hold where a task or an item stands.

    attempt: number of the running or last attempt, 0 before the first.
    losses: how often in a row that attempt was lost with a process that had ended nothing.
    reason: why it stands there; while ready: `retry`, `lost`, `fired` or `total-timeout`.
    due: when its timer fires. ended_seq: of the event that made it final.
    started_at: when its first attempt began; begun_at: when the running one did.
    items: of a map; inside: of a composite. child: id of the execution that carries it out.
    memo: the key under which its result is going to be kept.
    """

    status: TaskStatus = TaskStatus.WAITING
    attempt: int = 0
    reason: str | None = None
    losses: int = 0
    tally: Tally = Tally()
    input: Stored = None
    holes: tuple[Hole, ...] = ()
    output: Stored = None
    error: ErrorInfo | None = None
    started_at: float | None = None
    ended_at: float | None = None
    ended_seq: int | None = None
    due: float | None = None
    total_deadline: float | None = None
    items: MapState | None = None
    begun_at: float | None = None
    inside: "InsideState | None" = None
    child: str | None = None
    memo: str | None = None


class GraphState(NamedTuple):
    """Hold a graph scope: pages of tasks, and its frontier.

    ready: a decision can be taken. doomed: waiting, but can no longer be met.
    active: begun and not final. stirred: maps and composites that have something to decide.
    outstanding: how many run or are in backoff; open: how many are not final;
    held: how many are in attention.
    """

    pages: tuple[tuple[TaskState, ...], ...]
    ready: int
    doomed: int = 0
    active: int = 0
    stirred: int = 0
    outstanding: int = 0
    open: int = 0
    held: int = 0

    def task(self, position: int) -> TaskState:
        """Return the task at a position of its scope."""
        return self.pages[position >> PAGE_BITS][position & PAGE_MASK]


class InsideState(NamedTuple):
    """Hold what goes on inside a composite.

    iteration: how often its tasks began anew. cursor: position of a sequence's step, -1 before the first.
    came: the step before this one. jumps: how often the cursor went back in this attempt.
    error: the one being handled; raising: it ends the composite once its last step has ended.
    stopped: why the tasks are ended early: `won`.
    """

    graph: GraphState
    vars: Mapping[str, Any] = MappingProxyType({})
    iteration: int = 0
    cursor: int = -1
    came: int = -1
    jumps: int = 0
    error: ErrorInfo | None = None
    raising: bool = False
    stopped: str | None = None


class Question(NamedTuple):
    """Remember an open question: what it is about, by its id."""

    path: str
    place: str
    attempt: int


_NOTHING: Mapping[Any, Any] = MappingProxyType({})


class ExecutionState(NamedTuple):
    """Hold everything an execution is, at `seq`.

    graph is not folded: it is what the definition hash compiles to, bound once.
    failed: paths in order of failure; error: of the first of them, or of the execution.
    asks: open questions by id; answers: recorded ones that no decision has used yet.
    ends_before: `ends` when the owner took over. undo: what can be undone, and what is.
    family: whose task the execution carries out. inbox: messages, and who waits for something from outside.
    control: how people steer it.
    slots: what holds room under a limit, or waits for it.
    """

    graph: Graph
    execution_id: str
    scope: GraphState
    seq: int = 0
    status: ExecutionStatus = ExecutionStatus.QUEUED
    reason: str | None = None
    input: Stored = None
    output: Stored = None
    error: ErrorInfo | None = None
    vars: Mapping[str, Any] = _NOTHING
    labels: Mapping[str, str] = _NOTHING
    root_id: str = ""
    started_at: float | None = None
    ended_at: float | None = None
    deadline: float | None = None
    cancelling: bool = False
    timed_out: bool = False
    failed: tuple[str, ...] = ()
    asks: Mapping[str, Question] = _NOTHING
    answers: Mapping[AnswerKey, Answer] = _NOTHING
    ends_before: int = 0
    undo: UndoState = NOTHING_UNDONE
    family: Family = ALONE
    inbox: Inbox = EMPTY
    control: Control = FREE
    slots: Slots = NO_SLOTS

    @property
    def ends(self) -> int:
        """Count what has ended so far, attempts that were retried included. Looks at every task."""
        return ends(self.scope) + self.undo.ended

    def task(self, path: str) -> TaskState | None:
        """Return a task, an item in flight or an undo by path, at any depth.

        None for items that have not begun or have ended, and for tasks of an iteration or of a
        composite that is over. Raises ValueError for brackets with no number between them.
        """
        position = self.graph.root.index.get(path)
        if position is not None:
            return self.scope.task(position)
        task_path = undone_by(path)
        if task_path is not None:
            number = self.undo.number(task_path)
            return None if number is None else self.undo.entry(number).task
        nodes, scope = self.graph.root, self.scope
        *outer, last = read_address(path)
        for name, numbers in outer:
            found = _step(nodes, scope, name, numbers)
            if found is None or found[0].scope is None or found[1].inside is None:
                return None
            nodes, inside = found[0].scope, found[1].inside
            if found[2] != ((inside.iteration,) if nodes.repeats else ()):
                return None
            scope = inside.graph
        found = _step(nodes, scope, *last)
        return None if found is None or found[2] else found[1]


Found = tuple[TaskNode, TaskState, tuple[int, ...]]


def _step(nodes: Scope, scope: GraphState, name: str, numbers: tuple[int, ...]) -> Found | None:
    """Return the task or item that a part of an address names, with the numbers left over."""
    position = nodes.index.get(name)
    if position is None:
        return None
    node, task = nodes.tasks[position], scope.task(position)
    if not numbers or node.item is None:
        return node, task, numbers
    item = task.items.flight.get(numbers[0]) if task.items else None
    return None if item is None else (node.item, item, numbers[1:])


def ends_of(task: TaskState) -> int:
    """Count what has ended in a task so far, its own end and what lies inside included."""
    count = max(task.attempt - 1, 0) + (task.status in FINAL_TASK)
    if task.items is not None:
        count += task.items.begun - len(task.items.flight)
        count += sum(ends_of(item) for item in task.items.flight.values() if item.inside is not None)
    if task.inside is not None:
        count += task.inside.iteration + ends(task.inside.graph)
    return count


def ends(scope: GraphState) -> int:
    """Count what has ended in a scope so far. Looks at every task."""
    return sum(ends_of(task) for page in scope.pages for task in page)


def begin(graph: Graph, execution_id: str) -> ExecutionState:
    """Return the state before the first event."""
    return ExecutionState(graph, execution_id, fresh_scope(graph.root))


def fresh_scope(scope: Scope) -> GraphState:
    """Return a scope in which nothing has happened; a graph's tasks without dependencies are ready."""
    waiting, able = TaskState(), TaskState(TaskStatus.READY)
    steps = scope.order is not None
    tasks = [waiting if steps or node.depends_on else able for node in scope.tasks]
    pages = tuple(tuple(tasks[n : n + PAGE]) for n in range(0, len(tasks), PAGE))
    ready = 0 if steps else sum(1 << node.index for node in scope.tasks if not node.depends_on)
    return GraphState(pages, ready, open=len(tasks))


def fresh_inside(scope: Scope, iteration: int = 0) -> InsideState:
    """Return the inside of a composite in which nothing has happened."""
    return InsideState(fresh_scope(scope), scope.vars, iteration)
