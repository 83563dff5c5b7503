"""What follows once it is known whether an earlier result of a task may be used again. Pure."""

from harmonia_core.model.commands import Answer, Command, ReuseResult, ScheduleReused, ScheduleTask
from harmonia_core.model.graph import TaskNode
from harmonia_core.model.memo import Recall


def recall_of(node: TaskNode, workflow: str) -> Recall:
    """Return the question for an earlier result of a task."""
    assert node.memo is not None
    own = workflow if node.memo.scope == "workflow" else ""
    return Recall(node.memo, node.input, node.type, own)


def begin(node: TaskNode, path: str, input: Answer, found: Answer) -> list[Command]:
    """Return the first attempt of a task, or its end with an earlier result.

    An error means that nothing could be looked up: then the task does its work, and nothing is kept of it.
    """
    if found.error is not None or found.reused is None:
        memo = None if found.error is not None else found.memo
        return [ScheduleTask(path, node, 1, True, input.value, input.holes, memo=memo)]
    schedule = ScheduleReused(path, node, 1, True, input.value, input.holes)
    return [schedule, ReuseResult(path, 1, found.value, found.reused)]
