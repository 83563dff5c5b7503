"""Read what an expression names out of a state: `input`, `vars`, `tasks`, `item`, `context`, `env`. Pure.

Values that stand in the state as references are taken from what is at hand; one
that is not makes the question a slow one (`NotAtHand`), never an error.
"""

from collections.abc import Callable, Mapping
from typing import Any

from harmonia_core.clock import rfc3339
from harmonia_core.errors import ExpressionError
from harmonia_core.expressions.paths import resolve
from harmonia_core.model.paths import Path
from harmonia_core.model.refs import REFS, BlobRef, ItemsRef
from harmonia_core.model.state import ExecutionState, TaskState, split
from harmonia_core.model.statuses import TaskStatus

Ref = BlobRef | ItemsRef
AtHand = Callable[[Ref, bool], Any]


class NotAtHand(Exception):
    """Name a reference whose value must be fetched before the question can be answered."""

    def __init__(self, ref: Ref) -> None:
        self.ref = ref
        super().__init__(ref)


class StateReader:
    """Resolve paths against one state, for one question.

    now: epoch seconds of the batch. env: the allowed names with their values.
    at_hand: gives a reference's value or raises NotAtHand; told whether only one item of it is read.
    """

    __slots__ = ("_at_hand", "_env", "_item", "_now", "_path", "_state")

    def __init__(
        self,
        state: ExecutionState,
        path: str,
        item: int | None,
        now: float,
        env: Mapping[str, str],
        at_hand: AtHand,
    ) -> None:
        self._state, self._path, self._item = state, path, item
        self._now, self._env, self._at_hand = now, env, at_hand

    def __call__(self, path: Path) -> Any:
        """Return what stands at a path; raise ExpressionError `path-missing`, or NotAtHand."""
        if path.root == "tasks":
            return self._task(path)
        return resolve(self._root(path.root), path.steps)

    def _task(self, path: Path) -> Any:
        steps = path.steps
        if not steps:
            return {node.id: self._whole(self._found(node.id)) for node in self._state.graph.root.tasks}
        task = self._found(str(steps[0]))
        if len(steps) == 1:
            return self._whole(task)
        field = steps[1]
        if field == "output":
            output = self._value(task.output) if task.status is TaskStatus.SUCCEEDED else None
            return resolve(output, steps[2:])
        return resolve(self._whole(task), steps[1:])

    def _found(self, task_id: str) -> TaskState:
        position = self._state.graph.root.index.get(task_id)
        if position is None:
            raise ExpressionError("path-missing", f"There is no task {task_id!r}.")
        return self._state.scope.task(position)

    def _whole(self, task: TaskState) -> dict[str, Any]:
        output = self._value(task.output) if task.status is TaskStatus.SUCCEEDED else None
        error = task.error.as_json() if task.error and task.status is TaskStatus.FAILED else None
        return {"output": output, "status": task.status.value, "error": error, "attempts": task.attempt}

    def _value(self, value: Any, in_part: bool = False) -> Any:
        return self._at_hand(value, in_part) if isinstance(value, REFS) else value

    def _root(self, root: str) -> Any:
        state = self._state
        if root == "input":
            return self._value(state.input)
        if root == "vars":
            return state.vars
        if root == "index":
            return self._item
        if root == "item":
            return self._current_item()
        if root == "env":
            return self._env
        workflow = {"name": state.graph.name, "version": state.graph.version}
        return {"workflow": workflow, "execution": state.execution_id, "now": rfc3339(self._now)}

    def _current_item(self) -> Any:
        owner = self._found(split(self._path)[0])
        items = self._value(owner.input, in_part=True)
        return items["items"][self._item]
