"""Read what an expression names out of a state: `input`, `vars`, `tasks`, `item`, `context`, `env`. Pure.

Values that stand in the state as references are taken from what is at hand; one
that is not makes the question a slow one (`NotAtHand`), never an error.
"""

from collections.abc import Callable, Mapping
from typing import Any

from harmonia_core.clock import rfc3339
from harmonia_core.contracts.composite import CURSOR
from harmonia_core.engine.item_values import item_at
from harmonia_core.engine.walks import Level, visible
from harmonia_core.errors import ExpressionError
from harmonia_core.expressions.paths import resolve
from harmonia_core.model.events import Place
from harmonia_core.model.graph import Catch, Jump, Rule, Scope
from harmonia_core.model.paths import Path
from harmonia_core.model.refs import REFS, BlobRef, ItemsRef
from harmonia_core.model.state import ExecutionState, TaskState
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

    path, place: whose question it is, and which. now: epoch seconds of the batch. env: the allowed names.
    at_hand: gives a reference's value or raises NotAtHand; told whether only one item of it is read.
    """

    __slots__ = ("_at_hand", "_env", "_levels", "_now", "_path", "_place", "_state")

    def __init__(
        self,
        state: ExecutionState,
        path: str,
        place: Place,
        now: float,
        env: Mapping[str, str],
        at_hand: AtHand,
    ) -> None:
        self._state, self._path, self._place = state, path, place
        self._now, self._env, self._at_hand = now, env, at_hand
        self._levels = visible(state, path, place)

    def __call__(self, path: Path) -> Any:
        """Return what stands at a path; raise ExpressionError `path-missing`, or NotAtHand."""
        if path.root == "tasks":
            return self._task(path)
        return resolve(self._root(path.root), path.steps)

    def _task(self, path: Path) -> Any:
        steps = path.steps
        if not steps:
            return {
                node.id: self._whole(level.graph.task(node.index))
                for level in self._levels
                for node in level.nodes.tasks
            }
        task = self._found(str(steps[0]))
        if len(steps) == 1:
            return self._whole(task)
        field = steps[1]
        if field == "output":
            output = self._value(task.output) if task.status is TaskStatus.SUCCEEDED else None
            return resolve(output, steps[2:])
        return resolve(self._whole(task), steps[1:])

    def _found(self, task_id: str) -> TaskState:
        for level in reversed(self._levels):
            position = level.nodes.index.get(task_id)
            if position is not None:
                return level.graph.task(position)
        raise ExpressionError("path-missing", f"There is no task {task_id!r}.")

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
            return self._variables()
        if root == "index":
            return self._index()
        if root == "item":
            return self._current_item()
        if root == "error":
            return self._error()
        if root == "cursor":
            return self._variables().get(CURSOR)
        if root == "env":
            return self._env
        if root == "output":
            return self._output()
        workflow = {"name": state.graph.name, "version": state.graph.version}
        return {"workflow": workflow, "execution": state.execution_id, "now": rfc3339(self._now)}

    def _variables(self) -> Mapping[str, Any]:
        if len(self._levels) == 1:
            return self._state.vars
        found = dict(self._state.vars)
        for level in self._levels:
            found.update(level.inside.vars if level.inside is not None else ())
        return found

    def _index(self) -> int | None:
        """Return the number of the nearest item or iteration around."""
        for level in reversed(self._levels):
            if level.item is not None:
                return level.item
            if level.inside is not None and _has_rounds(level.nodes):
                return level.inside.jumps + self._asks_for_another(level)
        return None

    def _asks_for_another(self, level: Level) -> bool:
        """Tell whether a loop asks behind a round for its next one: `while` is about the round to come."""
        order = level.nodes.order
        if self._place != "then" or level is not self._levels[-1] or order is None:
            return False
        return order.enter[0].when is not None and order.rules[level.position].then == order.enter

    def _current_item(self) -> Any:
        for level in reversed(self._levels):
            if level.item is not None:
                node = level.nodes.tasks[level.position]
                input = self._value(level.graph.task(level.position).input, in_part=True)
                return item_at(input, level.item, node.batch)
        return None

    def _output(self) -> Any:
        """Return the output of the task that has succeeded and can be undone."""
        owed = next((owed for owed in self._state.undo.owed if owed.path == self._path), None)
        return None if owed is None else self._value(owed.output)

    def _error(self) -> Any:
        """Return the error that is being judged or handled."""
        if self._place == "caught":
            level = self._levels[-1]
            found = level.graph.task(level.position).error
        else:
            handled = (level.inside.error for level in reversed(self._levels) if level.inside is not None)
            found = next((error for error in handled if error is not None), None)
        return found.as_json() if found is not None else None


def _has_rounds(nodes: Scope) -> bool:
    """Tell whether a sequence may go back; a block that only begins anew as a whole does not count rounds."""
    if nodes.order is None:
        return False
    return any(_leads_back(number, rule) for number, rule in enumerate(nodes.order.rules))


def _leads_back(number: int, rule: Rule) -> bool:
    ways: tuple[Jump | Catch, ...] = (*rule.then, *rule.caught)
    return any(way.to is not None and way.to <= number for way in ways)
