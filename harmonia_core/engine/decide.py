"""Say what to do next, from the frontier alone. Pure; once per batch of events.

`decide` is idempotent: it asks for nothing that is already in flight, and the
same state gives the same commands. Answers are looked up by (path, place); what
is neither answered nor being asked becomes an `Ask`.
"""

from collections.abc import Iterator

from harmonia_core.engine import kernel_tasks
from harmonia_core.engine.frontier import verdict
from harmonia_core.engine.winding import wind_down
from harmonia_core.model.commands import (
    Answer,
    AnswerKey,
    Answers,
    Ask,
    CancelTask,
    Command,
    CompleteExecution,
    FailExecution,
    FailTask,
    HoldTask,
    MarkUnreachable,
    ScheduleTask,
    SkipTask,
    SucceedTask,
)
from harmonia_core.model.graph import Graph, TaskNode
from harmonia_core.model.outcomes import ErrorInfo
from harmonia_core.model.refs import ItemsRef
from harmonia_core.model.state import ExecutionState, MapState, TaskState
from harmonia_core.model.statuses import FINAL_EXECUTION, ExecutionStatus, TaskStatus

MAX_LOSSES = 3

_BLOCKING = frozenset({TaskStatus.FAILED, TaskStatus.CANCELLED, TaskStatus.UNREACHABLE})
_EMPTY: Answers = {}
_FRESH = TaskState(TaskStatus.READY)


def decide(graph: Graph, state: ExecutionState, answers: Answers = _EMPTY) -> list[Command]:
    """Return the commands that the state calls for; none if it only waits or has ended."""
    if state.status in FINAL_EXECUTION or state.status is ExecutionStatus.QUEUED:
        return []
    if state.cancelling or state.timed_out:
        return wind_down(graph, state)
    turn = _Turn(graph, state, answers)
    scope = state.scope
    if scope.doomed:
        turn.doomed()
    if scope.ready:
        turn.ready()
    if scope.stirred:
        for position in positions(scope.stirred):
            turn.map(graph.root.tasks[position], scope.task(position))
    if not turn.out and not scope.open:
        turn.finish()
    return turn.out


def positions(mask: int) -> Iterator[int]:
    """Yield the positions whose bits are set, ascending."""
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low


class _Turn:
    """Hold one decision: what it looks at, and the commands that come of it.

    asked: places whose questions are open; they are not asked again.
    """

    __slots__ = ("_answers", "_asked", "_graph", "_state", "out")

    def __init__(self, graph: Graph, state: ExecutionState, answers: Answers) -> None:
        self._graph, self._state, self._answers = graph, state, answers
        self._asked = {(asked.path, asked.place) for asked in state.asks.values()} if state.asks else ()
        self.out: list[Command] = []

    def doomed(self) -> None:
        """End the tasks whose dependencies can no longer be met."""
        tasks, scope = self._graph.root.tasks, self._state.scope
        for position in positions(scope.doomed):
            node = tasks[position]
            if verdict(node.join, len(node.depends_on), scope.task(position).tally) == "skip":
                self.out.append(SkipTask(node.id, "dependencies-skipped"))
                continue
            blocking = (d for d in node.depends_on if scope.task(d).status in _BLOCKING)
            first = min(blocking, key=lambda position: scope.task(position).ended_seq or 0)
            self.out.append(MarkUnreachable(node.id, tasks[first].id))

    def ready(self) -> None:
        """Take ready tasks a step further, in definition order, as far as the window has room."""
        tasks, scope = self._graph.root.tasks, self._state.scope
        room = self._graph.root.window - scope.outstanding - len(self._asked)
        mask = scope.ready
        while mask and room > 0:
            low = mask & -mask
            mask ^= low
            position = low.bit_length() - 1
            node = tasks[position]
            self._begin(node, node.id, scope.task(position), self.out)
            room -= 1

    def _begin(
        self, node: TaskNode, path: str, task: TaskState, out: list[Command], item: int | None = None
    ) -> bool:
        """Take one ready task a step further; tell whether more than a question came of it."""
        if task.attempt:
            out.append(_again(node, path, task))
            return True
        if node.when is not None:
            answer = self._answer((path, "when"))
            if answer is None:
                return self._ask(Ask(path, "when", node.when, 0, item, node), out)
            if answer.error is not None or answer.value is False:
                out.append(FailTask(path, 0, answer.error) if answer.error else SkipTask(path, "when"))
                return True
        if node.input.constant:
            answer = Answer(node.input.value)
        else:
            found = self._answer((path, "input"))
            if found is None:
                return self._ask(Ask(path, "input", node.input, 0, item, node), out)
            answer = found
        if answer.error is not None:
            out.append(FailTask(path, 0, answer.error))
        elif node.kernel:
            out.extend(kernel_tasks.begin(node, path, answer))
        else:
            out.append(ScheduleTask(path, node, 1, True, answer.value, answer.holes))
        return True

    def _answer(self, key: AnswerKey) -> Answer | None:
        found = self._answers.get(key)
        if found is None and self._state.answers:
            return self._state.answers.get(key)
        return found

    def _ask(self, ask: Ask, out: list[Command]) -> bool:
        if not self._asked or (ask.path, ask.place) not in self._asked:
            out.append(ask)
        return False

    def map(self, node: TaskNode, task: TaskState) -> None:
        """Repeat, begin and end the items of a map, and then the map itself."""
        items, inner = task.items, node.item
        assert items is not None and inner is not None
        if task.reason == "total-timeout":
            self._time_out(node, task, items)
            return
        for index in items.again:
            self.out.append(_again(inner, f"{node.id}[{index}]", items.flight[index]))
        if not items.failed:
            self._begin_items(node, inner, items)
        if not items.flight and (items.failed or items.cursor == items.width):
            self.out.append(_end_map(node, task, items))

    def _begin_items(self, node: TaskNode, inner: TaskNode, items: MapState) -> None:
        stop = min(items.width, items.cursor + node.window - len(items.flight))
        in_order = True
        for index in range(items.cursor, stop):
            step: list[Command] = []
            moved = self._begin(inner, f"{node.id}[{index}]", _FRESH, step, index)
            # The cursor is one number, so an item waits for the answers of those before it.
            if in_order or not moved:
                self.out.extend(step)
            in_order = in_order and moved

    def _time_out(self, node: TaskNode, task: TaskState, items: MapState) -> None:
        """End a map that is out of time: its items first, those that run by their own outcome."""
        for index, item in items.flight.items():
            if item.status is not TaskStatus.RUNNING:
                self.out.append(CancelTask(f"{node.id}[{index}]", item.attempt))
        if not items.flight:
            self.out.append(FailTask(node.id, task.attempt, total_timeout(node)))

    def finish(self) -> None:
        """End the execution, once its output is known."""
        state, graph = self._state, self._graph
        if state.failed and state.error is not None:
            self.out.append(FailExecution(state.error, state.failed))
            return
        if graph.output is None:
            self.out.append(CompleteExecution(None))
            return
        answer = self._answer(("", "output"))
        if answer is None:
            self._ask(Ask("", "output", graph.output), self.out)
        elif answer.error is not None:
            self.out.append(FailExecution(answer.error, ()))
        else:
            self.out.append(CompleteExecution(answer.value))


def _again(node: TaskNode, path: str, task: TaskState) -> Command:
    """Decide on a task that has begun before and is ready once more."""
    if task.reason == "fired":
        return SucceedTask(path, task.attempt, None)
    if task.reason == "total-timeout":
        return FailTask(path, task.attempt, total_timeout(node))
    if task.reason == "retry":
        return ScheduleTask(path, node, task.attempt + 1, False, task.input, task.holes)
    if not node.idempotent:
        return HoldTask(path, "lost")
    if task.losses >= MAX_LOSSES:
        return HoldTask(path, "lost-repeatedly")
    return ScheduleTask(path, node, task.attempt, False, task.input, task.holes)


def total_timeout(node: TaskNode) -> ErrorInfo:
    """Return the error of a task that ran out of its total time."""
    message = f"Not ended within its total_timeout of {node.total_timeout} s, retries and waits included."
    return ErrorInfo("timeout", "total-timeout", message, retryable=False)


def _end_map(node: TaskNode, task: TaskState, items: MapState) -> Command:
    if not items.failed:
        return SucceedTask(node.id, task.attempt, ItemsRef(node.id, items.width))
    cause = items.error.message if items.error else ""
    message = f"Item {items.error_index} failed: {cause}"
    details = {
        "item": items.error_index,
        "failed": items.failed,
        "begun": items.cursor,
        "count": items.width,
    }
    category = items.error.category if items.error else "task"
    error = ErrorInfo(category, "item-failed", message, retryable=False, details=details, cause=cause)
    return FailTask(node.id, task.attempt, error)
