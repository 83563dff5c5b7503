"""What happens to an execution reaches those that carry out tasks of it. Pure.

The events say what is wanted of a child; the rows that carry it there are made in `child_rows`.
"""

from collections.abc import Iterator

from harmonia_core.engine.child_folds import waits
from harmonia_core.engine.walks import begun, node_of
from harmonia_core.model.child import Child
from harmonia_core.model.control import TimersInPause
from harmonia_core.model.control_events import ChildAction
from harmonia_core.model.events import ChildControlRequested
from harmonia_core.model.state import ExecutionState, TaskState


def waited_for(state: ExecutionState) -> Iterator[tuple[str, Child, TaskState]]:
    """Yield the tasks that wait for the end of a child, each with what the child is."""
    for path, task in begun(state.graph, state):
        if task.child is None or not waits(task, task.child):
            continue
        child = node_of(state.graph, path).child
        if child is not None and not child.detach:
            yield path, child, task


def controlled(
    state: ExecutionState, action: ChildAction, timers: TimersInPause = "run"
) -> Iterator[ChildControlRequested]:
    """Yield what is asked of the children; those that go on without their task are not ended with it."""
    for path, child, task in waited_for(state):
        if action != "terminate" or not child.abandon:
            yield ChildControlRequested(path, task.child or "", action, timers)


def set_free(state: ExecutionState, only: str | None = None) -> Iterator[ChildControlRequested]:
    """Yield the resume of children that go on without their tasks, if they were paused with them.

    only: path of the one task that ends; all of them without.
    """
    if state.control.pause is None:
        return
    for path, child, task in waited_for(state):
        if child.abandon and only in (None, path):
            yield ChildControlRequested(path, task.child or "", "resume")
