"""Begin the task types that the engine itself carries out. Pure."""

from collections.abc import Callable
from typing import Any

from harmonia_core.engine import approvals, children, messages
from harmonia_core.engine.item_values import width_of
from harmonia_core.engine.walks import levels
from harmonia_core.model.commands import (
    Answer,
    Command,
    FailTask,
    RequestChild,
    ScheduleTask,
    SetVariables,
    StartTimer,
    SucceedTask,
)
from harmonia_core.model.graph import TaskNode
from harmonia_core.model.outcomes import ErrorInfo
from harmonia_core.model.policies import read_duration, read_moment
from harmonia_core.model.refs import BlobRef
from harmonia_core.model.state import ExecutionState, TaskState


def begin(node: TaskNode, path: str, answer: Answer, state: ExecutionState) -> list[Command]:
    """Return the commands with which a kernel task begins, and ends if it needs no time."""
    return _BEGIN[node.type](node, path, answer, state)


def once_more(node: TaskNode, path: str, task: TaskState, state: ExecutionState) -> list[Command]:
    """Return the commands of a further attempt, with the input of the first."""
    attempt = task.attempt + 1
    found: list[Command] = []
    for command in begin(node, path, Answer(task.input, task.holes), state):
        if isinstance(command, ScheduleTask):
            command = command._replace(attempt=attempt, first=False)
        elif isinstance(command, SucceedTask | FailTask | RequestChild):
            command = command._replace(attempt=attempt)
        found.append(command)
    return found


def _noop(node: TaskNode, path: str, answer: Answer, state: ExecutionState) -> list[Command]:
    return [_schedule(node, path, answer), SucceedTask(path, 1, answer.value)]


def _fail(node: TaskNode, path: str, answer: Answer, state: ExecutionState) -> list[Command]:
    wish: Any = answer.value if isinstance(answer.value, dict) else {}
    code, message = wish.get("error") or "failed", wish.get("message") or "Failed on purpose."
    error = ErrorInfo("task", str(code), str(message), retryable=False)
    return [_schedule(node, path, answer), FailTask(path, 1, error)]


def _wait(node: TaskNode, path: str, answer: Answer, state: ExecutionState) -> list[Command]:
    wish = answer.value if isinstance(answer.value, dict) else {}
    word = "duration" if wish.get("until") is None else "until"
    try:
        if word == "until":
            timer = StartTimer(path, 0.0, read_moment(wish["until"]))
        else:
            timer = StartTimer(path, read_duration(wish.get("duration")))
    except ValueError as reason:
        return [_schedule(node, path, answer), FailTask(path, 1, _invalid(f"{word}: {reason}"))]
    return [_schedule(node, path, answer), timer]


def _map(node: TaskNode, path: str, answer: Answer, state: ExecutionState) -> list[Command]:
    width = answer.width if isinstance(answer.value, BlobRef) else width_of(answer.value, node.batch)
    if width is None:
        return [
            _schedule(node, path, answer),
            FailTask(path, 1, _invalid("no list of `items`, and no `range` of whole numbers")),
        ]
    return [ScheduleTask(path, node, 1, True, answer.value, answer.holes, width)]


def _set(node: TaskNode, path: str, answer: Answer, state: ExecutionState) -> list[Command]:
    if not isinstance(answer.value, dict):
        return [_schedule(node, path, answer), FailTask(path, 1, _invalid("values: not an object at hand"))]
    found: dict[str, dict[str, Any]] = {}
    around = levels(state, path)
    for name, value in answer.value.items():
        owner = next((level.owner for level in reversed(around) if name in level.nodes.vars), "")
        found.setdefault(owner, {})[name] = value
    commands: list[Command] = [_schedule(node, path, answer)]
    commands += [SetVariables(owner, values) for owner, values in found.items()]
    return [*commands, SucceedTask(path, 1, None)]


def _invalid(message: str) -> ErrorInfo:
    return ErrorInfo("validation", "input-invalid", message, retryable=False)


def _schedule(node: TaskNode, path: str, answer: Answer) -> ScheduleTask:
    return ScheduleTask(path, node, 1, True, answer.value, answer.holes)


_BEGIN: dict[str, Callable[[TaskNode, str, Answer, ExecutionState], list[Command]]] = {
    "noop": _noop,
    "fail": _fail,
    "wait": _wait,
    "map": _map,
    "set": _set,
    "subworkflow": children.begin,
    "event": messages.begin_event,
    "emit": messages.begin_emit,
    "approval": approvals.begin,
}
