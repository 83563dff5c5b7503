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
from harmonia_core.model.events import Place
from harmonia_core.model.graph import Graph, TaskNode
from harmonia_core.model.outcomes import ErrorInfo
from harmonia_core.model.refs import ItemsRef
from harmonia_core.model.state import ExecutionState, GraphState, MapState, TaskState
from harmonia_core.model.statuses import FINAL_EXECUTION, ExecutionStatus, TaskStatus

MAX_LOSSES = 3

_BLOCKING = frozenset({TaskStatus.FAILED, TaskStatus.CANCELLED, TaskStatus.UNREACHABLE})
_EMPTY: Answers = {}


def decide(graph: Graph, state: ExecutionState, answers: Answers = _EMPTY) -> list[Command]:
    """Return the commands that the state calls for; none if it only waits or has ended."""
    if state.status in FINAL_EXECUTION or state.status is ExecutionStatus.QUEUED:
        return []
    if state.cancelling or state.timed_out:
        return wind_down(graph, state)
    commands: list[Command] = []
    scope = state.scope
    if scope.doomed:
        _doomed(graph, scope, commands)
    if scope.ready:
        _ready(graph, state, answers, commands)
    if scope.stirred:
        for position in positions(scope.stirred):
            _map(graph.root.tasks[position], scope.task(position), state, answers, commands)
    if not commands and not scope.open:
        commands.append(_finish(graph, state, answers))
        return [command for command in commands if not _open(command, state)]
    return commands


def positions(mask: int) -> Iterator[int]:
    """Yield the positions whose bits are set, ascending."""
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low


def _open(command: Command, state: ExecutionState) -> bool:
    return isinstance(command, Ask) and _asked(state, command.path, command.place)


def _asked(state: ExecutionState, path: str, place: Place) -> bool:
    return any(asked.path == path and asked.place == place for asked in state.asks.values())


def _doomed(graph: Graph, scope: GraphState, out: list[Command]) -> None:
    for position in positions(scope.doomed):
        node = graph.root.tasks[position]
        tally = scope.task(position).tally
        if verdict(node.join, len(node.depends_on), tally) == "skip":
            out.append(SkipTask(node.id, "dependencies-skipped"))
        else:
            blocking = (d for d in node.depends_on if scope.task(d).status in _BLOCKING)
            out.append(MarkUnreachable(node.id, graph.root.tasks[next(blocking)].id))


def _ready(graph: Graph, state: ExecutionState, answers: Answers, out: list[Command]) -> None:
    room = graph.root.window - state.scope.outstanding - len(state.asks)
    mask = state.scope.ready
    while mask and room > 0:
        low = mask & -mask
        mask ^= low
        position = low.bit_length() - 1
        node = graph.root.tasks[position]
        _begin(node, node.id, state.scope.task(position), state, answers, out)
        room -= 1


def _begin(
    node: TaskNode,
    path: str,
    task: TaskState,
    state: ExecutionState,
    answers: Answers,
    out: list[Command],
    item: int | None = None,
) -> bool:
    """Take one ready task a step further; tell whether more than a question came of it."""
    if task.attempt:
        out.append(_again(node, path, task))
        return True
    if node.when is not None:
        answer = _answer(answers, state, (path, "when"))
        if answer is None:
            return _ask(Ask(path, "when", node.when, 0, item, node), state, out)
        if answer.error is not None:
            out.append(FailTask(path, 0, answer.error))
            return True
        if answer.value is False:
            out.append(SkipTask(path, "when"))
            return True
    if node.input.constant:
        answer = Answer(node.input.value)
    else:
        found = _answer(answers, state, (path, "input"))
        if found is None:
            return _ask(Ask(path, "input", node.input, 0, item, node), state, out)
        answer = found
    if answer.error is not None:
        out.append(FailTask(path, 0, answer.error))
    elif node.kernel:
        out.extend(kernel_tasks.begin(node, path, answer))
    else:
        out.append(ScheduleTask(path, node, 1, True, answer.value, answer.holes))
    return True


def _answer(answers: Answers, state: ExecutionState, key: AnswerKey) -> Answer | None:
    return answers.get(key) or (state.answers.get(key) if state.answers else None)


def _ask(ask: Ask, state: ExecutionState, out: list[Command]) -> bool:
    if not (state.asks and _asked(state, ask.path, ask.place)):
        out.append(ask)
    return False


def _again(node: TaskNode, path: str, task: TaskState) -> Command:
    """Decide on a task that has begun before and is ready once more."""
    if task.reason == "fired":
        return SucceedTask(path, task.attempt, kernel_tasks.waited(task.input))
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


def _map(
    node: TaskNode, task: TaskState, state: ExecutionState, answers: Answers, out: list[Command]
) -> None:
    items, inner = task.items, node.item
    if items is None or inner is None:
        return
    for index in items.again:
        out.append(_again(inner, f"{node.id}[{index}]", items.flight[index]))
    if not items.failed:
        _begin_items(node, inner, items, state, answers, out)
    if not items.flight and (items.failed or items.cursor == items.width):
        out.append(_end_map(node, task, items))


def _begin_items(
    node: TaskNode,
    inner: TaskNode,
    items: MapState,
    state: ExecutionState,
    answers: Answers,
    out: list[Command],
) -> None:
    stop = min(items.width, items.cursor + node.window - len(items.flight))
    fresh = TaskState(TaskStatus.READY)
    in_order = True
    for index in range(items.cursor, stop):
        path = f"{node.id}[{index}]"
        step: list[Command] = []
        moved = _begin(inner, path, fresh, state, answers, step, index)
        # The cursor is one number, so an item waits for the answers of those before it.
        if in_order or not moved:
            out.extend(step)
        in_order = in_order and moved


def _end_map(node: TaskNode, task: TaskState, items: MapState) -> Command:
    if not items.failed:
        return SucceedTask(node.id, task.attempt, ItemsRef(node.id, items.width))
    cause = items.error.message if items.error else ""
    message = f"Item {items.error_index} failed: {cause}"
    details = {"item": items.error_index, "failed": items.failed, "begun": items.cursor, "count": items.width}
    category = items.error.category if items.error else "task"
    error = ErrorInfo(category, "item-failed", message, retryable=False, details=details, cause=cause)
    return FailTask(node.id, task.attempt, error)


def _finish(graph: Graph, state: ExecutionState, answers: Answers) -> Command:
    if state.failed and state.error is not None:
        return FailExecution(state.error, state.failed)
    if graph.output is None:
        return CompleteExecution(None)
    answer = _answer(answers, state, ("", "output"))
    if answer is None:
        return Ask("", "output", graph.output)
    if answer.error is not None:
        return FailExecution(answer.error, ())
    return CompleteExecution(answer.value)
